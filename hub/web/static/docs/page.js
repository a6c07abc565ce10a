/**
 * The descriptions of the hub, drawn from /api/v1/openapi.json and asyncapi.json: contents at the side,
 * what it tells in the middle, a filter over both.
 */

import { h } from "../js/dom.js";
import { sections } from "./frames.js";
import { inline, markdown } from "./markdown.js";
import { breakable, operation, verb } from "./operation.js";

const main = document.getElementById("main");
const contents = document.getElementById("contents");
const find = document.getElementById("find");

/** The two descriptions, each with what it is drawn by and what an address in it begins with. */
const VIEWS = {
  rest: { source: "/api/v1/openapi.json", parts: operations, none: "No operation holds these words." },
  socket: { source: "/api/v1/asyncapi.json", parts: sections, none: "No frame or topic holds these words." },
};
const SOCKET = /^#(real-time$|frame|topic|way|ends|close-codes|limits)/;

let shown = null;
let entries = [];
let watcher = null;

async function read(source) {
  const answer = await fetch(source);
  if (!answer.ok) throw new Error(`The hub answered ${answer.status}.`);
  return answer.json();
}

/** The resources of the REST surface, as `sections` gives those of the other. */
function operations(api, resolve) {
  const all = Object.entries(api.paths).flatMap(([path, methods]) => (
    Object.entries(methods).map(([method, told]) => ({ path, method, told }))));
  return api.tags.map(({ name, description }) => ({
    id: `tag-${name}`, name, said: description,
    articles: all.filter(({ told }) => told.tags[0] === name).map(({ path, method, told }) => ({
      id: told.operationId, name: path.replace(/^\/api\/v1/, ""), mark: verb(method), title: told.summary.replaceAll("`", ""),
      text: [method, path, told.operationId, told.summary, told.description].join(" ").toLowerCase(),
      article: operation(method, path, told, resolve),
    })),
  }));
}

/** Draw the view that the address is in, if it is not there yet, and go where the address says. */
async function open() {
  const name = SOCKET.test(location.hash) ? "socket" : "rest";
  if (name !== shown) {
    shown = name;
    const api = await read(VIEWS[name].source);
    if (shown !== name) return;
    entries = draw(api, VIEWS[name]);
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    filter();
    follow();
    scrollTo(0, 0);
  }
  // What the address names is there only now.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
}

function draw(api, view) {
  const resolve = (reference) => reference.slice(2).split("/").reduce((at, step) => at[step], api);
  document.getElementById("version").textContent = api.info.version;
  main.replaceChildren(h("section", { class: "about" }, h("h1", {}, api.info.title), markdown(api.info.description)));
  contents.replaceChildren();
  const made = [];
  for (const { id, name, said, articles } of view.parts(api, resolve)) {
    const section = h("section", { class: "resource", id },
      h("h2", {}, name), h("div", { class: "said" }, markdown(said)));
    const list = h("ul", {});
    const group = h("div", { class: "group" }, h("h2", {}, h("a", { href: `#${id}` }, name)), list);
    for (const { id: anchor, name: where, mark, title, text, article } of articles) {
      const link = h("a", { href: `#${anchor}`, ...(title ? { title } : {}) },
        mark ?? null, h("span", { class: "where" }, ...breakable(where)));
      const item = h("li", {}, link);
      list.append(item);
      section.append(article);
      made.push({ text, item, article, link, section, group });
    }
    contents.append(group);
    main.append(section);
  }
  main.removeAttribute("aria-busy");
  return made;
}

/** Hide what does not hold every word; a resource with nothing left goes too. */
function filter() {
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
  if (words.length && !kept.size) main.append(h("p", { class: "none quiet" }, VIEWS[shown].none));
}

/** Say at the side where the reader is. */
function follow() {
  watcher?.disconnect();
  const links = new Map(entries.map(({ article, link }) => [article, link]));
  watcher = new IntersectionObserver((seen) => {
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

async function go() {
  try {
    await open();
  } catch (error) {
    shown = null;
    main.removeAttribute("aria-busy");
    main.replaceChildren(h("p", { class: "door-error", role: "alert" }, ...inline(`The description cannot be read: ${error.message}`)));
  }
}

find.addEventListener("input", filter);
document.addEventListener("keydown", keys);
addEventListener("hashchange", go);
await go();
dispatchEvent(new Event("hub:started"));
