/**
 * One operation: what it takes, what it answers, and a line to try it with.
 */

import { h } from "../js/dom.js";
import { inline, markdown } from "./markdown.js";
import { fields, members } from "./shape.js";

export function operation(method, path, told, resolve) {
  const parameters = told.parameters.map((one) => (one.$ref ? resolve(one.$ref) : one));
  const [type, body] = Object.entries(told.requestBody?.content ?? {})[0] ?? [];
  return h("article", { class: "operation", id: told.operationId, "aria-labelledby": `${told.operationId}-name` },
    h("div", { class: "operation-words" },
      h("h3", { id: `${told.operationId}-name` }, inline(told.summary)),
      h("p", { class: "address" }, verb(method), h("code", {}, ...breakable(path)),
        h("a", { class: "anchor", href: `#${told.operationId}`, "aria-label": "Link to this operation" }, "#")),
      h("div", { class: "said" }, markdown(told.description)),
      access(told),
      parameters.length ? [h("h4", {}, "Parameters"), fields(parameters.map(parameter), resolve, true)] : null,
      body ? [h("h4", {}, "Body ", h("span", { class: "light" }, Object.keys(told.requestBody.content).join(" or "))),
        members(body.schema, resolve, true)] : null,
      h("h4", {}, "Answers"),
      h("ul", { class: "answers" }, Object.entries(told.responses).map(([status, answer]) => (
        response(status, answer.$ref ? resolve(answer.$ref) : answer, resolve))))),
    h("div", { class: "operation-code" },
      sample("Request", curl(method, path, parameters, type, body, told.security)),
      success(told)));
}

export function verb(method) {
  return h("span", { class: "verb", "data-verb": method }, method === "delete" ? "DEL" : method.toUpperCase());
}

/** A path that a narrow column may break behind a slash. */
export function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part) => [part, h("wbr")]);
}

function access(told) {
  if (!told.security.length) return h("p", { class: "access" }, h("span", { class: "chip" }, "public"));
  const roles = told["x-hub-roles"] ?? [];
  const scopes = told.security.flatMap((one) => one.key ?? []);
  return h("p", { class: "access" },
    roles.map((role) => h("span", { class: "chip" }, role.toLowerCase())),
    scopes.map((scope) => h("span", { class: "chip chip-key" }, scope)));
}

function parameter({ name, in: where, required, schema, description, explode }) {
  return { label: name, where: explode ? `${where}, repeatable` : where, required, schema, description };
}

function response(status, answer, resolve) {
  const content = Object.values(answer.content ?? {})[0];
  const headers = Object.entries(answer.headers ?? {}).map(([label, header]) => (
    { label, ...(header.$ref ? resolve(header.$ref) : header) }));
  const shape = content ? members(content.schema, resolve, false) : null;
  return h("li", {}, h("details", { class: "answer" },
    h("summary", {}, h("span", { class: "status", "data-class": status[0] }, status),
      h("span", { class: "answer-said" }, inline(answer.description))),
    shape ? [h("h5", {}, "Body"), shape] : null,
    headers.length ? [h("h5", {}, "Headers"), fields(headers, resolve, false)] : null));
}

function success(told) {
  const [status, answer] = Object.entries(told.responses).find(([code]) => code < "300") ?? [];
  const example = Object.values(answer?.content ?? {})[0]?.example;
  return example === undefined ? null : sample(`Answer ${status}`, JSON.stringify(example, null, 2));
}

/** A command that can be pasted, with what is required filled in. */
function curl(method, path, parameters, type, body, security) {
  const query = parameters.filter((one) => one.in === "query" && one.required)
    .map((one) => `${one.name}=${encodeURIComponent(one.example)}`).join("&");
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${location.origin}${path}${query && `?${query}`}"`];
  if (security.length) lines.push('-H "Authorization: Bearer $TOKEN"');
  if (parameters.some((one) => one.name === "Idempotency-Key")) lines.push('-H "Idempotency-Key: $(uuidgen)"');
  if (body) lines.push(`-H "Content-Type: ${type}"`, `-d '${JSON.stringify(body.example, null, 2)}'`);
  return lines.join(" \\\n  ");
}

/** A text to be copied. */
export function sample(label, text) {
  const button = h("button", { type: "button", class: "copy", onclick: copy }, "Copy");
  async function copy() {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
  return h("figure", { class: "sample" },
    h("figcaption", {}, label, button),
    h("pre", { tabindex: "0" }, h("code", {}, text)));
}
