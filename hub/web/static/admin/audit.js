/**
 * The audit trail: who changed what, from what to what, and when; narrowed, and older pages as asked for.
 *
 * What is asked for is in the address, so that a flight's or a user's own trail is a link.
 */
import { clear, h, icon, keyed, onchosen, setText, setValue } from "../js/dom.js";
import { dayKey, dayOf, midnight } from "../js/flights.js";
import { field, select } from "../js/form.js";
import { ROLES, SAY, WEEKDAYS, calendarDate, clockSeconds, date, relativeDay, surname, tail, weekday } from "../js/words.js";
import { Reading, act, button, change, drawing, everything, head, standIn } from "./parts.js";
import { Roster, fullName } from "./roster.js";
import { ACTION, ENTITY, MEMBER, MENU, SCOPE, W, said, short, when } from "./words.js";

const NARROW = ["entity_type", "entity_id", "action", "actor", "from", "to"];
/** A row's members in the order a person would tell them. */
const ORDER = Object.keys(MEMBER);
/** What every new row has, and says nothing. */
const DULL = new Set(["id", "created_at", "updated_at", "booking_id", "user_id", "cognito_user_id"]);
const NEAR = 14; // days to either side, in which flights are known by more than their id
const MOST = 12; // members of a row that was made or is gone
/** Of what an entry that tells only a change is asked what it was: of few, for each is a read of its own. */
const ASKED = new Set(["booking", "availability_pattern", "availability_override"]);
const AT_ONCE = 4;

export function mount(root, ctx) {
  return new Audit(root, ctx);
}

