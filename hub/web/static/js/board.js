/**
 * The timeline: one lane an aircraft or an instructor, one block a flight, a line for now, and the hours
 * in which somebody cannot fly.
 *
 * A lane is one stop of the Tab key; within it the arrow keys, Home and End go from flight to flight.
 */
import { flash, h, icon, keyed, setAttribute, setIcon, setText } from "./dom.js";
import { inTheAir } from "./flights.js";
import { SAY, clock, isLocal, logged, peopleShort, statusOf, surname, tail } from "./words.js";
import { DAY } from "./words/day.js";

const HOUR = 3_600_000;
const LEAST = 9; // hours shown, at least
const OUT = new Set(["CANCELLED"]);

/** The hours to show: whole ones, around every flight, and now when it is near. */
function windowOf(flights, from, to, now) {
  let first = from + 8 * HOUR;
  let last = first + LEAST * HOUR;
  if (flights.length > 0) {
    first = Math.max(from, Math.min(...flights.map((flight) => flight.start)));
    last = Math.min(to, Math.max(...flights.map((flight) => flight.end)));
  }
  if (now >= from && now < to && now > first - 2 * HOUR && now < last + 2 * HOUR) {
    first = Math.min(first, now);
    last = Math.max(last, now + HOUR / 2);
  }
  let left = Math.floor((first - from) / HOUR);
  let right = Math.ceil((last - from) / HOUR);
  const most = Math.round((to - from) / HOUR);
  while (right - left < LEAST && (left > 0 || right < most)) {
    if (right < most) right += 1;
    if (right - left < LEAST && left > 0) left -= 1;
  }
  return { left: from + left * HOUR, right: from + right * HOUR, hours: right - left };
}

/** What the lanes can be: a key and a name for a row, and what else a block says. */
const BY = {
  aircraft: { key: (row) => row.aircraft_id ?? "", name: tail, says: peopleShort },
  instructor: {
    key: (row) => row.instructor_id,
    name: (row) => row.instructor_name,
    says: (row, role) => (role === "STUDENT" ? tail(row) : `${surname(row.student_name)} · ${tail(row)}`),
  },
};

/** Flights by lane; those that overlap (a cancelled one and its successor) get rows of their own. */
function lanesOf(flights, by) {
  const lanes = new Map();
  for (const flight of flights) {
    const key = by.key(flight.row);
    const lane = lanes.get(key) ?? { key, name: by.name(flight.row), flights: [], ends: [], minutes: 0, count: 0 };
    lanes.set(key, lane);
    let row = lane.ends.findIndex((end) => end <= flight.start);
    if (row < 0) row = lane.ends.push(0) - 1;
    lane.ends[row] = flight.end;
    lane.flights.push({ ...flight, lane: row });
    if (!OUT.has(flight.row.status)) {
      lane.count += 1;
      lane.minutes += flight.row.duration_minutes;
    }
  }
  const last = (lane) => lane.key === "";
  return [...lanes.values()].sort((a, b) => last(a) - last(b) || a.name.localeCompare(b.name));
}

const slotsOf = (lane) => [...lane.querySelectorAll(".slot:not(.leaving)")];

export class Board {
  constructor({ onopen }) {
    this._onopen = onopen;
    this._axis = h("div", { class: "axis", "aria-hidden": "true" });
    this._lanes = h("ol", { class: "lanes" });
    this._nowLabel = h("span", { class: "now-label" });
    this._now = h("div", { class: "now", "aria-hidden": "true" }, this._nowLabel);
    this._inner = h("div", { class: "board-inner" }, h("div", { class: "corner" }), this._axis, this._lanes, this._now);
    this.element = h("div", { class: "board", tabindex: "-1" }, this._inner);
    this._scrolled = null;
  }

  /** `by` is "aircraft" or "instructor"; `away(key)` → {spans: [[from, to]] in ms in which a lane cannot fly, known}; `whole`: these are all. */
  render({ flights, from, to, now, role, changes, by, away, whole }) {
    const shown = windowOf(flights, from, to, now);
    const part = (at) => ((at - shown.left) / (shown.right - shown.left)).toFixed(5);
    this._inner.style.setProperty("--hours", shown.hours);
    setAttribute(this._axis, "data-long", shown.hours > 16);
    const lanes = lanesOf(flights, BY[by]);
    this._inner.style.setProperty("--lanes", lanes.reduce((sum, lane) => sum + lane.ends.length, 0));
    const ticks = Array.from({ length: shown.hours }, (_, hour) => shown.left + hour * HOUR);
    keyed(this._axis, ticks, String, (at) => h("span", {}, clock(at)), (tick, at) => {
      tick.style.setProperty("--at", part(at));
      // The label of now would cover its neighbour: it says the time in its place.
      setAttribute(tick, "class", Math.abs(at - now) < 160_000 * shown.hours ? "covered" : null);
    });
    keyed(
      this._lanes,
      lanes,
      (lane) => `${by} ${lane.key}`,
      (lane) => this._lane(lane),
      (element, lane) => this._updateLane(element, lane, { part, now, from, to, role, changes, shown, says: BY[by].says, away: away(lane.key), whole }),
    );
    const within = now >= shown.left && now < shown.right && now >= from && now < to;
    this._now.hidden = !within;
    if (within) {
      this._inner.style.setProperty("--now", part(now));
      setText(this._nowLabel, clock(now));
    } else this._inner.style.setProperty("--now", now >= to ? 1 : 0);
    this._toNow(from, within, Number(part(now)));
  }

