/**
 * All flights, narrowed by day, status, person and aircraft; made, changed and cancelled; live.
 *
 * What the list shows is in the address, so that it can be kept and gone back to.
 */
import { flash, h, icon, keyed, onchosen, setAttribute, setIcon, setText, setValue } from "../js/dom.js";
import { dayKey, dayOf, flightsOf, inTheAir, midnight, renderTally } from "../js/flights.js";
import { field, select } from "../js/form.js";
import { Picture } from "../js/picture.js";
import { ROLES, STATUS, clock, date, duration, people, relativeDay, route, statusOf, tail, weekday } from "../js/words.js";
import { act, button, drawing, head, standIn } from "./parts.js";
import { Roster, fullName } from "./roster.js";
import { MENU, W, capital, short, when } from "./words.js";

const AHEAD = 7; // days that are shown unless others are asked for
const WHO = ["instructor", "student"]; // whose flights: a member of the address and of the filter
const STEP = 150; // flights that are drawn, and as many more when asked for

export function mount(root, ctx) {
  return new Bookings(root, ctx);
}

class Bookings {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.known = null; // of places, once a form needs it
    this.changes = new Map();
    this.most = STEP;
    this.draw = drawing(() => this.render(), ctx.signal);
    this.roster = new Roster(ctx, () => this._people());
    this._build(root);
    ctx.title(MENU.bookings);
    ctx.clock.minute(() => this.minute(), ctx.signal);
    ctx.link.on(() => this.draw(), ctx.signal);
    this.update(ctx.params);
  }

  /** At midnight another day is today: a list that was given no day goes along. */
  minute() {
    if (this.follows && midnight(this.ctx.clock.now()) !== this.asked.from) this.update(this.params);
    this.draw();
  }

  unmount() {
    this.picture?.close();
  }

  _build(root) {
    this.head = head(MENU.bookings, button(W.newFlight, "plus", () => this.make(), { first: true }));
    this.from = field("from", W.fromDay, h("input", { type: "date" }));
    this.to = field("to", W.toDay, h("input", { type: "date" }));
    this.person = field("person", W.person, select([["", W.everyone]]));
    this.aircraft = field("aircraft", W.aircraft, h("input", { type: "text", autocomplete: "off", placeholder: W.any, maxlength: "50" }));
    for (const one of [this.from, this.to, this.person, this.aircraft]) onchosen(one.input, () => this.narrow(), this.ctx.signal);
    this.statuses = Object.entries(STATUS).map(([name, { word, icon: sign }]) => {
      const chip = h("button", { type: "button", class: "pill toggle", "data-status": name, "aria-pressed": "false" }, icon(sign), word);
      chip.addEventListener("click", () => {
        setAttribute(chip, "aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        this.narrow();
      });
      return chip;
    });
    this.clear = h("a", { href: "#/admin/bookings" }, W.clear);
    this.summary = h("summary", {});
    this.filters = h("details", { class: "filters", open: matchMedia("(min-width: 761px)").matches },
      this.summary,
      h("div", { class: "filter-row" }, this.from.element, this.to.element, this.person.element, this.aircraft.element),
      h("div", { class: "toggles", role: "group", "aria-label": W.status }, this.statuses, this.clear));
    this.tally = h("ul", { class: "tally", hidden: true });
    this.place = h("div");
    this.list = h("div", { class: "ledger" });
    this.more = button(W.more, null, () => ((this.most += STEP), this.draw()), { edits: false });
    root.append(this.head.element, this.filters, this.place, this.list, this.more);
  }

  // ── what is asked for ───────────────────────────────────────────────────────────────────────

  update(params) {
    const [asked = ""] = params;
    this.params = params;
    const given = new URLSearchParams(asked);
    const today = midnight(this.ctx.clock.now());
    const day = dayOf(given.get("from") ?? "");
    this.follows = day === null;
    const from = day ?? today;
    const last = dayOf(given.get("to") ?? "") ?? midnight(from, AHEAD);
    const status = (given.get("status") ?? "").split(",").filter((one) => one in STATUS);
    const who = WHO.find((one) => given.has(one)) ?? null;
    const aircraft = given.get("aircraft");
    this.asked = { from, last: Math.max(from, last), status, who, person: who && given.get(who), aircraft };
    setValue(this.from.input, dayKey(from));
    setValue(this.to.input, dayKey(this.asked.last));
    this.aircraft.input.value = aircraft ?? "";
    for (const chip of this.statuses) setAttribute(chip, "aria-pressed", String(status.includes(chip.dataset.status)));
    this.clear.hidden = given.size === 0;
    setText(this.summary, W.filters([!this.follows || given.has("to"), status.length, who, aircraft].filter(Boolean).length));
    this._people();
    this.watch();
  }

  /** The form as it is now, into the address. */
  narrow() {
    const given = new URLSearchParams();
    const today = midnight(this.ctx.clock.now());
    const from = dayOf(this.from.input.value) ?? today;
    const last = dayOf(this.to.input.value) ?? midnight(from, AHEAD);
    if (from !== today || last !== midnight(today, AHEAD)) {
      given.set("from", dayKey(from));
      given.set("to", dayKey(Math.max(from, last)));
    }
    const status = this.statuses.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.status);
    if (status.length) given.set("status", status.join(","));
    // By the person's role: a flight has a student and an instructor.
    const { value: person, selectedOptions: [chosen] } = this.person.input;
    if (person) given.set(chosen.dataset.who, person);
    if (this.aircraft.input.value.trim()) given.set("aircraft", this.aircraft.input.value.trim().toUpperCase());
    const text = String(given);
    this.ctx.go(text ? `admin/bookings/${encodeURIComponent(text)}` : "admin/bookings", { replace: true });
  }

  /** Who may be chosen; who is chosen is among them, though nobody may have said yet what they are called. */
  _people() {
    const { who, person } = this.asked;
    const option = (id, name, which) => h("option", { value: id, "data-who": which }, name);
    const groups = WHO.map((which) => {
      const role = which.toUpperCase();
      return h("optgroup", { label: ROLES[role] }, this.roster.of(role).map((one) => option(one.id, fullName(one), which)));
    });
    this.person.input.replaceChildren(option("", W.everyone), ...groups);
    if (person && !this.roster.name(person)) this.person.input.append(option(person, short(person), who));
    this.person.input.value = person ?? "";
  }

  watch() {
    const { from, last, status, who, person, aircraft } = this.asked;
    const filter = { from: new Date(from).toISOString(), to: new Date(midnight(last, 1)).toISOString() };
    if (status.length) filter.status = status;
    if (who) filter[`${who}_id`] = person;
    if (aircraft) filter.aircraft_id = aircraft;
    const key = JSON.stringify(filter);
    if (key === this.watched) return;
    this.watched = key;
    this.most = STEP;
    this.picture?.close();
    this.last = null;
    this.picture = { rows: new Map(), shown: new Map(), whole: false, error: null, close() {} };
    this.picture = new Picture(this.ctx, { topic: "bookings", path: "/bookings", filter, onchange: (change) => this.watched === key && this.took(change) });
    this.draw();
  }

  took(change) {
    for (const { items } of change && !change.reset ? change.transactions : []) {
      for (const { op, key, changed = [] } of items) {
        if (op === "remove") continue;
        const before = this.last?.has(key);
        if (!before || changed.some((name) => name !== "updated_at")) this.changes.set(key, before ? "is-changed" : "is-new");
      }
    }
    this.last = new Set(this.picture.rows.keys());
    this.known?.learn(this.picture.rows.values());
    this.draw();
  }

  // ── drawing ─────────────────────────────────────────────────────────────────────────────────

  render() {
    const { picture, ctx } = this;
    if (!picture) return;
    if (picture.whole || picture.error) this.roster.want();
    const now = ctx.clock.now();
    const flights = flightsOf(picture.shown);
    standIn(this.place, { error: picture.error, loaded: picture.whole || flights.length > 0, count: flights.length, none: ["plane", W.noFlights, W.noFlightsMore] });
    setText(this.head.sum, picture.whole ? W.flights(flights.length) : "");
    this.more.hidden = flights.length <= this.most;
    const days = new Map();
    for (const [place, flight] of flights.entries()) {
      const key = dayKey(flight.start);
      if (place < this.most && !days.has(key)) days.set(key, { key, at: flight.start, flights: [], all: [] });
      days.get(key)?.all.push(flight);
      if (place < this.most) days.get(key).flights.push(flight);
    }
    keyed(this.list, [...days.values()], (day) => day.key, () => {
      const name = h("h2");
      const tally = h("ul", { class: "tally" });
      return Object.assign(h("section", { class: "mine-day" }, h("div", { class: "ledger-day" }, name, tally), h("ul", { class: "rows" })), { name, tally });
    }, (section, day) => {
      setText(section.name, `${relativeDay(day.at, now)}${weekday(day.at)}, ${date(day.at)}`);
      renderTally(section.tally, picture.whole ? day.all : []);
      keyed(section.lastElementChild, day.flights, (one) => one.key, () => this._row(), (item, one) => this._update(item, one, now));
    });
    this.changes.clear();
  }

  _row() {
    const parts = { start: h("b"), end: h("span", { class: "quiet" }), sign: icon("confirmed"), word: h("span") };
    for (const name of ["route", "tail", "who", "long"]) parts[name] = h("span", { class: `row-${name}` });
    parts.long.classList.add("quiet");
    parts.pill = h("span", { class: "pill" }, parts.sign, parts.word);
    parts.button = h("button", { type: "button", class: "row" }, h("span", { class: "row-time" }, parts.start, parts.end), parts.route, parts.tail, parts.who, parts.long, parts.pill);
    const item = h("li", { "data-fades": "" }, parts.button);
    parts.button.addEventListener("click", () => act(this.ctx, parts.button, () => this.open(item.flightKey)));
    return Object.assign(item, { parts });
  }

  _update(item, { row, key, start, end }, now) {
    const { parts } = item;
    item.flightKey = key;
    setAttribute(item, "data-key", key);
    setAttribute(item, "data-pending", row.pending ? "yes" : null);
    setAttribute(parts.button, "data-status", row.status);
    setAttribute(parts.button, "data-when", end <= now ? "past" : inTheAir({ row, start, end }, now) ? "out" : "ahead");
    setAttribute(parts.pill, "data-status", row.status);
    setText(parts.start, clock(start));
    setText(parts.end, clock(end));
    setText(parts.route, route(row));
    setText(parts.tail, tail(row));
    setText(parts.who, people(row, "ADMIN"));
    setText(parts.long, duration(row.duration_minutes));
    setIcon(parts.sign, statusOf(row).icon);
    setText(parts.word, statusOf(row).word);
    if (this.changes.has(key)) flash(parts.button, this.changes.get(key));
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────

  _items(row, isNew) {
    return this.forms.flightItems(row, { ctx: this.ctx, roster: this.roster, known: this.known, isNew });
  }

  /** Forms, names and places may not have been needed until now. */
  async _ready() {
    const { lost, signal } = this.ctx;
    const modules = [import("./editing.js"), import("./flight.js")];
    const forms = Promise.all(modules).catch((error) => {
      throw signal.aborted ? error : new Error(lost(error, () => {}));
    });
    const [[editing, flight]] = await Promise.all([forms, this.roster.need()]);
    this.forms ??= { ...editing, ...flight };
    this.known ??= new flight.Known();
    this.known.learn(this.picture.rows.values());
    if (this.known.airports.size === 0) {
      const { body } = await this.ctx.api.get("/bookings", { limit: 100 }, { signal: this.ctx.signal });
      this.known.learn(body.items);
    }
  }

  async make() {
    const { ctx } = this;
    if (!(await act(ctx, this.head.element.querySelector("button"), () => this._ready()))) return;
    this.forms.create(ctx, {
      title: W.newFlight,
      items: this._items({}, true),
      save: W.newFlight,
      wide: true,
      send: async (values) => {
        const { body } = await ctx.api.post("/bookings", values);
        const at = Date.parse(body.scheduled_datetime);
        // It may be of a day, or of people, that are not shown here.
        ctx.toast(W.made, { kind: "good", text: `${capital(when(at, ctx.clock.now()))} · ${people(body, "ADMIN")}` });
      },
    });
  }

  async open(key) {
    const { ctx, picture } = this;
    await this._ready();
    const hope = (row) => picture.hope(key, row);
    await this.forms.edit(ctx, {
      path: `/bookings/${key}`,
      title: (row) => `${row.student_name} · ${row.instructor_name}`,
      items: (row) => this._items(row, false),
      hope: (row) => hope(row && this._named(row)),
      wide: true,
      extra: (row, control) => this._above(row, control, hope),
    });
  }

  /** A hoped-for row names its people as the hub will. */
  _named(row) {
    const name = (id, before) => this.roster.name(id) ?? before;
    return { ...row, student_name: name(row.student_id, row.student_name), instructor_name: name(row.instructor_id, row.instructor_name) };
  }

  /** Above the form: what the flight is now, where it may go, and where more is told of it. */
  _above(row, control, hope) {
    const pill = h("p", { class: "pill", "data-status": row.status }, icon(statusOf(row).icon), statusOf(row).word);
    const moves = this.forms.MOVES[row.status].map((to) => {
      const one = button(W.move[to], STATUS[to].icon, () => this.move(control, to, hope), { kind: "button is-small" });
      if (to === "CANCELLED") one.classList.add("is-remove");
      return one;
    });
    const links = [[`#/admin/audit/${encodeURIComponent(`entity_type=booking&entity_id=${row.id}`)}`, W.trail], [`#/admin/explain/${row.id}`, W.why]];
    if (row.status === "RESCHEDULING") links.unshift([`#/admin/escalations/${row.id}`, W.newTimes]);
    return [
      h("div", { class: "above" }, pill, h("span", { class: "above-links" }, links.map(([href, word]) => h("a", { href }, word)))),
      moves.length ? h("div", { class: "moves", role: "group", "aria-label": W.moves }, moves) : h("p", { class: "quiet" }, W.final(row.status)),
    ];
  }

  /** Shown at once in the list; taken back, with the reason, where the hub refuses it. */
  async move(control, to, hope) {
    const { ctx } = this;
    const row = control.row();
    if (to === "CANCELLED" && !(await ctx.confirm({ title: W.cancelTitle, text: W.cancelText(people(row, "ADMIN")), yes: W.cancelYes, no: W.keep, danger: true }))) return;
    control.close();
    hope({ ...row, status: to, pending: true });
    try {
      await ctx.settled(await ctx.api.patch(`/bookings/${row.id}`, { status: to }, { match: control.version() }));
      ctx.toast(W.moved(to), { kind: "good", sign: STATUS[to].icon });
    } catch (error) {
      ctx.toast(W.notMoved, { kind: "bad", text: error.status === 412 ? W.changedElsewhere : error.message });
    }
    hope(null);
  }
}
