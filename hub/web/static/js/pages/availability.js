/**
 * When one can fly: every week, and on single dates; a week at a time, by the school's clock.
 *
 * What is saved is shown at once, and taken back with the reason where the hub refuses it.
 */
import { schoolZone } from "../clock.js";
import { clear, h, icon, keyed, setAttribute, setText } from "../dom.js";
import { hoursForm } from "../hours-form.js";
import { empty } from "../instead.js";
import { PAGE, SAY, WEEKDAYS, calendarDate, clock, zoneOf } from "../words.js";
import { LINK } from "../words/link.js";
import { addDays, dateKey, minuteIn, onDate, sunday, todayIn } from "../week.js";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const DAY = 24 * 60;
const AGAIN = 5000; // ms after a read that failed

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
    this.at = null; // when that was read
    this.reads = 0; // begun: the newest alone is drawn, whichever is answered last
    this.writing = 0;
    this.writes = 0; // begun and ended: a read across one is of no moment
    this.first = sunday(this.today);
    this.from = addDays(this.today, -31); // overrides from then on are to be read
    this.since = null; // and have been
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

  /** Further back than was read, some weeks are read at once. */
  to(first) {
    this.first = first;
    if (first < this.from) {
      this.from = addDays(first, -28);
      this.read();
    }
    this.draw();
  }

  /** Read what a save came in between of. */
  _reread() {
    if (!this.outdated) return;
    this.outdated = false;
    this.read();
  }

  async read() {
    const { api, signal, clock: time } = this.ctx;
    const { from, writes } = this;
    const read = (this.reads += 1);
    clearTimeout(this.again);
    try {
      let patterns;
      const overrides = [];
      for await (const { body } of api.pages("/availability", { from: dateKey(from) }, { signal })) {
        patterns ??= body.patterns;
        overrides.push(...(body.overrides ?? body.items)); // what follows is of overrides alone
      }
      if (read !== this.reads) return;
      // What was asked for before a save may be of before it: not shown, but read once more.
      if (this.writing || this.writes !== writes) {
        this.outdated = true;
        if (!this.writing) this._reread();
        return;
      }
      this.since = from;
      this.at = time.now();
      this.patterns = patterns;
      this.overrides = overrides;
      this.error = null;
    } catch (error) {
      if (signal.aborted || read !== this.reads) return;
      this.error = error;
      this.again = setTimeout(() => document.hidden || this.read(), AGAIN);
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
    const shown = this.since !== null && this.since <= this.first;
    this.list.hidden = this.axis.hidden = this.foot.hidden = !shown;
    if (!shown) {
      const what = this.error ? empty("waiting", SAY.refused, this.error.message, h("button", { type: "button", class: "button", onclick: () => this.read() }, SAY.tryAgain))
        : h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": SAY.loading }, DAYS.map(() => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i"))));
      if (this.place.firstElementChild?.dataset.what !== what.dataset.what) this.place.replaceChildren(what);
      return;
    }
    // What was read stays, but is not said to be so now.
    const old = this.error && `${LINK.known(clock(this.at))} ${this.error.message}`;
    if (!old) clear(this.place);
    else if (this.place.textContent !== old) this.place.replaceChildren(h("p", { class: "form-fault", role: "alert" }, old));
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
    button.addEventListener("click", () => chip.row.pending || this.edit(kind, chip.row));
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
    const form = { kind, row: { ...shown }, was: { ...shown } };
    this._open(form);
    hoursForm(kind, form.row, {
      save: (values, close) => this.save(form, values, close),
      remove: (close) => this.remove(form, close),
      week: () => this.patterns ?? [],
    });
  }

  /** Shown at once; on a refusal its row is as it was, and the form, still open, says why. */
  async save(form, values, close) {
    const { api, toast } = this.ctx;
    const { kind, row } = form;
    const path = `/availability/${kind}s`;
    const match = await this._match(form);
    // What another program wrote may be more than a field takes: what was not touched is not sent.
    const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== form.was[name]));
    const hoped = { ...row, ...(row.id ? changed : values), id: row.id ?? `new-${performance.now()}`, pending: true };
    if (!row.id) await this._hope(form, hoped.id, hoped, async () => (await api.post(path, values)).body);
    else if (Object.keys(changed).length) {
      form.sent = { ...row, ...changed };
      await this._hope(form, row.id, hoped, async () => (await api.patch(`${path}/${row.id}`, changed, { match })).body);
    }
    close();
    toast(SAY.saved, { kind: "good" });
  }

  async remove(form, close) {
    const { api, toast } = this.ctx;
    const { kind, row } = form;
    const match = await this._match(form).catch((error) => {
      if (error.status !== 404) throw error; // gone: so it was to be
    });
    await this._hope(form, row.id, null, async () => (await api.delete(`/availability/${kind}s/${row.id}`, { match }), null));
    close();
    toast(SAY.removed, { kind: "good" });
  }

  /** The version of what the form was opened on; if that was old already, it is not to be saved over. */
  async _match(form) {
    const { row } = form;
    if (!row.id) return null;
    const { etag, body: found } = await form.opened.catch(() => (this._open(form), form.opened));
    const same = (one) => one && Object.keys(found).every((name) => name === "updated_at" || String(found[name]) === String(one[name]));
    const own = same(form.sent); // of which no answer came
    if (own) form.was = { ...found };
    // What was refused as changed need not be refused again for that.
    const known = own || same(row) || form.told;
    form.told = false;
    Object.assign(row, found);
    if (known) return etag;
    this.read();
    throw Object.assign(new Error(SAY.changedMeanwhile), { status: 412 });
  }

  /** Ask for the version of the row that a form is open on from now on. */
  _open(form) {
    form.opened = form.row.id ? this.ctx.api.get(`/availability/${form.kind}s/${form.row.id}`) : null;
    form.opened?.catch(() => {});
  }

  /**
   * Show `row` (null: none) for that of `id` while `work` is under way, which gives what it has become. What
   * fails takes back its own row alone, and all is read: the hub may have done what it could not say.
   */
  async _hope(form, id, row, work) {
    const rows = form.kind === "pattern" ? "patterns" : "overrides";
    const was = this[rows]?.find((one) => one.id === id);
    const put = (one) => (this[rows] &&= [...this[rows].filter((other) => other.id !== id), ...(one ? [one] : [])]);
    put(row);
    this.writing += 1;
    this.writes += 1;
    this.draw();
    try {
      put(await work());
      this.outdated ||= this[rows] === null;
    } catch (error) {
      put(was);
      this.outdated = true;
      form.told = error.status === 412;
      this._open(form);
      throw error;
    } finally {
      this.writing -= 1;
      this.writes += 1;
      if (!this.writing) this._reread();
      this.draw();
    }
  }
}

const two = (number) => String(number).padStart(2, "0");
const text = (minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
