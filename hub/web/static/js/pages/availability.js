/**
 * When one can fly: every week, and on single dates; a week at a time, by the school's clock.
 *
 * What is saved is shown at once, and taken back with the reason where the hub refuses it.
 */
import { schoolZone } from "../clock.js";
import { clear, h, icon, keyed, setAttribute, setText } from "../dom.js";
import { hoursForm } from "../hours-form.js";
import { empty } from "../instead.js";
import { PAGE, SAY, WEEKDAYS, calendarDate, zoneOf } from "../words.js";
import { addDays, dateKey, minuteIn, onDate, sunday, todayIn } from "../week.js";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const DAY = 24 * 60;

export function mount(root, ctx) {
  return new Availability(root, ctx);
}

class Availability {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.patterns = null;
    this.overrides = null;
    this.zone = schoolZone();
    this.error = null;
    this.writes = 0; // begun and ended: a read across one is of no moment
    this.first = sunday(todayIn(this.zone, ctx.clock.now()));
    this._build(root);
    ctx.title(PAGE.availability);
    ctx.clock.minute(() => this.draw(), ctx.signal);
    ctx.link.on((link) => {
      if (link.live && this.error) this.read();
    }, ctx.signal);
    document.addEventListener("visibilitychange", () => !document.hidden && !this.writing && this.read(), { signal: ctx.signal });
    this.draw();
    this.read();
  }

  _build(root) {
    const step = (sign, word, run) => h("button", { type: "button", class: "step", onclick: run }, icon(sign), h("span", { class: "unseen" }, word));
    this.name = h("p", { class: "week-name", "aria-live": "polite" });
    this.here = h("button", { type: "button", class: "step step-word", onclick: () => this.to(sunday(this.today)) }, SAY.thisWeek);
    this.clock = h("p", { class: "quiet" });
    this.list = h("ol", { class: "week" });
    this.axis = h("div", { class: "week-axis", "aria-hidden": "true" }, h("div", {}, [0, 6, 12, 18, 24].map((hour) => h("span", {}, `${two(hour)}:00`))));
    this.place = h("div");
    this.foot = h("p", { class: "key" },
      h("span", { class: "free-sample", "aria-hidden": "true" }), SAY.canFly,
      h("span", { class: "away-sample", "aria-hidden": "true" }), SAY.awayKey);
    root.append(
      h("div", { class: "flights narrow" },
        h("div", { class: "day-bar" },
          h("div", { class: "day-words" }, h("h1", {}, PAGE.availability), this.clock),
          h("button", { type: "button", class: "button", "data-edit": true, onclick: () => this.edit("override", { override_date: dateKey(this.today), is_blocked: true }) }, icon("plus"), SAY.addException),
          h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => this.edit("pattern", { day_of_week: 1, is_active: true }) }, icon("plus"), SAY.addHours)),
        h("div", { class: "week-bar" }, this.name,
          h("div", { class: "day-steps", role: "group", "aria-label": SAY.pickWeek },
            step("left", SAY.weekBefore, () => this.to(addDays(this.first, -7))), this.here, step("right", SAY.weekAfter, () => this.to(addDays(this.first, 7))))),
        this.place, this.axis, this.list, this.foot),
    );
  }

  get today() {
    return todayIn(this.zone, this.ctx.clock.now());
  }

  to(first) {
    this.first = first;
    this.draw();
  }

  /** Read what a save came in between of. */
  _reread() {
    if (!this.outdated) return;
    this.outdated = false;
    this.read();
  }

  /** Overrides from the last month on; earlier ones are over. */
  async read() {
    const { api, signal } = this.ctx;
    const from = dateKey(addDays(this.today, -31));
    const { writes } = this;
    try {
      let page = await api.get("/availability", { from, limit: 100 }, { signal });
      const { patterns, overrides } = page.body;
      while (page.next) {
        page = await api.get(page.next, {}, { signal });
        overrides.push(...page.body.items);
      }
      // What was asked for before a save may be of before it: not shown, but read once more.
      if (this.writing || this.writes !== writes) {
        this.outdated = true;
        if (!this.writing) this._reread();
        return;
      }
      this.patterns = patterns;
      this.overrides = overrides;
      this.error = null;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.draw();
  }

  // ── drawing ─────────────────────────────────────────────────────────────────────────────────

  draw() {
    const now = this.ctx.clock.now();
    const last = addDays(this.first, 6);
    setText(this.name, `${calendarDate(this.first)} – ${calendarDate(last)}`);
    setText(this.clock, this.zone ? SAY.schoolClock(`${this.zone} (${zoneOf(this.zone, now)})`) : "");
    setAttribute(this.here, "aria-current", dateKey(this.first) === dateKey(sunday(this.today)) ? "date" : null);
    const shown = this.patterns !== null;
    this.list.hidden = this.axis.hidden = this.foot.hidden = !shown;
    if (!shown) {
      const what = this.error ? empty("waiting", SAY.refused, this.error.message, h("button", { type: "button", class: "button", onclick: () => this.read() }, SAY.tryAgain))
        : h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": SAY.loading }, DAYS.map(() => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i"))));
      if (this.place.firstElementChild?.dataset.what !== what.dataset.what) this.place.replaceChildren(what);
      return;
    }
    clear(this.place);
    const days = DAYS.map((day) => addDays(this.first, day));
    keyed(this.list, days, dateKey, (date) => this._day(date), (item, date) => this._update(item, date, now));
  }

  _day(date) {
    const weekday = WEEKDAYS[date.getUTCDay()];
    const parts = {
      bar: h("div", { class: "hours", "aria-hidden": "true" }, h("div", { class: "hours-free" }), h("span", { class: "hours-now" })),
      words: h("span", { class: "unseen" }),
      chips: h("ul", { class: "chips" }),
      add: h("button", { type: "button", class: "step", "data-edit": true, "aria-label": SAY.addOn(`${weekday}, ${calendarDate(date)}`) }, icon("plus")),
    };
    parts.add.addEventListener("click", () => this.edit("override", { override_date: dateKey(date), is_blocked: true }));
    const item = h("li", { class: "week-day" },
      h("h2", {}, h("b", {}, weekday), h("span", { class: "quiet" }, calendarDate(date)), parts.words),
      parts.bar, parts.chips, parts.add);
    return Object.assign(item, { parts });
  }

  _update(item, date, now) {
    const { parts } = item;
    const today = dateKey(date) === dateKey(this.today);
    setAttribute(item, "aria-current", today ? "date" : null);
    setAttribute(item, "data-past", date < this.today);
    const { patterns, overrides, free } = onDate(date, this.patterns, this.overrides);
    const said = free.map(([from, to]) => `${text(from)}–${text(to)}`).join(", ");
    setText(parts.words, said ? SAY.freeOn(said) : SAY.notFreeOn);
    keyed(parts.bar.firstElementChild, free, String, () => h("span"), (element, [from, to]) => {
      element.style.setProperty("--at", (from / DAY).toFixed(4));
      element.style.setProperty("--long", ((to - from) / DAY).toFixed(4));
    });
    const line = parts.bar.lastElementChild;
    line.hidden = !today;
    if (today) line.style.setProperty("--at", (minuteIn(this.zone, now) / DAY).toFixed(4));
    const rows = [...patterns.map((row) => ["pattern", row]), ...overrides.map((row) => ["override", row])];
    keyed(parts.chips, rows, ([kind, row]) => `${kind} ${row.id}`, ([kind]) => this._chip(kind), (chip, [kind, row]) => this._updateChip(chip, kind, row));
    if (rows.length === 0 && !parts.chips.firstElementChild) parts.chips.append(h("li", { class: "quiet chips-none" }, SAY.nothingSaid));
    else if (rows.length) parts.chips.querySelector(".chips-none")?.remove();
  }

  _chip(kind) {
    const words = h("span");
    const button = h("button", { type: "button", class: "chip", "data-edit": true }, icon(kind === "pattern" ? "rescheduling" : "cancelled"), words);
    const chip = h("li", {}, button);
    button.addEventListener("click", () => this.edit(kind, chip.row));
    return Object.assign(chip, { button, words });
  }

  _updateChip(chip, kind, row) {
    chip.row = row;
    const hours = row.start_time ? `${row.start_time}–${row.end_time}` : SAY.wholeDay;
    const words = kind === "pattern" ? (row.is_active ? hours : `${hours}, ${SAY.resting}`)
      : `${row.is_blocked ? SAY.not : SAY.besides} ${hours}${row.reason ? ` · ${row.reason}` : ""}`;
    setText(chip.words, words);
    setAttribute(chip.button, "data-kind", kind === "pattern" ? (row.is_active ? "weekly" : "resting") : row.is_blocked ? "blocked" : "added");
    setAttribute(chip.button, "aria-label", `${kind === "pattern" ? SAY.everyWeek : SAY.onlyThen}: ${words}. ${SAY.edit}`);
    setAttribute(chip.button, "data-pending", row.pending ? "yes" : null);
    setAttribute(chip.button.firstElementChild.firstElementChild, "href", kind === "pattern" ? "#i-rescheduling" : row.is_blocked ? "#i-cancelled" : "#i-plus");
  }

  // ── editing ─────────────────────────────────────────────────────────────────────────────────

  edit(kind, shown) {
    const row = { ...shown };
    this.editing = [kind, row];
    this._open(kind, row);
    hoursForm(kind, row, {
      save: (values, close) => this.save(kind, row, values, close),
      remove: (close) => this.remove(kind, row, close),
    });
  }

  /** Shown at once; on a refusal everything is as it was, and the form, still open, says why. */
  async save(kind, row, values, close) {
    const { api, toast } = this.ctx;
    const path = `/availability/${kind}s`;
    const rows = kind === "pattern" ? "patterns" : "overrides";
    const hoped = { ...row, ...values, id: row.id ?? `new-${performance.now()}`, pending: true };
    const match = await this._match(kind, row);
    await this._hope(rows, (all) => [...all.filter((one) => one.id !== row.id), hoped], async () => {
      const answer = row.id ? await api.patch(`${path}/${row.id}`, values, { match }) : await api.post(path, values);
      this[rows] = [...this[rows].filter((one) => one.id !== hoped.id), answer.body];
    });
    close();
    toast(SAY.saved, { kind: "good" });
  }

  async remove(kind, row, close) {
    const { api, toast } = this.ctx;
    const rows = kind === "pattern" ? "patterns" : "overrides";
    const match = await this._match(kind, row);
    await this._hope(rows, (all) => all.filter((one) => one.id !== row.id), () => api.delete(`/availability/${kind}s/${row.id}`, { match }));
    close();
    toast(SAY.removed, { kind: "good" });
  }

  /** The version of what the form was opened on; if that was old already, it is not to be saved over. */
  async _match(kind, row) {
    if (!row.id) return null;
    const { etag, body: found } = await this.opened.catch(() => (this._open(kind, row), this.opened));
    const same = Object.keys(found).every((name) => String(found[name]) === String(row[name]));
    if (same) return etag;
    Object.assign(row, found);
    this.read();
    throw Object.assign(new Error(SAY.changedMeanwhile), { status: 412 });
  }

  /** Ask for the version of a row that is edited from now on. */
  _open(kind, row) {
    this.opened = row.id ? this.ctx.api.get(`/availability/${kind}s/${row.id}`) : null;
    this.opened?.catch(() => {});
  }

  async _hope(rows, change, write) {
    const before = this[rows];
    this[rows] = change(before);
    this.writing = true;
    this.writes += 1;
    this.draw();
    try {
      await write();
    } catch (error) {
      this[rows] = before;
      if ([404, 412].includes(error.status)) {
        this.read();
        this._open(...this.editing);
      }
      throw error;
    } finally {
      this.writing = false;
      this.writes += 1;
      this._reread();
      this.draw();
    }
  }
}

const two = (number) => String(number).padStart(2, "0");
const text = (minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
