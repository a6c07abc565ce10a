/**
 * What /api/v1/asyncapi.json tells, as articles: frames, topics, close codes, limits.
 */

import { h } from "../js/dom.js";
import { inline, markdown } from "./markdown.js";
import { sample } from "./operation.js";
import { members } from "./shape.js";

const ARROWS = { receive: "→", send: "←" };

/** Sections, each with articles: { id, name, said, articles: [{ id, name, mark, text, article }] }. */
export function sections(api, resolve) {
  return [
    { id: "frames", name: "Frames", said: "`→` is what a client says, `←` what the hub says; a message is one JSON object.",
      articles: Object.values(api.components.messages).map((message) => frame(api, message, resolve)) },
    { id: "topics", name: "Topics", said: "What can be watched, and what narrows it: all that is given must hold.",
      articles: Object.entries(api["x-hub-topics"]).map(([name, told]) => topic(name, told, resolve)) },
    { id: "ways", name: "Two ways", said: "The same session either way.",
      articles: Object.entries(api.channels).map(([name, told]) => way(api, name, told, resolve)) },
    { id: "ends", name: "Ends and limits", said: "A code's range is the verdict: a client need not know the code.",
      articles: [closes(api["x-hub-close-codes"]), limits(api["x-hub-limits"])] },
  ];
}

function article(id, name, mark, words, code = null) {
  const body = h("article", { class: code ? "operation" : "operation operation-wide", id, "aria-labelledby": `${id}-name` },
    h("div", { class: "operation-words" }, h("h3", { id: `${id}-name` }, mark ? [mark, " "] : null, h("code", {}, name),
      h("a", { class: "anchor", href: `#${id}`, "aria-label": "Link to this" }, " #")), words),
    code ? h("div", { class: "operation-code" }, code) : null);
  return { id, name, mark, text: body.textContent.toLowerCase(), article: body };
}

function frame(api, { name, summary, payload, examples }, resolve) {
  const said = Object.values(api.operations).some(({ action, messages }) => (
    action === "receive" && messages.some((one) => one.$ref.endsWith(`/${name}`))));
  const answers = (api.operations[name]?.reply?.messages ?? []).map((one) => one.$ref.slice(one.$ref.lastIndexOf("/") + 1));
  return article(`frame-${name}`, name, said ? ARROWS.receive : ARROWS.send, [
    h("p", { class: "said" }, inline(summary)),
    answers.length ? h("p", { class: "quiet" }, "Answered by ", answers.flatMap((one, number) => [number ? ", " : "",
      h("a", { href: `#frame-${one}` }, one)]), ".") : null,
    h("h4", {}, "Members"), members(payload, resolve, said)],
  sample("Example", JSON.stringify(examples[0].payload, null, 2)));
}

function topic(name, { description, filter }, resolve) {
  return article(`topic-${name}`, name, null, [
    h("div", { class: "said" }, markdown(description)), h("h4", {}, "Filter"), members(filter, resolve, false)]);
}

function way(api, name, { address, description }, resolve) {
  const query = Object.values(api.operations).find(({ channel, bindings }) => (
    channel.$ref.endsWith(`/${name}`) && bindings?.http))?.bindings.http.query;
  return article(`way-${name}`, address, null, [
    h("div", { class: "said" }, markdown(description)),
    ...(query ? [h("h4", {}, "Query"), members(query, resolve, false)] : [])]);
}

function closes(codes) {
  return article("close-codes", "close codes", null, table(["Code", "Do", "Means"],
    codes.map(({ code, verdict, description }) => [h("code", {}, String(code)), verdict, inline(description)])));
}

function limits(all) {
  return article("limits", "limits", null, table(["Here", "Of what", "Beyond", "Setting"],
    all.map(({ setting, value, unit, bounds, beyond }) => [`${value} ${unit}`, bounds, beyond, h("code", {}, setting)])));
}

function table(head, rows) {
  return h("div", { class: "said" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((one) => h("th", {}, one)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}
