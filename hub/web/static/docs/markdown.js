/**
 * The Markdown that the description uses, as DOM: paragraphs, tables, lists, `code`, **strong**.
 * Text only ever becomes text nodes.
 */

import { h } from "../js/dom.js";

/** Blocks of a text. */
export function markdown(text) {
  return text.trim().split(/\n{2,}/).filter(Boolean).map(block);
}

/** The words of one line or paragraph. */
export function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean).map((part) => {
    if (part.startsWith("`")) return h("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return h("strong", {}, part.slice(2, -2));
    return part.replaceAll("\n", " ");
  });
}

function block(text) {
  const lines = text.split("\n");
  if (lines.length > 2 && /^\|[ :|-]+\|$/.test(lines[1])) return table(lines);
  if (lines.every((line) => line.startsWith("- "))) {
    return h("ul", { class: "bullets" }, lines.map((line) => h("li", {}, inline(line.slice(2)))));
  }
  return h("p", {}, inline(text));
}

function table([head, , ...rows]) {
  const cells = (line) => line.split("|").slice(1, -1).map((cell) => cell.trim());
  const row = (line, tag) => h("tr", {}, cells(line).map((cell) => h(tag, {}, inline(cell))));
  return h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, rows.map((line) => row(line, "td"))));
}