class Audit {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.older = [];
    this.asked = {};
    this.draw = drawing(() => this.render(), ctx.signal);
    this.roster = new Roster(ctx, () => this._who());
    this.head = head(MENU.audit, button(W.refresh, "rescheduling", () => this.again(), { edits: false }));
    this.fields = {
      entity_type: field("entity_type", W.entity, select([["", W.any], ...Object.entries(ENTITY)])),
      action: field("action", W.action, select([["", W.any], ...Object.entries(W.actions)])),
      actor: field("actor", W.actor, select([["", W.everyone]])),
      from: field("from", W.fromDay, h("input", { type: "date" })),
      to: field("to", W.toDay, h("input", { type: "date" })),
      entity_id: field("entity_id", W.entityId, h("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: "36" })),
    };
    for (const one of Object.values(this.fields)) onchosen(one.input, () => this.narrow(), this.ctx.signal);
    this.summary = h("summary");
    this.clear = h("a", { href: "#/admin/audit" }, W.clear);
    this.place = h("div");
    this.list = h("div", { class: "trail" });
    this.more = button(W.older, "down", () => act(ctx, this.more, () => this.next()), { edits: false });
    root.append(this.head.element,
      h("details", { class: "filters", open: matchMedia("(min-width: 761px)").matches }, this.summary,
        h("div", { class: "filter-row is-many" }, Object.values(this.fields).map((one) => one.element)), this.clear),
      this.place, this.list, this.more);
    ctx.title(MENU.audit);
    for (const kind of ["keys", "devices", "flights"]) this[kind] = new Map();
    this.told = new Map(); // by its id: a row as an entry of it has it whole
    this.past = new Map(); // by a row's id: its entries, oldest first
    this.sought = new Map(); // by a row's id: the entry's moment for which they were read
    this.asking = new Set();
    this.named = new Map(); // of these, and "users": asked for or read
    ctx.link.on((link) => link.live && this.read?.loaded && this._names(), ctx.signal);
    this.update(ctx.params);
  }

  /**
   * What entries name by an id is called by its name as soon as that is known; no entry waits for it. What could
   * not be read is asked for again with the entries, and when the hub is back.
   */
  _names() {
    const { api, clock, signal } = this.ctx;
    const near = (days) => new Date(midnight(clock.now(), days)).toISOString();
    const once = (kind, read) => {
      if (!this.named.has(kind)) this.named.set(kind, read().catch(() => this.named.delete(kind)));
      return this.named.get(kind);
    };
    const learn = async (kind, path, query = {}) => {
      const rows = await everything(api, path, query, signal);
      this[kind] = new Map(rows.map((row) => [row.id, row]));
      this._who();
    };
    const reads = [
      once("users", () => this.roster.need()),
      once("flights", () => learn("flights", "/bookings", { from: near(-NEAR), to: near(NEAR) })),
      once("keys", () => learn("keys", "/keys")),
      once("devices", () => learn("devices", "/devices")),
    ];
    // What these know needs no past.
    Promise.all(reads).then(() => {
      this.listed = true;
      this.draw();
    });
  }

  update([asked = ""]) {
    const given = new URLSearchParams(asked);
    this.asked = Object.fromEntries(NARROW.filter((name) => given.get(name)).map((name) => [name, given.get(name)]));
    for (const [name, one] of Object.entries(this.fields)) setValue(one.input, this.asked[name] ?? "");
    this.clear.hidden = given.size === 0;
    setText(this.summary, W.filters(given.size));
    this._who();
    this.page = null;
    this.older = [];
    clear(this.list);
    if (this.read) {
      this.read.value = this.read.error = null;
      this.again();
    } else this.read = new Reading(this.ctx, (signal) => this._first(signal), this.draw);
    this.draw();
  }

  narrow() {
    const given = new URLSearchParams();
    for (const [name, one] of Object.entries(this.fields)) if (one.input.value.trim()) given.set(name, one.input.value.trim());
    const text = String(given);
    this.ctx.go(text ? `admin/audit/${encodeURIComponent(text)}` : "admin/audit", { replace: true });
  }

  _who() {
    const { actor } = this.fields;
    const people = ["ADMIN", "INSTRUCTOR", "STUDENT"].map((role) => h("optgroup", { label: ROLES[role] }, this.roster.of(role).map((one) => h("option", { value: one.id }, fullName(one)))));
    const keys = [...this.keys.values()].map((row) => h("option", { value: row.id }, row.name));
    actor.input.replaceChildren(h("option", { value: "" }, W.everyone), ...people, keys.length ? h("optgroup", { label: MENU.keys }, keys) : "");
    const { actor: wanted = "" } = this.asked;
    if (wanted && ![...actor.input.options].some((one) => one.value === wanted)) actor.input.append(h("option", { value: wanted }, short(wanted)));
    actor.input.value = wanted;
    this.draw();
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────

  again() {
    return this.read.again();
  }

  /** The newest page; what was read of older ones stays below where it still meets them. */
  async _first(signal) {
    const { asked } = this;
    const { from, to, ...query } = asked;
    const at = (day, days) => new Date(midnight(dayOf(day), days)).toISOString();
    if (dayOf(from ?? "") !== null) query.from = at(from, 0);
    if (dayOf(to ?? "") !== null) query.to = at(to, 1);
    const answer = await this.ctx.api.get("/audit", { ...query, limit: 30 }, { signal });
    this._names();
    if (asked !== this.asked) return this._first(signal);
    this.older = [];
    this.page = answer.next;
    return answer.body.items;
  }

  async next() {
    const { asked } = this;
    const answer = await this.ctx.api.get(this.page, {}, { signal: this.ctx.signal });
    if (asked !== this.asked) return;
    this.older.push(...answer.body.items);
    this.page = answer.next;
    this.draw();
  }

  // ── drawing ─────────────────────────────────────────────────────────────────────────────────

  render() {
    const { read, ctx } = this;
    if (!read) return;
    const now = ctx.clock.now();
    const entries = read.loaded ? [...read.value, ...this.older] : [];
    standIn(this.place, { error: read.error, loaded: read.loaded, count: entries.length, none: ["trail", W.noEntries, W.noEntriesMore], again: () => this.again() });
    setText(this.head.sum, read.loaded ? W.entries(entries.length, !this.page) : "");
    this.more.hidden = !this.page;
    const days = new Map();
    for (const entry of entries) {
      const key = dayKey(Date.parse(entry.created_at));
      if (entry.metadata?.row) this.told.set(entry.entity_id, entry.metadata.row);
      if (!days.has(key)) days.set(key, []);
      days.get(key).push(entry);
    }
    keyed(this.list, [...days], ([key]) => key, ([key]) => {
      const at = dayOf(key);
      return h("section", { class: "trail-day" }, h("h2", {}, `${relativeDay(at, now)}${weekday(at)}, ${date(at)}`), h("ol", {}));
    }, (section, [, these]) => {
      keyed(section.lastElementChild, these, (one) => one.id, (one) => this._entry(one, now), (item, one) => {
        setText(item.which, this._which(one));
        setText(item.who, this._actor(one));
      });
    });
  }

  _entry(entry, now) {
    const who = h("b");
    const which = h("span", { title: entry.entity_id });
    const what = entry.entity_type;
    const only = encodeURIComponent(`entity_type=${what}&entity_id=${entry.entity_id}`);
    const item = h("li", { class: "entry", "data-key": entry.id, "data-action": entry.action },
      h("time", { class: "quiet", datetime: entry.created_at }, clockSeconds(Date.parse(entry.created_at))),
      h("span", { class: "entry-sign" }, icon({ create: "plus", update: "edit", delete: "trash" }[entry.action] ?? "trail")),
      h("div", { class: "entry-words" },
        h("p", {}, h("b", {}, ENTITY[what] ?? what), " ", which, ` ${ACTION[entry.action] ?? entry.action} `, W.by(""), who),
        this._changes(entry, now)),
      this.asked.entity_id ? "" : h("a", { href: `#/admin/audit/${only}`, "aria-label": `${W.onlyThis}: ${ENTITY[what] ?? what} ${short(entry.entity_id)}` }, W.onlyThis));
    return Object.assign(item, { who, which });
  }

  /** Which one it is: what people call it where that is known, else the end of its id. */
  _which(entry) {
    const { entity_id: id } = entry;
    return this.roster.name(id) ?? (this.keys.get(id) ?? this.devices.get(id))?.name ?? this._called(this.flights.get(id) ?? this._row(entry)) ?? short(id);
  }

  /** A row as people call it: a flight by when, in what and whose; hours and answers by whose and which. */
  _called(row) {
    if (!row) return undefined;
    const at = (moment) => moment && when(Date.parse(moment), this.ctx.clock.now());
    const who = (id) => id && (this.roster.name(id) ?? short(id));
    if (row.scheduled_datetime) return `${at(row.scheduled_datetime)} ${tail(row)} ${surname(row.student_name ?? who(row.student_id))}`;
    if (row.email) return fullName(row);
    const day = row.override_date ? calendarDate(new Date(row.override_date)) : WEEKDAYS[row.day_of_week];
    const hours = day && (row.start_time ? `${row.start_time.slice(0, 5)}–${row.end_time.slice(0, 5)}` : SAY.wholeDay.toLowerCase());
    const flight = row.booking_id && (this._called(this.flights.get(row.booking_id)) ?? short(row.booking_id));
    return [row.name, who(row.user_id), day && `${day} ${hours}`, at(row.suggested_datetime), flight].filter(Boolean).join(", ") || undefined;
  }

  /** The row as it was until this entry: as the entry has it, else as those before it tell, which are then asked for. */
  _row({ id, entity_type: type, entity_id: of, created_at: at, metadata }) {
    if (metadata?.row) return metadata.row;
    if (!ASKED.has(type)) return this.told.get(of);
    const past = this.past.get(of) ?? [];
    if (this.listed && !(this.sought.get(of) >= at)) this._ask(type, of, at);
    let row = null;
    for (const one of past) {
      if (one.id === id) break;
      const { row: made, changed = {} } = one.metadata ?? {};
      row = made ?? (row && { ...row, ...Object.fromEntries(Object.entries(changed).map(([name, [, to]]) => [name, to])) });
    }
    return row;
  }

  async _ask(type, of, at) {
    if (this.asking.has(of) || this.asking.size === AT_ONCE) return;
    this.asking.add(of);
    try {
      const { body } = await this.ctx.api.get("/audit", { entity_type: type, entity_id: of, limit: 100 }, { signal: this.ctx.signal });
      this.past.set(of, body.items.reverse());
      this.sought.set(of, at); // whatever there was: it is not asked for again
      this.asking.delete(of);
      this.draw();
    } catch {
      // Asked again with the next picture.
      this.asking.delete(of);
    }
  }

  _actor({ user_id: user, metadata }) {
    if (user) return this.roster.name(user) ?? short(user);
    const { actor } = metadata ?? {};
    if (!actor) return W.system;
    const key = this.keys.get(actor);
    return key ? W.key(key.name) : this.roster.name(actor) ?? `${W.unknown} ${short(String(actor))}`;
  }

  _changes({ metadata }, now) {
    const { changed, row } = metadata ?? {};
    const names = (id) => this.roster.name(id) ?? this._called(this.flights.get(id));
    const word = (member, value) => (member === "scopes" ? (value ?? []).map((one) => SCOPE[one] ?? one).join(", ") : member === "override_date" ? calendarDate(new Date(value)) : said(member, value, names, now));
    if (changed) {
      return h("ul", { class: "changes" }, Object.entries(changed).map(([member, [from, to]]) =>
        h("li", {}, h("span", { class: "quiet" }, MEMBER[member] ?? member), " ", change(word(member, from), word(member, to)))));
    }
    if (!row) return "";
    const told = Object.entries(row).filter(([member, value]) => !DULL.has(member) && value !== null && !/tude$/.test(member)).sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b)).slice(0, MOST);
    return h("ul", { class: "changes" }, told.map(([member, value]) => h("li", {}, h("span", { class: "quiet" }, MEMBER[member] ?? member), " ", h("b", {}, word(member, value)))));
  }
}
