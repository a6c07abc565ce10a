/**
 * A JSON Schema as a person reads it: a list of members, each with its type and what it may be.
 */

import { h } from "../js/dom.js";
import { inline } from "./markdown.js";

/** What a schema's value is, in a few words: "uuid", "list of Booking", "integer, 1 to 100". */
export function kind(schema) {
  if (schema.$ref) return name(schema.$ref);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return [...new Set(either.map(kind))].join(", or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kind(schema.items ?? {})}`;
  if (schema.enum) return "one of";
  return schema.format ?? schema.type ?? "anything";
}

/** The choices of an enumeration, wherever in the schema it is. */
export function choices(schema) {
  if (schema.enum) return schema.enum;
  const inner = [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(Boolean);
  return inner.map(choices).find((found) => found.length) ?? [];
}

/** Bounds in words, those of a list and of what it holds, and the default. */
export function bounds(schema) {
  const found = [];
  const one = (low, high, unit) => {
    if (low !== undefined && high !== undefined) found.push(`${low} to ${high}${unit}`);
    else if (low !== undefined) found.push(`at least ${low}${unit}`);
    else if (high !== undefined) found.push(`at most ${high}${unit}`);
  };
  for (const part of [schema, ...(schema.anyOf ?? [])]) {
    one(part.minimum, part.maximum, "");
    one(part.minLength, part.maxLength, " characters");
    one(part.minItems, part.maxItems, " items");
    // Of texts that merely hold no NUL, or of lists of tags, the pattern tells a person nothing.
    if (part.pattern?.length < 40 && part.pattern !== "^[^\\x00]*$") found.push(part.pattern);
  }
  if (schema.default !== undefined && schema.default !== null) found.push(`default ${JSON.stringify(schema.default)}`);
  return found;
}

/** A row for each parameter or member: its name, what it may be, what it means. */
export function fields(rows, resolve, asked, above = []) {
  return h("ul", { class: "fields" }, rows.map(({ label, where, required, schema, description }) => {
    const said = description ?? schema.description;
    const inner = above.length < 6 ? members(schema, resolve, asked, above) : null;
    return h("li", { class: "field" },
      h("div", { class: "field-line" },
        h("code", { class: "field-name" }, label),
        h("span", { class: "kind" }, kind(schema)),
        required ? h("span", { class: "needed" }, "required") : null,
        where ? h("span", { class: "quiet" }, where) : null,
        limits(schema)),
      said ? h("p", { class: "field-said" }, inline(said)) : null,
      inner ? h("details", {}, h("summary", {}, "Members"), inner) : null);
  }));
}

function limits(schema) {
  const some = choices(schema);
  const rest = bounds(schema);
  return [...some.map((choice) => h("code", { class: "choice" }, String(choice))),
    ...rest.map((text) => h("span", { class: "bound" }, text))];
}

/**
 * The members of an object, or of what a list holds; null if there are none to show. What is answered
 * is answered whole, so only of what is sent it is said what is `asked`, that is, required.
 */
export function members(schema, resolve, asked, above = []) {
  if (schema.$ref) {
    if (above.includes(schema.$ref)) return null;
    return members(resolve(schema.$ref), resolve, asked, [...above, schema.$ref]);
  }
  if (schema.type === "array") return members(schema.items ?? {}, resolve, asked, above);
  const branches = (schema.anyOf ?? schema.oneOf ?? []).map((branch) => [kind(branch), members(branch, resolve, asked, above)])
    .filter(([, found]) => found);
  if (branches.length === 1) return branches[0][1];
  if (branches.length) return h("div", { class: "branches" }, branches.flatMap(([called, found]) => [h("h5", {}, called), found]));
  if (!schema.properties) {
    return typeof schema.additionalProperties === "object" ? members(schema.additionalProperties, resolve, asked, above) : null;
  }
  const needed = new Set(asked ? schema.required : []);
  return fields(Object.entries(schema.properties).map(([label, member]) => (
    { label, schema: member, required: needed.has(label) })), resolve, asked, above);
}

export function name(reference) {
  return reference.slice(reference.lastIndexOf("/") + 1);
}
