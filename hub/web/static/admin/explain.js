/**
 * Why somebody does not see a flight: the hub's own judgement, by topic, and how far their screens were told.
 *
 * Who and which is in the address: a question can be sent to a colleague as a link.
 */
import { h, icon } from "../js/dom.js";
import { Form, field, select } from "../js/form.js";
import { midnight } from "../js/flights.js";
import { ROLES, STATUS, clock, clockSeconds, route, shortDate, tail } from "../js/words.js";
import { everything } from "./parts.js";
import { Roster, fullName } from "./roster.js";
import { WHY } from "./explain-words.js";
import { ID, MEMBER, MENU, TOPIC, W, said, when } from "./words.js";

export function mount(root, ctx) {
  return new Explain(root, ctx);
}

class Explain {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.flights = new Map();
    this.ids = new Map(); // by what a flight is called here
    this.list = h("datalist", { id: "explain-flights" });
    this.booking = field("booking", WHY.flight, h("input", { type: "text", list: this.list.id, autocomplete: "off", spellcheck: "false", maxlength: "200" }), { hint: WHY.flightHint });
    this.who = field("who", WHY.who, select([["", W.choose]]));
    this.result = h("div", { class: "explained", role: "region", "aria-live": "polite", "aria-label": WHY.explain });
    this.form = new Form({ fields: [h("div", { class: "field-row" }, this.booking.element, this.who.element), this.list], save: WHY.explain, submit: () => this.ask() });
    this.form.fields.push(this.booking, this.who);
    // It reads, so it works whatever the connection does.
    this.form.button.removeAttribute("data-edit");
    for (const one of [this.booking, this.who]) {
      one.input.addEventListener("input", () => {
        one.fault("");
        this.asked = null;
      });
    }
    this.booking.input.addEventListener("input", () => this._name());
    root.append(h("div", { class: "narrow explain" }, h("div", { class: "day-bar" }, h("div", { class: "day-words" }, h("h1", {}, WHY.explainTitle), h("p", { class: "quiet" }, WHY.explainText))), this.form.element, this.result));
    ctx.title(MENU.explain);
    this.roster = new Roster(ctx);
    this.asked = ctx.params;
    this._choices().then(() => !ctx.signal.aborted && this.asked && this.update(this.asked));
  }

  update(params) {
    const [booking = "", who = ""] = params;
    // Until the choices are read this is the question; what is typed meanwhile is another.
    this.asked = params;
    this.booking.input.value = booking;
    this.who.input.value = who;
    this._name();
    if (ID.test(booking) && who) this.form.send();
    else this.result.replaceChildren();
  }

  /** Flights of these days, and everybody who may be asked about. */
  async _choices() {
    const { api, signal, clock: time } = this.ctx;
    const today = midnight(time.now());
    const range = { from: new Date(midnight(today, -1)).toISOString(), to: new Date(midnight(today, 8)).toISOString() };
    const [flights, devices] = await Promise.all([
      everything(api, "/bookings", range, signal).catch(() => []),
      everything(api, "/devices", { revoked: "false" }, signal).catch(() => []),
      this.roster.need().catch(() => {}),
    ]);
    for (const row of flights) this._learn(row);
    this.list.replaceChildren(...flights.map((row) => h("option", { value: this._says(row) })));
    const people = ["STUDENT", "INSTRUCTOR", "ADMIN"].map((role) => h("optgroup", { label: ROLES[role] }, this.roster.of(role).map((one) => h("option", { value: one.id }, fullName(one)))));
    this.who.input.append(...people, devices.length ? h("optgroup", { label: W.kiosks }, devices.map((one) => h("option", { value: `device:${one.id}` }, one.name))) : "");
  }

  _says(row) {
    const at = Date.parse(row.scheduled_datetime);
    return `${shortDate(at)}, ${clock(at)} · ${tail(row)} · ${row.student_name} · ${row.instructor_name}`;
  }

  _learn(row) {
    this.flights.set(row.id, row);
    this.ids.set(this._says(row), row.id);
  }

  /** The id of what was chosen or pasted. */
  get id() {
    const typed = this.booking.input.value.trim();
    return this.ids.get(typed) ?? typed;
  }

  /** An id that was pasted, in words, where it is known. */
  async _name() {
    const { id } = this;
    if (!ID.test(id)) return;
    if (!this.flights.has(id)) await this.ctx.api.get(`/bookings/${id}`, {}, { signal: this.ctx.signal }).then(({ body }) => this._learn(body), () => {});
    const row = this.flights.get(id);
    if (row && this.booking.input.value.trim() === id) this.booking.input.value = this._says(row);
  }

  async ask() {
    const { ctx } = this;
    const booking = this.id;
    const who = this.who.input.value;
    const [kind, id] = who.startsWith("device:") ? ["device", who.slice(7)] : ["user", who];
    if (!who) {
      this.who.fault(W.choose);
      this.who.input.focus();
      return;
    }
    history.replaceState(null, "", `#/admin/explain/${encodeURIComponent(booking)}/${encodeURIComponent(who)}`);
    try {
      const { body } = await ctx.api.get("/explain", { booking, [kind]: id }, { signal: ctx.signal });
      this.show(body);
    } catch (error) {
      this.result.replaceChildren();
      // A parameter's fault, at its field.
      for (const one of error.errors ?? []) one.pointer ??= one.parameter === "booking" ? "/booking" : "/who";
      throw error;
    }
  }

  show(told) {
    const now = this.ctx.clock.now();
    const row = this.flights.get(told.booking.id);
    const { status } = told.booking;
    const verdict = h("div", { class: "verdict", "data-sees": told.sees ? "yes" : "no" },
      icon(told.sees ? "completed" : "cancelled"),
      h("div", {}, h("h2", {}, (told.sees ? WHY.sees : WHY.seesNot)(told.principal.name)), h("p", {}, told.why),
        told.booking.exists ? "" : h("p", { class: "quiet" }, WHY.goneFlight)));
    const flight = row ? h("p", { class: "quiet" }, `${this._says(row)} · ${route(row)} `, h("span", { class: "pill", "data-status": status }, icon(STATUS[status].icon), STATUS[status].word)) : "";
    const section = (name, ...parts) => h("section", { class: "group" }, h("h3", {}, name), parts);
    const topics = h("dl", { class: "facts" }, told.topics.map((one) => h("div", {},
      h("dt", {}, h("span", { class: "state", "data-kind": one.sees ? "on" : "off" }, TOPIC[one.topic] ?? one.topic, ": ", one.sees ? WHY.seen : WHY.unseen)), h("dd", {}, one.why))));
    const { last_event: event, feed } = told;
    const last = h("p", {}, event ? `${WHY.happened[event.op]} ${when(Date.parse(event.at), now)} (${clockSeconds(Date.parse(event.at))})${event.changed.length ? `: ${names(event.changed)}` : ""}. ` : `${WHY.noEvent} `,
      event && feed.has_last_event !== null ? (feed.has_last_event ? WHY.feedHas : WHY.feedHasNot) : "");
    const ill = feed.healthy ? "" : h("p", { class: "form-fault" }, WHY.feedIll(feed.why ?? ""));
    const screens = told.sessions.length === 0 ? h("p", {}, WHY.noScreens) : h("ul", { class: "cards" }, told.sessions.map((one) => this._screen(one, now)));
    this.result.replaceChildren(verdict, flight, section(WHY.screens, screens), section(WHY.byTopic, topics), section(WHY.lastEvent, last, ill));
  }

  _screen(one, now) {
    const watches = one.watches.map((watch) => {
      const parts = [watch.matches ? WHY.onScreen : WHY.offScreen];
      if (watch.excluded_by.length) parts.push(WHY.keptOut(names(watch.excluded_by)));
      if (!watch.live) parts.push(WHY.loading);
      else if (watch.has_last_event !== null) parts.push(watch.has_last_event ? WHY.told : WHY.notTold);
      const filter = Object.entries(watch.filter).map(([name, value]) => `${FILTER[name] ?? MEMBER[name] ?? name} ${said(name, value, (id) => this.roster.name(id), now)}`);
      return h("li", { "data-kind": watch.matches ? "on" : "off" },
        h("span", { class: "state" }, TOPIC[watch.topic] ?? watch.topic), h("span", { class: "quiet" }, ` (${filter.join(", ") || WHY.wide})`),
        h("p", {}, `${parts.join("; ")}.`));
    });
    return h("li", { class: "presence" }, h("span", { class: "device-sign" }, icon("device")),
      h("div", { class: "card-words" }, h("b", {}, `${W.transport[one.transport]}, ${W.since(when(Date.parse(one.since), now))}`),
        h("span", { class: "quiet" }, `${one.behind ? W.slow(Math.ceil(one.lag)) : W.live} · ${W.node(one.node)}`)),
      h("ul", { class: "sessions" }, watches));
  }
}

const FILTER = { from: "from", to: "to", status: "status" };
const names = (members) => members.map((name) => (FILTER[name] ?? MEMBER[name] ?? name).toLowerCase()).join(", ");
