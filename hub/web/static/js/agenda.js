/**
 * The list: the day's flights in order, by part of the day, with a mark where now is.
 */
import { flash, h, icon, keyed, setAttribute, setIcon, setText } from "./dom.js";
import { inTheAir } from "./flights.js";
import { clock, duration, isLocal, people, statusOf, tail } from "./words.js";
import { DAY } from "./words/day.js";

const PARTS = [
  { name: DAY.night, until: 6 },
  { name: DAY.morning, until: 12 },
  { name: DAY.afternoon, until: 17 },
  { name: DAY.evening, until: 24 },
];
const partOf = (at) => PARTS.find((part) => new Date(at).getHours() < part.until);

/** Flights by part of the day, with {key: "now"} among them where it belongs. */
function partsOf(flights, from, now, today) {
  const parts = new Map(PARTS.map((part) => [part.name, { name: part.name, items: [], count: 0 }]));
  const items = [...flights];
  if (today && flights.length > 0) {
    const at = items.findIndex((flight) => flight.start > now);
    items.splice(at < 0 ? items.length : at, 0, { key: "now", start: now });
  }
  for (const item of items) {
    const part = parts.get(partOf(Math.max(item.start, from)).name);
    part.items.push(item);
    if (item.row) part.count += 1;
  }
  return [...parts.values()].filter((part) => part.items.length > 0);
}

export class Agenda {
  constructor({ onopen }) {
    this._onopen = onopen;
    this.element = h("div", { class: "agenda" });
  }

  /** `whole`: whether these are all of the day. */
  render({ flights, from, to, now, role, changes, whole }) {
    const today = now >= from && now < to;
    keyed(
      this.element,
      partsOf(flights, from, now, today),
      (part) => part.name,
      (part) => this._part(part),
      (section, part) => {
        const list = section.lastElementChild;
        const button = section.partButton;
        setText(button.children[1], part.count && whole ? DAY.flights(part.count) : "");
        // A long day begins where it is: what is over is folded, until somebody unfolds it.
        const over = today && flights.length > 8 && part.items.every((item) => item.row && item.end <= now);
        if (section.chosen === undefined) setAttribute(button, "aria-expanded", String(!over));
        keyed(
          list,
          part.items,
          (item) => item.key,
          (item) => (item.row ? this._row() : this._nowMark()),
          (element, item) =>
            item.row
              ? this._update(element, item, { now, role, changes })
              : setText(element.querySelector("b"), clock(now)),
        );
      },
    );
  }

  _part(part) {
    const button = h("button", { type: "button" }, h("span", {}, part.name), h("span", { class: "quiet" }), icon("right"));
    const section = h("section", { class: "part", "aria-label": part.name }, h("h2", {}, button), h("ol", { class: "rows" }));
    section.partButton = button;
    button.addEventListener("click", () => {
      section.chosen = button.getAttribute("aria-expanded") !== "true";
      setAttribute(button, "aria-expanded", String(section.chosen));
    });
    return section;
  }

  _nowMark() {
    return h("li", { class: "now-mark" }, h("span", {}, `${DAY.now} `, h("b")));
  }

  _row() {
    const parts = {
      start: h("b"),
      end: h("span", { class: "quiet" }),
      sign: icon("confirmed"),
      word: h("span"),
      from: h("span"),
      arrow: h("span", { class: "arrow" }, "→"),
      to: h("span"),
      tail: h("span", { class: "row-tail" }),
      who: h("span", { class: "row-who" }),
      long: h("span", { class: "row-long quiet" }),
    };
    parts.pill = h("span", { class: "pill" }, parts.sign, parts.word);
    const button = h("button", { type: "button", class: "row" },
      h("span", { class: "row-time" }, parts.start, parts.end),
      h("span", { class: "row-route" }, parts.from, parts.arrow, parts.to),
      parts.tail,
      parts.who,
      parts.long,
      parts.pill,
    );
    const item = h("li", { "data-fades": "" }, button);
    button.addEventListener("click", () => this._onopen(item.flightKey, button));
    item.parts = { ...parts, button };
    return item;
  }

  _update(item, flight, { now, role, changes }) {
    const { row } = flight;
    const parts = item.parts;
    item.flightKey = flight.key;
    setAttribute(item, "data-key", flight.key);
    setAttribute(item, "data-pending", row.pending ? "yes" : null);
    setAttribute(parts.button, "data-status", row.status);
    setAttribute(parts.button, "data-when", flight.end <= now ? "past" : inTheAir(flight, now) ? "out" : "ahead");
    setAttribute(parts.pill, "data-status", row.status);
    setText(parts.start, clock(flight.start));
    setText(parts.end, clock(flight.end));
    setIcon(parts.sign, statusOf(row).icon);
    setText(parts.word, statusOf(row).word);
    setText(parts.from, row.departure_airport);
    parts.arrow.hidden = isLocal(row);
    setText(parts.to, isLocal(row) ? ` ${DAY.local}` : row.arrival_airport);
    setText(parts.tail, tail(row));
    setText(parts.who, people(row, role));
    setText(parts.long, duration(row.duration_minutes));
    const change = changes.get(flight.key);
    if (change) flash(parts.button, change);
  }
}