  /** Once for each day: where the timeline is wider than the screen, begin near now. */
  _toNow(day, within, at) {
    if (this._scrolled === day || !this.element.isConnected) return;
    this._scrolled = day;
    const track = this._inner.scrollWidth;
    this.element.scrollLeft = within ? track * at - this.element.clientWidth * 0.4 : 0;
  }

  _lane(lane) {
    const element = h("li", { class: "lane", "data-lane": lane.key },
      h("div", { class: "lane-name" }, h("b"), h("span", { class: "quiet" }), h("span", { class: "quiet lane-hours" }), h("span", { class: "unseen" }), h("span", { class: "lane-unknown" }, icon("ask"), SAY.awayUnknown)),
      h("div", { class: "track" }, h("div", { class: "aways" }), h("ul")),
    );
    const track = element.lastElementChild.lastElementChild;
    track.addEventListener("keydown", (event) => this._step(event, element));
    track.addEventListener("focusin", (event) => this._stop(element, event.target.closest(".slot")));
    return element;
  }

  /** Of a lane's flights the one that the Tab key comes to: where one was last, else the first. */
  _stop(lane, slot = lane.stop) {
    const slots = slotsOf(lane);
    lane.stop = slots.includes(slot) ? slot : slots[0];
    for (const one of slots) setAttribute(one.parts.button, "tabindex", one === lane.stop ? null : -1);
  }

  _step(event, lane) {
    const slots = slotsOf(lane);
    const at = slots.indexOf(event.target.closest(".slot"));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: slots.length - 1 }[event.key];
    if (to === undefined || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    slots[to]?.parts.button.focus();
  }

  _updateLane(element, lane, how) {
    const [name, ground] = element.children;
    const [aways, track] = ground.children;
    setText(name.children[0], lane.name);
    const { part, shown } = how;
    const away = how.away.spans.filter(([from, to]) => to > shown.left && from < shown.right);
    keyed(aways, away, ([from, to]) => `${from} ${to}`, () => h("span", { class: "away" }), (item, [from, to]) => {
      const left = Number(part(Math.max(from, shown.left)));
      item.style.setProperty("--at", left);
      item.style.setProperty("--long", (Number(part(Math.min(to, shown.right))) - left).toFixed(5));
    });
    setText(name.children[3], away.length ? SAY.away(away.map(([from, to]) => (from <= how.from && to >= how.to ? SAY.allDay : `${clock(from)}–${clock(to)}`)).join(", ")) : "");
    name.children[4].hidden = how.away.known;
    // No sum of a part.
    setText(name.children[1], !how.whole ? "" : lane.count ? DAY.flights(lane.count) : DAY.noFlights);
    setText(name.children[2], how.whole && lane.count ? logged(lane.minutes) : "");
    element.style.setProperty("--rows", lane.ends.length);
    keyed(track, lane.flights, (flight) => flight.key, () => this._block(), (item, flight) => this._updateBlock(item, flight, how));
    this._stop(element);
  }

  _block() {
    const sign = icon("confirmed");
    const part = {
      sign,
      time: h("span", { class: "block-time" }),
      word: h("span", { class: "block-word" }),
      short: h("span", { class: "block-short", "aria-hidden": "true" }),
      who: h("span", { class: "block-who" }),
      from: h("span", { class: "block-from" }),
      to: h("span"),
    };
    const way = h("span", { class: "block-route" }, part.from, part.to);
    const button = h("button", { type: "button", class: "block" },
      h("span", { class: "block-top" }, part.time, part.word, part.short, sign), part.who, way);
    const item = h("li", { class: "slot", "data-fades": "" }, button);
    button.addEventListener("click", () => this._onopen(item.flightKey, button));
    item.parts = { ...part, button };
    return item;
  }

  _updateBlock(item, flight, { part, now, role, changes, shown, says }) {
    const { row } = flight;
    const { button, sign, time, word, short, who, from, to } = item.parts;
    item.flightKey = flight.key;
    const left = Number(part(Math.max(flight.start, shown.left)));
    const right = Number(part(Math.min(flight.end, shown.right)));
    item.style.setProperty("--at", left);
    item.style.setProperty("--long", (right - left).toFixed(5));
    item.style.setProperty("--row", flight.lane);
    setAttribute(item, "data-key", flight.key);
    setAttribute(item, "data-pending", row.pending ? "yes" : null);
    setAttribute(button, "data-status", row.status);
    setAttribute(button, "data-when", flight.end <= now ? "past" : inTheAir(flight, now) ? "out" : "ahead");
    setIcon(sign, statusOf(row).icon);
    setText(time, clock(flight.start));
    setText(word, statusOf(row).word);
    setText(short, statusOf(row).short);
    setText(who, says(row, role));
    setText(from, `${row.departure_airport} `);
    setText(to, isLocal(row) ? DAY.local : `→ ${row.arrival_airport}`);
    setAttribute(from, "data-kept", isLocal(row));
    const change = changes.get(flight.key);
    if (change) flash(button, change);
  }
}
