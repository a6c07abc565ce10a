/**
 * A new time for a flight: the options with forecast and confidence, one's ranking of them, how long there
 * is, whether the other has answered, and what came of it; live.
 *
 * An answer is shown as sent at once, and taken back with the reason where the hub refuses it. The deadline
 * is the server's, by the server's clock; passed, nothing can be sent.
 */
import { hoped, ids, overtaken, stored } from "../answer.js";
import { Unreachable } from "../api.js";
import { clear, h, icon, refocus, setAttribute, setText } from "../dom.js";
import { confidence, forecast } from "../forecast.js";
import { empty } from "../instead.js";
import { outcome } from "../outcome.js";
import { Ranking } from "../ranking.js";
import { PAGE, SAY, clock, countdown, date, moment, route, tail, weekday, zone, zulu } from "../words.js";
import { DAY } from "../words/day.js";
import { LINK } from "../words/link.js";

const PAUSE = 1000; // ms before what could not be read is read again; twice as long each time
const PAUSES = 5;
const PATIENCE = 8_000; // ms to find out whether an answer arrived

export function mount(root, ctx) {
  const page = new Reschedule(root, ctx);
  page.update(ctx.params);
  return page;
}

class Reschedule {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.sending = null;
    this._build(root);
    const again = ({ reset, transactions }) => {
      const touched = reset || transactions.some(({ items }) => items.some(({ key }) => key === this.id));
      // The first picture of the topic tells nothing that was not just read, unless it is the newer one.
      const row = JSON.stringify(this.open);
      if (touched && row !== this.row && (this.row !== undefined || this.overtaken)) this.read();
      this.row = row;
      if (touched) this.draw();
    };
    const undo = [ctx.reschedule.on("change", again), ctx.reschedule.on("status", () => this.draw())];
    ctx.signal.addEventListener("abort", () => {
      undo.forEach((one) => one());
      clearTimeout(this.timer);
    }, { once: true });
    ctx.clock.second(() => this.tick(), ctx.signal);
    ctx.link.on(({ live }) => {
      if (live && this.error) this.read();
      this.draw();
    }, ctx.signal);
    ctx.title(SAY.pickTime);
  }

  _build(root) {
    this.heading = h("h1", {}, SAY.pickTime);
    this.what = h("p", { class: "lead" });
    this.other = h("p", { class: "other" }, icon("clock"), h("span"));
    this.left = h("b", { class: "left-time" });
    this.leftWord = h("span", { class: "left-word" });
    this.until = h("p", { class: "left-until" });
    this.clock = h("div", { class: "left" }, icon("clock"), h("div", {}, h("p", {}, this.left, " ", this.leftWord), this.until));
    this.state = h("div", { class: "outcome", hidden: true });
    this.voice = h("p", { class: "unseen", role: "status" });
    this.ranking = new Ranking({
      describe: (option) => this._option(option),
      onchange: () => {
        this.dirty = true;
        this._forgive();
        this.draw();
      },
      say: (text) => setText(this.voice, text),
    });
    this.help = h("p", { class: "quiet ranking-help", id: "ranking-help" }, SAY.rankHelp);
    this.fault = h("p", { class: "form-fault", role: "alert" });
    this.sent = h("p", { class: "sent" });
    this.send = h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => this._put(this.choice) }, icon("check"), h("span"));
    this.none = h("button", { type: "button", class: "button", "data-edit": true, onclick: () => this.refuseAll() }, icon("cancelled"), SAY.noneWorks);
    this.foot = h("div", { class: "answer-foot" }, this.fault, h("div", { class: "answer-buttons" }, this.send, this.none, this.sent));
    this.place = h("div");
    this.old = h("p", { class: "form-fault", role: "alert" });
    this.whole = h("div", {}, this.old, h("div", { class: "answer-head" }, this.clock, this.other), this.state, this.help, this.ranking.element, this.foot);
    root.append(
      h("div", { class: "flights narrow" },
        h("a", { class: "back", href: "#/mine" }, icon("left"), PAGE.mine),
        this.heading, this.what, this.place, this.whole, this.voice),
    );
  }

  update([id]) {
    if (this.id === id) return;
    this.id = id;
    this.told = null;
    this.booking = null;
    this.error = null;
    this.failed = 0;
    this.dirty = false;
    this._forgive();
    this.row = this.open ? JSON.stringify(this.open) : undefined;
    this.draw();
    this.read();
  }

  /** The row of the topic, while the flight is being rescheduled. */
  get open() {
    return this.ctx.reschedule.rows.get(this.id) ?? null;
  }

  /** Whether what was read is of another moment than the topic's row. */
  get overtaken() {
    return overtaken(this.open, this.told);
  }

  /** Whether the reader is one of the two, and may answer. */
  get party() {
    const { role } = this.ctx.me;
    return role === "STUDENT" || role === "INSTRUCTOR";
  }

  /** The topic's row tells it, also where nothing can be read. */
  get deadline() {
    return this.open?.deadline ?? this.told?.deadline;
  }

  get over() {
    return this.deadline && Date.parse(this.deadline) <= this.ctx.clock.now();
  }

  /** Whether an answer of this flight's is on its way: `sending` is the flight whose is, and may be another. */
  get underway() {
    return this.sending === this.id;
  }

  /** An answer has arrived; another flight's may have been sent meanwhile. */
  _sent(id) {
    if (this.sending === id) this.sending = null;
  }

  /** What could not be read is read again after a while, and what is shown is said to be old until then. */
  async read(again = false) {
    clearTimeout(this.timer);
    const { id } = this;
    const { api, signal, clock: hub } = this.ctx;
    // Of several the last counts: an earlier one may be of before what it is about.
    const turn = (this.turn = {});
    const outdated = () => this.turn !== turn || signal.aborted;
    const options = api.get(`/bookings/${id}/options`, {}, { signal });
    const booking = api.get(`/bookings/${id}`, {}, { signal });
    booking.catch(() => {});
    try {
      const { body } = await options;
      if (outdated()) return;
      this._held(() => this.take(body));
      this.readAt = hub.now();
      this.draw();
      const found = await booking;
      if (outdated()) return;
      this.booking = found.body;
      this.successor = /\/bookings\/([0-9a-f-]+)>; rel="successor-version"/.exec(found.headers.get("Link") ?? "")?.[1] ?? null;
      this.error = null;
      this.failed = 0;
    } catch (error) {
      if (outdated()) return;
      this.error = error;
      if (error.status === 404) this.told = null;
      else this.timer = setTimeout(() => this.read(), PAUSE * 2 ** Math.min(this.failed++, PAUSES) * (1 + Math.random()));
    }
    this.draw();
    if (this.overtaken && !this.error && !again) await this.read(true);
  }

  /** What the hub says of it now; a ranking that is being made is not taken out of one's hands. */
  take(told) {
    // What was hoped for stands until the hub has answered; then all is read anew.
    if (this.underway) return;
    const same = this.told && ids(this.told.items) === ids(told.items);
    this.told = told;
    if (this.doubt && stored(told.mine, this.doubt)) this._arrived(this.doubt);
    if (this.dirty && same && !stored(told.mine, this.choice)) return;
    this.dirty = false;
    const mine = told.mine;
    const ranks = mine ? [mine.option1_id, mine.option2_id, mine.option3_id].filter(Boolean) : [];
    this.ranking.set(told.items, ranks, mine?.unavailable_option_ids ?? []);
  }

  _option(option) {
    const at = Date.parse(option.suggested_datetime);
    return {
      name: `${weekday(at)}, ${date(at)}, ${clock(at)}`,
      body: h("div", { class: "option-words" },
        h("h2", { class: "option-time" }, h("b", {}, clock(at)), h("span", {}, `${weekday(at)}, ${date(at)}`)),
        h("p", { class: "quiet" }, `${zone(at)} · ${zulu(at)}`),
        forecast(option.weather_forecast),
        confidence(option.ai_confidence_score)),
    };
  }

  // ── drawing ─────────────────────────────────────────────────────────────────────────────────

  /** Do what may take away, or lock, what has the focus: the heading has it then, not the void. */
  _held(work) {
    const { activeElement: at } = document;
    const ours = this.whole.contains(at);
    work();
    if (!ours) return;
    if (at.disabled) at.blur();
    refocus(this.heading);
  }

  draw() {
    this._held(() => this._draw());
  }

  _draw() {
    const { told, ctx } = this;
    this.whole.hidden = told === null;
    this._what();
    if (!told) {
      this._instead();
      return;
    }
    clear(this.place);
    setText(this.old, this.error ? `${LINK.known(clock(this.readAt))} ${this.error.message}` : "");
    const flight = this.booking;
    const open = this.open !== null || flight === null || flight.status === "RESCHEDULING";
    const editable = open && this.party && !this.over && told.items.length > 0;
    this.ranking.locked = !editable;
    const taken = flight?.rescheduled_to_datetime && Date.parse(flight.rescheduled_to_datetime);
    this.ranking.chosen = told.items.find((one) => Date.parse(one.suggested_datetime) === taken)?.id ?? null;
    this.ranking.draw();
    this.help.hidden = !editable;
    this.ranking.element.hidden = told.items.length === 0;
    this._others();
    this._outcome(open);
    this.foot.hidden = !editable;
    const mine = told.mine;
    const sent = Boolean(mine?.submitted_at);
    const { ranked } = this.ranking;
    setText(this.send.lastElementChild, sent || mine?.none_work ? SAY.replace : SAY.send);
    this.send.disabled = ranked.length === 0 || (sent && !this.dirty) || this.underway;
    this.none.disabled = this.underway || (mine?.none_work && !this.dirty);
    const note = this.underway ? SAY.sending
      : ranked.length === 0 ? SAY.allAway
      : this.dirty ? (sent ? SAY.changed : "")
      : sent ? SAY.sentAt(moment(Date.parse(mine.submitted_at), ctx.clock.now()))
      : "";
    setText(this.sent, note);
    setAttribute(this.sent, "data-kind", sent && !this.dirty && !this.underway ? "good" : null);
    this.tick();
  }

  _instead() {
    const { error } = this;
    const what = !error ? (["waiting", "stopped"].includes(this.ctx.client.state) ? empty("waiting", SAY.cannotLoad, "") : h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": SAY.loading }, Array.from({ length: 3 }, () => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i")))))
      : error.status === 404 ? empty("stopped", SAY.noPage, SAY.noPageMore)
      : empty("stopped", SAY.refused, error.message, h("button", { type: "button", class: "button", onclick: () => this.read() }, SAY.tryAgain));
    if (this.place.firstElementChild?.dataset.what !== what.dataset.what) this.place.replaceChildren(what);
    this.clock.hidden = true;
  }

  _what() {
    const row = this.booking ?? this.open;
    if (!row) return;
    const at = Date.parse(row.scheduled_datetime);
    const { role } = this.ctx.me;
    const flight = this.booking ?? {};
    const whom = role === "STUDENT" ? flight.instructor_name : role === "INSTRUCTOR" ? flight.student_name : DAY.both([flight.student_name, flight.instructor_name].filter(Boolean));
    const way = this.booking ? `${route(this.booking)}, ${tail(this.booking)}, ` : "";
    setText(this.what, SAY.was(`${way}${SAY.flightOf(`${weekday(at)}, ${date(at)}, ${clock(at)} ${zone(at)} (${zulu(at)})`, whom)}`));
  }

  /** Whether the other has answered: never what. */
  _others() {
    const { role } = this.ctx.me;
    const said = this.open ? { student: this.open.student_submitted, instructor: this.open.instructor_submitted } : this.told.submitted;
    const name = (who) => this.booking?.[`${who}_name`] ?? SAY.the(who);
    const whom = role === "STUDENT" ? ["instructor"] : role === "INSTRUCTOR" ? ["student"] : ["student", "instructor"];
    setText(this.other.lastElementChild, whom.map((who) => SAY.answered(name(who), said[who])).join(" "));
    const all = whom.every((who) => said[who]);
    setAttribute(this.other, "data-kind", all ? "good" : null);
    setAttribute(this.other.firstElementChild.firstElementChild, "href", all ? "#i-completed" : "#i-clock");
  }

  /** What came of it, where something did. */
  _outcome(open) {
    const { told, booking } = this;
    const [kind, sign, title, text, link] = outcome({ told, booking, open, over: this.over, party: this.party, successor: this.successor });
    this.state.hidden = !kind;
    this.clock.hidden = !this.deadline || !open;
    this.other.hidden = !open || told.items.length === 0;
    if (!kind || this.state.dataset.said === title + text + (link ?? "")) return;
    this.state.dataset.said = title + text + (link ?? "");
    setAttribute(this.state, "data-kind", kind);
    this.state.replaceChildren(icon(sign), h("div", {}, h("h2", {}, title), h("p", {}, text)), link ? h("a", { class: "button", href: link[0] }, link[1]) : "");
  }

  tick() {
    if (!this.deadline || this.clock.hidden) return;
    const at = Date.parse(this.deadline);
    const now = this.ctx.clock.now();
    const { word, kind } = countdown(at - now);
    setText(this.left, kind === "over" ? SAY.passed : SAY.timeLeft(word));
    setText(this.leftWord, { soon: SAY.under2h, last: SAY.under30m }[kind] ?? "");
    setText(this.until, SAY.answerBy(`${moment(at, now)} ${zone(at)} (${zulu(at)})`));
    if (this.clock.dataset.left === kind) return;
    const first = this.clock.dataset.left === undefined;
    setAttribute(this.clock, "data-left", kind);
    // Said when it becomes so, not each second.
    if (!first) setText(this.voice, kind === "over" ? SAY.passed : this.leftWord.textContent);
    if (!first && kind === "over") this.draw();
  }

  // ── answering ───────────────────────────────────────────────────────────────────────────────

  /** The ranking as it stands, as it would be sent. */
  get choice() {
    const [option1_id, option2_id = null, option3_id = null] = this.ranking.ranked;
    return { option1_id, option2_id, option3_id, unavailable_option_ids: this.ranking.unavailable };
  }

  /** Of the times that were asked about: others may be offered, or another flight be shown, while it is asked. */
  async refuseAll() {
    const { id, told } = this;
    const sure = await this.ctx.confirm({ title: SAY.noneTitle, text: SAY.noneText, yes: SAY.noneYes, no: SAY.no, danger: true });
    if (!sure || this.id !== id || !this.told) return;
    if (ids(this.told.items) === ids(told.items)) await this._put({ none_work: true });
    else setText(this.fault, `${SAY.notSent} ${SAY.changedMeanwhile}`);
  }

  /** Shown as sent before it is; taken back where it is refused. */
  async _put(said) {
    const { ctx, id } = this;
    const before = this.told;
    this.sending = id;
    this.dirty = false;
    // What was pressed is about to be out of reach: the focus stays beside it.
    this.sent.tabIndex = -1;
    if (this.foot.contains(document.activeElement)) this.sent.focus({ preventScroll: true });
    this._forgive();
    this.told = hoped(before, said, ctx.clock.now());
    if (said.none_work) this.ranking.set(before.items, [], this.told.mine.unavailable_option_ids);
    this.draw();
    try {
      const answer = await ctx.api.put(`/bookings/${id}/preferences`, said, { match: this.etag?.id === id ? this.etag.tag : undefined });
      this.etag = { id, tag: answer.etag };
      await ctx.settled(answer);
      this._sent(id);
      if (this.id !== id || ctx.signal.aborted) return;
      this._arrived(said);
      await this.read();
    } catch (error) {
      const lost = error instanceof Unreachable;
      // No answer is no refusal: what is stored tells whether it arrived.
      const found = lost && (await ctx.api.get(`/bookings/${id}/options`, {}, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null));
      this._sent(id);
      if (this.id !== id || ctx.signal.aborted) return;
      if (lost) this.etag = null;
      if (found && stored(found.body.mine, said)) this._arrived(said);
      else {
        this.told = before;
        this.dirty = !said.none_work;
        if (said.none_work) this.take(before);
        this._refused(error);
        // It may arrive yet, or have arrived where nothing can be read just now.
        if (lost) this.doubt = said;
      }
      await this.read();
    }
  }

  /** The hub has it. */
  _arrived(said) {
    this._forgive();
    this.ctx.toast(said.none_work ? SAY.noneSent : SAY.sentToast, { kind: "good" });
  }

  /** What was refused, or may have been lost, is past. */
  _forgive() {
    this.doubt = null;
    setText(this.fault, "");
    this.ranking.clearFaults();
  }

  /** At the option it is about, where the hub names one; else at the buttons. */
  _refused(error) {
    const ids = this.ranking.ranked;
    const away = this.ranking.unavailable;
    for (const { pointer = "", detail } of error.errors ?? []) {
      const rank = /^\/option([123])_id$/.exec(pointer)?.[1];
      const gone = /^\/unavailable_option_ids\/(\d+)$/.exec(pointer)?.[1];
      this.ranking.fault(rank ? ids[rank - 1] : gone ? away[gone] : "", SAY.refusedOption(detail));
    }
    if (error.status === 412) this.etag = null;
    setText(this.fault, error.status === 412 ? SAY.elsewhere : error.code === "deadline-passed" ? SAY.tooLate : `${SAY.notSent} ${error.message}`);
    if ([403, 412].includes(error.status)) this.dirty = false;
    this.draw();
  }
}
