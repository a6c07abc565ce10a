/**
 * Who is online, by person, kiosk and integration: of the moment, asked for every ten seconds while looked at.
 */
import { h, icon, keyed, setAttribute, setText } from "../js/dom.js";
import { ROLE, initials } from "../js/words.js";
import { Reading, button, drawing, head, standIn } from "./parts.js";
import { MENU, TOPIC, W, when } from "./words.js";

const EVERY = 10_000; // ms
const GROUPS = [["user", W.people], ["device", W.kiosks], ["integration", W.robots]];

export function mount(root, ctx) {
  const panel = head(MENU.online, button(W.refresh, "rescheduling", () => read.again(), { edits: false }));
  const place = h("div");
  const note = h("p", { class: "quiet note-line" });
  const groups = GROUPS.map(([kind, word]) => {
    const list = h("ul", { class: "cards" });
    return { kind, list, element: h("section", { class: "group", hidden: true }, h("h2", {}, word), list) };
  });
  root.append(panel.element, place, groups.map((one) => one.element).reduce((all, one) => (all.append(one), all), h("div")), note);
  ctx.title(MENU.online);
  const draw = drawing(render, ctx.signal);
  const read = new Reading(ctx, async (signal) => (await ctx.api.get("/presence", {}, { signal })).body.items, draw, { every: EVERY });
  draw();

  function render() {
    const now = ctx.clock.now();
    const sessions = read.value ?? [];
    const people = new Map();
    for (const one of sessions) {
      const { kind, id } = one.principal;
      const key = `${kind} ${id}`;
      if (!people.has(key)) people.set(key, { key, kind, principal: one.principal, airport: one.airport, sessions: [] });
      people.get(key).sessions.push(one);
    }
    const all = [...people.values()].sort((a, b) => a.principal.name.localeCompare(b.principal.name));
    standIn(place, { error: read.error, loaded: read.loaded, count: all.length, none: ["people", W.nobody, W.nobodyMore], again: () => read.again() });
    const counts = GROUPS.map(([kind]) => all.filter((one) => one.kind === kind).length);
    setText(panel.sum, read.loaded ? `${W.online(...counts)}. ${W.readAt(read.at)}` : "");
    const nodes = [...new Set(sessions.map((one) => one.node))];
    setText(note, nodes.length === 1 ? W.nodeText(nodes[0]) : W.nodeTextBare);
    for (const group of groups) {
      const these = all.filter((one) => one.kind === group.kind);
      group.element.hidden = these.length === 0;
      keyed(group.list, these, (one) => one.key, card, (element, one) => update(element, one, now));
    }
  }

  function card({ kind, principal }) {
    const parts = { name: h("b"), what: h("span", { class: "quiet" }), sessions: h("ul", { class: "sessions" }) };
    const face = kind === "user" ? h("span", { class: "face", "aria-hidden": "true", "data-role": principal.role }, initials(principal.name))
      : h("span", { class: "device-sign" }, icon(kind === "device" ? "device" : "key"));
    return Object.assign(h("li", { class: "presence", "data-fades": "" }, face, h("div", { class: "card-words" }, parts.name, parts.what), parts.sessions), { parts });
  }

  function update({ parts }, { principal, kind, airport, sessions }, now) {
    setText(parts.name, principal.name + (principal.id === ctx.me.id ? ` (${W.you})` : ""));
    setText(parts.what, kind === "user" ? ROLE[principal.role] : kind === "device" ? `${W.kind.device}, ${airport ?? W.everyAirport.toLowerCase()}` : W.kind.integration);
    keyed(parts.sessions, sessions, (one) => one.session, () => {
      const state = h("span", { class: "state" });
      const told = h("span", { class: "quiet" });
      return Object.assign(h("li", {}, state, " · ", told), { state, told });
    }, (line, one) => {
      setAttribute(line, "data-kind", one.behind ? "behind" : "on");
      setText(line.state, one.behind ? W.slow(Math.ceil(one.lag)) : W.live);
      const topics = [...new Set(one.watches.map((watch) => TOPIC[watch.topic] ?? watch.topic))];
      setText(line.told, [W.since(when(Date.parse(one.since), now)), W.transport[one.transport], topics.length ? W.watches(topics.join(", ")) : W.watchesNothing].join(" · "));
    });
  }
}
