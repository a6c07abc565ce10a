/**
 * My flights: what waits for an answer, what comes next, and all that is booked from now on; live.
 */
import { empty, instead } from "../instead.js";
import { h, icon, keyed, refocus, setAttribute, setIcon, setText, flash } from "../dom.js";
import { FlightCard } from "../flight.js";
import { dayKey, flightsOf, inTheAir, midnight } from "../flights.js";
import { awaited } from "../notices.js";
import { Past } from "../past.js";
import { Picture } from "../picture.js";
import { PAGE, SAY, clock, countdown, date, duration, people, relativeDay, route, statusOf, tail, until, weekday, zone, zulu } from "../words.js";

const LIVE = new Set(["CONFIRMED", "AT_RISK", "RESCHEDULING"]);
const BACK = 30; // days of the past that are shown when asked for

export function mount(root, ctx) {
  return new Mine(root, ctx);
}

class Mine {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.changes = new Map();
    this.last = new Map();
    this.card = new FlightCard(root, ctx, (row) => this.edit(row));
    this.answers = h("ul", { class: "answers", "aria-label": SAY.waiting });
    this.next = h("section", { class: "hero", "aria-labelledby": "hero-name", hidden: true });
    this.place = h("div", { class: "mine-list" });
    this.past = new Past(ctx, () => this.draw());
    this.behind = h("div", { class: "mine-list" });
    this.more = h("button", { type: "button", class: "button", onclick: () => this.back() }, icon("clock"), SAY.showPast(BACK));
    this.name = h("h1", {}, PAGE.mine);
    this.all = h("div", { class: "flights narrow" }, this.name, this.answers, this.next, this.place, h("div", { class: "mine-past" }, this.more, this.behind));
    root.prepend(this.all);
    this._hero();
    ctx.title(PAGE.mine);
    this.follow();
    const undo = ctx.reschedule.on("change", () => this.draw());
    ctx.signal.addEventListener("abort", undo, { once: true });
    ctx.reschedule.ready?.then?.(() => this.draw(), () => {});
    ctx.clock.second(() => this.tick(), ctx.signal);
    ctx.clock.minute(() => this.minute(), ctx.signal);
    ctx.link.on(() => this.draw(), ctx.signal);
  }

  unmount() {
    this.picture.close();
  }

  minute() {
    if (this.follow() && this.past.rows) this.back();
    this.draw();
  }

  /**
   * Follow what is booked from a day ago on: at midnight somebody may be in the air. It stays as it is from day to
   * day, but for a clock that was wrong and a page that is open for a month; → whether it is another than before.
   */
  follow() {
    const from = midnight(this.ctx.clock.now(), -1);
    if (this.from <= from && from < midnight(this.from, BACK)) return false;
    this.from = from;
    this.picture?.close();
    this.last = new Map();
    this.picture = { rows: new Map(), shown: new Map(), whole: false, error: null, asked: performance.now(), close() {} };
    const filter = { from: new Date(from).toISOString() };
    const onchange = (change) => this.from === from && this.took(change);
    this.picture = new Picture(this.ctx, { topic: "bookings", path: "/bookings", filter, onchange });
    setTimeout(() => this.draw(), 160);
    return true;
  }

  took(change) {
    for (const { items } of change && !change.reset ? change.transactions : []) {
      for (const { op, key, changed = [] } of items) {
        if (op === "remove") continue;
        const before = this.last.has(key);
        if (!before || changed.some((name) => name !== "updated_at")) this.changes.set(key, before ? "is-changed" : "is-new");
      }
    }
    this.last = new Map(this.picture.rows);
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    const now = () => {
      this.drawing = false;
      if (!this.ctx.signal.aborted) this.render();
    };
    if (document.hidden) setTimeout(now, 200);
    else requestAnimationFrame(now);
  }

  render() {
    const { ctx, picture } = this;
    const now = ctx.clock.now();
    const held = this.all.contains(document.activeElement);
    const all = flightsOf(new Map([...(this.past.rows ?? []), ...picture.shown]));
    // Today's stay until the day is over, and what flies until it is down.
    const over = (one) => one.start < midnight(now) && one.end <= now;
    const flights = all.filter((one) => !over(one));
    const ahead = flights.filter((one) => one.end > now);
    this.flight = ahead.find((one) => LIVE.has(one.row.status)) ?? null;
    this._answers();
    this._next(now);
    setAttribute(this.place, "aria-busy", picture.whole ? null : "true");
    this._days(this.place, flights, now, () => instead(picture, ctx.client, [SAY.noneAhead, SAY.noneAheadMore]));
    if (this.past.rows) {
      const past = all.filter((one) => over(one) && one.start >= midnight(now, -BACK)).reverse();
      this._days(this.behind, past, now, () => empty("plane", SAY.nonePast(BACK), ""));
    }
    if (this.card.key !== null) {
      const row = picture.rows.get(this.card.key) ?? this.past.rows?.get(this.card.key);
      if (row) this.card.update(row, this.changes.get(this.card.key));
      else {
        this.card.close();
        refocus(this.name);
      }
    }
    if (held) refocus(this.name);
    this.changes.clear();
  }

  // ── what waits for an answer ────────────────────────────────────────────────────────────────

  _answers() {
    const { ctx } = this;
    const waiting = awaited(ctx);
    this.answers.hidden = waiting.length === 0;
    keyed(this.answers, waiting, (row) => row.id, (row) => {
      const left = h("b", { class: "answer-left" });
      const when = h("span", { class: "answer-when" });
      const item = h("li", {}, h("a", { class: "answer", href: `#/reschedule/${row.id}` },
        icon("rescheduling"), h("span", { class: "answer-words" }, h("b", {}, SAY.pickTime), when), left, icon("right")));
      return Object.assign(item, { parts: { left, when } });
    }, (item, row) => {
      const at = Date.parse(row.scheduled_datetime);
      // The topic names nobody; the flight itself, once it is read, does.
      const flight = this.picture.rows.get(row.id);
      const other = ctx.me.role === "STUDENT" ? flight?.instructor_name : flight?.student_name;
      setText(item.parts.when, SAY.flightOf(`${weekday(at)} ${clock(at)}`, other));
      item.deadline = Date.parse(row.deadline);
      this._left(item);
    });
  }

  _left(item) {
    const { word, kind } = countdown(item.deadline - this.ctx.clock.now());
    setText(item.parts.left, word);
    setAttribute(item, "data-left", kind);
  }

  /** Each second: the count-downs, and nothing else. */
  tick() {
    for (const item of this.answers.children) if (item.parts) this._left(item);
  }

  // ── the next flight ─────────────────────────────────────────────────────────────────────────

  _hero() {
    const part = (tag, name) => h(tag, { class: `hero-${name}` });
    this.hero = {
      label: h("h2", { id: "hero-name", class: "hero-label" }),
      until: part("span", "until"),
      time: part("b", "time"),
      end: part("span", "end"),
      date: part("p", "date"),
      route: part("p", "route"),
      facts: part("p", "facts"),
      sign: icon("confirmed"),
      word: h("span"),
    };
    const { label, until, time, end, date, route, facts, sign, word } = this.hero;
    this.hero.pill = h("span", { class: "pill" }, sign, word);
    this.hero.open = h("button", { type: "button", class: "button", onclick: () => this.open(this.flight.key, this.hero.open) }, SAY.details);
    this.next.append(
      h("div", { class: "hero-head" }, label, until),
      h("div", { class: "hero-body" }, h("p", { class: "hero-clock" }, time, end), h("div", { class: "hero-words" }, date, route, facts)),
      h("div", { class: "hero-foot" }, this.hero.pill, this.hero.open),
    );
  }

  _next(now) {
    const { flight, hero } = this;
    this.next.hidden = flight === null;
    if (flight === null) return;
    const { row, start, end } = flight;
    const out = inTheAir(flight, now);
    setText(hero.label, out ? SAY.flyingNow : SAY.nextFlight);
    setText(hero.until, out ? SAY.backAt(clock(end)) : until(start - now));
    setText(hero.time, clock(start));
    setText(hero.end, `–${clock(end)} ${zone(start)} · ${zulu(start)}`);
    setText(hero.date, `${relativeDay(start, now)}${weekday(start)}, ${date(start)}`);
    setText(hero.route, route(row));
    setText(hero.facts, `${people(row, this.ctx.me.role)} · ${tail(row)} · ${duration(row.duration_minutes)}`);
    setAttribute(hero.pill, "data-status", row.status);
    setAttribute(this.next, "data-status", row.status);
    setIcon(hero.sign, statusOf(row).icon);
    setText(hero.word, statusOf(row).word);
  }

  // ── the days ────────────────────────────────────────────────────────────────────────────────

  /** Flights by day; where there are none, what `none()` gives. */
  _days(place, flights, now, none) {
    if (flights.length === 0) {
      const what = none();
      if (place.firstElementChild?.dataset.what === what.dataset.what) return;
      place.keyedElements = undefined;
      place.replaceChildren(what);
      return;
    }
    for (const other of place.querySelectorAll(":scope > :not([data-day])")) other.remove();
    const days = new Map();
    for (const flight of flights) {
      const key = dayKey(flight.start);
      if (!days.has(key)) days.set(key, { key, at: flight.start, flights: [] });
      days.get(key).flights.push(flight);
    }
    keyed(place, [...days.values()], (day) => day.key, (day) => {
      const name = h("h2");
      return Object.assign(h("section", { class: "mine-day", "data-day": day.key }, name, h("ul", { class: "rows" })), { name });
    }, (section, day) => {
      setText(section.name, `${relativeDay(day.at, now)}${weekday(day.at)}, ${date(day.at)}`);
      keyed(section.lastElementChild, day.flights, (one) => one.key, () => this._row(), (item, one) => this._update(item, one, now));
    });
  }

  _row() {
    const parts = { start: h("b"), end: h("span", { class: "quiet" }), route: h("span", { class: "row-route" }), tail: h("span", { class: "row-tail" }), who: h("span", { class: "row-who" }), sign: icon("confirmed"), word: h("span") };
    parts.pill = h("span", { class: "pill" }, parts.sign, parts.word);
    parts.button = h("button", { type: "button", class: "row row-mine" },
      h("span", { class: "row-time" }, parts.start, parts.end), parts.route, parts.who, parts.tail, parts.pill);
    const item = h("li", { "data-fades": "" }, parts.button);
    parts.button.addEventListener("click", () => this.open(item.flightKey, parts.button));
    return Object.assign(item, { parts });
  }

  _update(item, flight, now) {
    const { row, start, end, key } = flight;
    const { parts } = item;
    item.flightKey = key;
    setAttribute(item, "data-key", key);
    setAttribute(item, "data-pending", row.pending ? "yes" : null);
    setAttribute(parts.button, "data-status", row.status);
    setAttribute(parts.button, "data-when", end <= now ? "past" : inTheAir(flight, now) ? "out" : "ahead");
    setAttribute(parts.pill, "data-status", row.status);
    setText(parts.start, clock(start));
    setText(parts.end, clock(end));
    setText(parts.route, route(row));
    setText(parts.tail, tail(row));
    setText(parts.who, people(row, this.ctx.me.role));
    setIcon(parts.sign, statusOf(row).icon);
    setText(parts.word, statusOf(row).word);
    const change = this.changes.get(key);
    if (change) flash(parts.button, change);
  }

  async edit(row) {
    const { ctx, picture } = this;
    const { edit } = await import("../flight-edit.js").catch((error) => ({ edit: () => ctx.toast(ctx.lost(error, () => {}), { kind: "bad" }) }));
    if (ctx.signal.aborted) return;
    if (this.past.rows?.has(row.id)) this.past.edit(edit, row);
    else edit(ctx, row, (hoped) => picture.hope(row.id, hoped));
  }

  open(key, anchor) {
    const row = this.picture.rows.get(key) ?? this.past.rows?.get(key);
    if (row) this.card.open(key, row, anchor);
  }

  /** The last weeks, up to what is followed. */
  async back() {
    if (this.more.getAttribute("aria-busy")) return;
    setAttribute(this.more, "aria-busy", "true");
    try {
      await this.past.read(midnight(this.ctx.clock.now(), -BACK), this.from);
      this.render();
      const held = document.activeElement === this.more;
      this.more.hidden = true;
      if (held) refocus(this.behind.querySelector("h2, b"));
    } catch (error) {
      if (!this.ctx.signal.aborted) this.ctx.toast(error.message, { kind: "bad" });
    }
    setAttribute(this.more, "aria-busy", null);
  }
}
