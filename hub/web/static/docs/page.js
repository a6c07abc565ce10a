/**
 * The description of the API, drawn from /api/v1/openapi.json: contents at the side, operations in
 * the middle, a filter over both.
 */

import { h } from "../js/dom.js";
import { inline, markdown } from "./markdown.js";
import { breakable, operation, verb } from "./operation.js";

const main = document.getElementById("main");
const contents = document.getElementById("contents");
const find = document.getElementById("find");

async function read() {
  const answer = await fetch("/api/v1/openapi.json");
  if (!answer.ok) throw new Error(`The hub answered ${answer.status}.`);
  return answer.json();
}

function draw(api) {
  const resolve = (reference) => reference.slice(2).split("/").reduce((at, step) => at[step], api);
  const all = Object.entries(api.paths).flatMap(([path, methods]) => (
    Object.entries(methods).map(([method, told]) => ({ path, method, told }))));
  document.getElementById("version").textContent = api.info.version;
  main.replaceChildren(h("section", { class: "about" }, h("h1", {}, api.info.title), markdown(api.info.description)));
  const entries = [];
  for (const tag of api.tags) {
    const mine = all.filter(({ told }) => told.tags[0] === tag.name);
    const section = h("section", { class: "resource", id: `tag-${tag.name}` },
      h("h2", {}, tag.name), h("div", { class: "said" }, markdown(tag.description)));
    const list = h("ul", {});
    const group = h("div", { class: "group" }, h("h2", {}, h("a", { href: `#tag-${tag.name}` }, tag.name)), list);
    for (const { path, method, told } of mine) {
      const article = operation(method, path, told, resolve);
      const link = h("a", { href: `#${told.operationId}`, title: told.summary.replaceAll("`", "") },
        verb(method), h("span", { class: "where" }, ...breakable(path.replace(/^\/api\/v1/, ""))));
      const item = h("li", {}, link);
      list.append(item);
      section.append(article);
      const text = [method, path, told.operationId, told.summary, told.description].join(" ").toLowerCase();
      entries.push({ text, item, article, link, section, group });
    }
    contents.append(group);
    main.append(section);
  }
  main.removeAttribute("aria-busy");
  return entries;
}

/** Hide what does not hold every word; a resource with nothing left goes too. */
function filter(entries) {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = new Set();
  for (const { text, item, article, section } of entries) {
    const shown = words.every((word) => text.includes(word));
    item.hidden = !shown;
    article.hidden = !shown;
    if (shown) kept.add(section);
  }
  for (const { section, group } of entries) {
    section.hidden = !kept.has(section);
    group.hidden = section.hidden;
  }
  main.querySelector(".about").hidden = words.length > 0;
  main.querySelector(".none")?.remove();
  if (words.length && !kept.size) main.append(h("p", { class: "none quiet" }, "No operation holds these words."));
}

/** Say at the side where the reader is. */
function follow(entries) {
  const links = new Map(entries.map(({ article, link }) => [article, link]));
  const watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target).setAttribute("aria-current", "true");
      reveal(links.get(target));
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const article of links.keys()) watcher.observe(article);
}

/** Scroll the contents, and nothing else, so far that the link is seen. */
function reveal(link) {
  const { top, bottom } = link.getBoundingClientRect();
  const frame = contents.getBoundingClientRect();
  if (top < frame.top) contents.scrollTop -= frame.top - top;
  else if (bottom > frame.bottom) contents.scrollTop += bottom - frame.bottom;
}

function keys(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement instanceof HTMLInputElement) return;
  event.preventDefault();
  find.focus();
}

try {
  const entries = draw(await read());
  find.addEventListener("input", () => filter(entries));
  document.addEventListener("keydown", keys);
  follow(entries);
  // What the address names is there only now.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
} catch (error) {
  main.removeAttribute("aria-busy");
  main.replaceChildren(h("p", { class: "door-error", role: "alert" }, ...inline(`The description cannot be read: ${error.message}`)));
}
dispatchEvent(new Event("hub:started"));
