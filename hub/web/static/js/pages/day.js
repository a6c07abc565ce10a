/**
 * A day of the school: its flights as a timeline by aircraft or by instructor, or as a list; live.
 */
import { Agenda } from "../agenda.js";
import { Away } from "../away.js";
import { Board } from "../board.js";
import { h, icon, onchosen, refocus, setAttribute, setText } from "../dom.js";
import { FlightCard } from "../flight.js";
import { EVENING, dayKey, dayOf, flightsOf, midnight, reaches, renderNext, renderTally } from "../flights.js";
import { instead } from "../instead.js";
import { browser } from "../kept.js";
import { Picture } from "../picture.js";
import { Story } from "../story.js";
import { SAY, date, sameDay, weekday } from "../words.js";
import { DAY } from "../words/day.js";

const SHAPE = "hub.shape";
const SHAPES = { aircraft: ["board", SAY.byAircraft], instructor: ["people", SAY.byInstructor], list: ["list", SAY.asList] };
const NOBODY = { spans: [], known: true }; // cannot fly
const UUID = /^[0-9a-f-]{36}$/;

export function mount(root, ctx) {
  const page = new Day(root, ctx);
  page.update(ctx.params);
  return page;
}

class Day {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.changes = new Map();
    this.last = new Map();
    this.card = new FlightCard(root, ctx, (row) => this.edit(row));
    this.story = new Story();
    this.away = new Away(ctx, () => this.draw());
    const onopen = (key, anchor) => this.open(key, anchor);
    this.board = new Board({ onopen });
    this.agenda = new Agenda({ onopen });
    root.prepend(this._build());
    ctx.clock.minute(() => this.minute(), ctx.signal);
    ctx.link.on(() => this.draw(), ctx.signal);
    addEventListener("resize", () => this.draw(), { signal: ctx.signal });
  }

  _build() {
    const step = (sign, word, run) =>
      h("button", { type: "button", class: "step", onclick: run }, icon(sign), h("span", { class: "unseen" }, word));
    this.name = h("h1", { id: "day-name" });
    this.known = h("p", { class: "known", hidden: true });
    this.today = h("button", { type: "button", class: "step step-word", onclick: () => this.ctx.go("day") }, SAY.today);
    this.pick = h("input", { type: "date", class: "day-pick", "aria-label": SAY.pickDay, required: true });
    onchosen(this.pick, () => {
      const day = dayOf(this.pick.value);
      if (day !== null) this.to(day);
    }, this.ctx.signal);
    this.shapes = new Map(
      Object.entries(SHAPES).map(([shape, [sign, word]]) => [
        shape,
        h("button", { type: "button", "data-shape": shape, onclick: () => this.shape(shape) }, icon(sign), h("span", {}, word)),
      ]),
    );
    this.tally = h("ul", { class: "tally", "aria-label": SAY.byStatus });
    this.next = h("p", { class: "next" });
    this.place = h("div", { class: "day", id: "day" });
    this.key = h("p", { class: "key", hidden: true }, h("span", { class: "away-sample", "aria-hidden": "true" }), h("span"));
    return h("div", { class: "flights" },
      h("div", { class: "day-bar" },
        h("div", { class: "day-words" }, this.name, this.known),
        h("div", { class: "day-steps", role: "group", "aria-label": SAY.pickDay },
          step("left", SAY.dayBefore, () => this.to(midnight(this.from, -1))), this.today, this.pick,
          step("right", SAY.dayAfter, () => this.to(midnight(this.from, 1)))),
        h("div", { class: "shape", role: "group", "aria-label": SAY.showAs }, [...this.shapes.values()]),
      ),
      h("div", { class: "sum" }, this.tally, this.next),
      this.place,
      this.key,
      this.story.element,
    );
  }

  get from() {
    return this.day ?? midnight(this.ctx.clock.now());
  }

  /** `params`: a day (YYYY-MM-DD) or none, which follows today; and perhaps a flight to open. */
  update([key, flight]) {
    const day = key ? dayOf(key) : null;
    this.day = day !== null && sameDay(day, this.ctx.clock.now()) ? null : day;
    this.opening = UUID.test(flight ?? "") ? flight : null;
    this.follow();
    this.draw();
  }

  to(day) {
    this.ctx.go(sameDay(day, this.ctx.clock.now()) ? "day" : `day/${dayKey(day)}`);
  }

  unmount() {
    this.picture?.close();
  }

  /** At midnight another day is today. */
  minute() {
    this.follow();
    this.draw();
  }

  follow() {
    const key = dayKey(this.from);
    if (this.watched === key) return;
    this.watched = key;
    this.picture?.close();
    this.card.close();
    this.story.clear();
    this.last = new Map();
    const filter = {
      from: new Date(this.from - EVENING).toISOString(),
      to: new Date(midnight(this.from, 1)).toISOString(),
    };
    const picture = { rows: new Map(), shown: new Map(), whole: false, error: null, asked: performance.now(), close() {} };
    this.picture = picture;
    const onchange = (change) => this.watched === key && this.took(change);
    this.picture = new Picture(this.ctx, { topic: "bookings", path: "/bookings", filter, onchange });
    setTimeout(() => this.draw(), 160);
  }

  took(change) {
    const here = (row) => reaches(flightsOf([row])[0], this.from);
    const happenings = [];
    for (const { items } of change && !change.reset ? change.transactions : []) {
      for (const { op, key, row, changed = [] } of items) {
        const before = this.last.get(key);
        if (op === "remove" || !here(row)) {
          if (before) happenings.push({ key, row: before, gone: true });
        } else if (!before || changed.some((name) => name !== "updated_at")) {
          this.changes.set(key, before ? "is-changed" : "is-new");
          happenings.push({ key, row, before, changed });
        }
      }
    }
    if (happenings.length) this.story.tell(happenings, this.ctx.clock.now());
    this.last = new Map([...this.picture.rows].filter(([, row]) => here(row)));
    this.draw();
  }

  open(key, anchor) {
    const row = this.picture.rows.get(key);
    if (row) this.card.open(key, row, anchor);
  }

  async edit(row) {
    const { picture } = this;
    const { edit } = await import("../flight-edit.js").catch((error) => ({ edit: () => this.ctx.toast(this.ctx.lost(error, () => {}), { kind: "bad" }) }));
    if (!this.ctx.signal.aborted) edit(this.ctx, row, (hoped) => picture.hope(row.id, hoped));
  }

  shape(name) {
    browser.set(SHAPE, name);
    this.draw();
  }

  /** As chosen; else a timeline for those who see many flights and have the room. */
  get shown() {
    const chosen = browser.get(SHAPE);
    if (chosen in SHAPES) return chosen;
    return this.ctx.me.role !== "STUDENT" && innerWidth >= 760 ? "aircraft" : "list";
  }

  /** Draw soon: once, whatever happened until then. */
  draw() {
    if (this.drawing) return;
    this.drawing = true;
    const now = () => {
      this.drawing = false;
      if (!this.ctx.signal.aborted) this.render();
    };
    // A hidden tab gets no animation frames, but what it shows is looked at sooner or later.
    if (document.hidden) setTimeout(now, 200);
    else requestAnimationFrame(now);
  }

  render() {
    const { ctx, picture, changes, from } = this;
    const now = ctx.clock.now();
    const to = midnight(from, 1);
    const today = now >= from && now < to;
    this._head(now, today);
    const flights = flightsOf(picture.shown).filter((one) => reaches(one, from));
    // Of half a day there is no sum.
    renderTally(this.tally, picture.whole ? flights : []);
    renderNext(this.next, picture.whole ? flights : [], now, today);
    const { shown } = this;
    for (const [shape, button] of this.shapes) setAttribute(button, "aria-pressed", String(shape === shown));
    setAttribute(this.place, "aria-busy", picture.whole ? null : "true");
    const role = ctx.me.role;
    const timeline = shown !== "list" && flights.length > 0;
    const { away, word } = timeline ? this._away(shown, from, to) : { away: () => NOBODY, word: "" };
    this.key.hidden = word === "";
    setAttribute(this.key, "data-kind", word === SAY.youAwayUnknown ? "unknown" : null);
    setText(this.key.lastElementChild, word);
    const held = this.place.contains(document.activeElement);
    if (flights.length > 0) {
      const view = timeline ? this.board : this.agenda;
      this._show(view.element);
      const focused = held ? document.activeElement.closest("[data-key]")?.dataset.key : null;
      view.render({ flights, from, to, now, role, changes, by: shown, away, whole: picture.whole });
      // A flight that goes to another lane is another element there: the focus goes with it.
      const still = document.activeElement;
      if (focused && (!this.place.contains(still) || still.closest(".leaving"))) {
        this.place.querySelector(`[data-key="${CSS.escape(focused)}"]:not(.leaving) button`)?.focus({ preventScroll: true });
      }
    } else this._show(instead(picture, ctx.client));
    if (this.card.key !== null) {
      const row = picture.rows.get(this.card.key);
      if (row) this.card.update(row, changes.get(this.card.key));
      else {
        this.card.close();
        refocus(this.name);
      }
    }
    if (held) refocus(this.name);
    changes.clear();
    if (this.opening && picture.rows.has(this.opening)) this._open();
  }

  /** Whose hours are hatched: each instructor's for who sees all; one's own for who sees one's own. */
  _away(by, from, to) {
    const { id, role } = this.ctx.me;
    if (role === "ADMIN") {
      if (by !== "instructor") return { away: () => NOBODY, word: "" };
      return { away: (lane) => this.away.of(lane, from, to), word: SAY.awayKey };
    }
    const mine = id ? this.away.of(id, from, to) : NOBODY;
    // Said once for all lanes: it is the same person in each.
    const word = mine.known ? (mine.spans.length ? SAY.youAway : "") : SAY.youAwayUnknown;
    return { away: () => ({ ...mine, known: true }), word };
  }

  _open() {
    const id = this.opening;
    this.opening = null;
    const shown = this.place.querySelector(`[data-key="${CSS.escape(id)}"] button`);
    shown?.scrollIntoView({ block: "center", inline: "center" });
    this.open(id, shown ?? this.name);
  }

  _head(now, today) {
    const key = dayKey(this.from);
    const near = { [dayKey(midnight(now, -1))]: DAY.yesterday, [dayKey(midnight(now, 1))]: DAY.tomorrow };
    const parts = [weekday(this.from), near[key]?.(date(this.from)) ?? date(this.from)];
    if (this.name.dataset.day !== parts.join()) {
      this.name.dataset.day = parts.join();
      this.name.replaceChildren(parts[0], " ", h("span", { class: "light" }, parts[1]));
      this.ctx.title(parts[0]);
    }
    if (document.activeElement !== this.pick) this.pick.value = key;
    setAttribute(this.today, "aria-current", today ? "date" : null);
    const { link } = this.ctx;
    this.known.hidden = !link.why || link.heardAt === null;
    if (!this.known.hidden) setText(this.known, SAY.knownAt(link.knownAt));
  }

  /** Put an element in the day's place, unless it, or its like, is there. */
  _show(element) {
    const same = this.place.firstElementChild;
    if (same === element || (same?.dataset.what && same.dataset.what === element.dataset.what)) return;
    this.place.replaceChildren(element);
  }
}
