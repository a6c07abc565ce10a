/**
 * A new time for a flight: the options with forecast and confidence, one's ranking of them, how long there
 * is, whether the other has answered, and what came of it; live.
 *
 * An answer is shown as sent at once, and taken back with the reason where the hub refuses it. The deadline
 * is the server's, by the server's clock; passed, nothing can be sent.
 */
import { overtaken } from "../answer.js";
import { Answering } from "../answering.js";
import { Deadline } from "../deadline.js";
import { clear, h, icon, refocus, setAttribute, setText } from "../dom.js";
import { empty } from "../instead.js";
import { outcome } from "../outcome.js";
import { PAGE, SAY, clock, date, route, tail, weekday, zone, zulu } from "../words.js";
import { DAY } from "../words/day.js";
import { LINK } from "../words/link.js";

const PAUSE = 1000; // ms before what could not be read is read again; twice as long each time
const PAUSES = 5;

export function mount(root, ctx) {
  const page = new Reschedule(root, ctx);
  page.update(ctx.params);
  return page;
}

class Reschedule {
  constructor(root, ctx) {
    this.ctx = ctx;
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
    // Whose a ranking is that was kept in this tab is known then at the latest.
    ctx.known.then(() => {
      if (ctx.signal.aborted || !this.told) return;
      this._held(() => this.take(this.told));
      this.draw();
    });
    ctx.title(SAY.pickTime);
  }

  _build(root) {
    this.heading = h("h1", {}, SAY.pickTime);
    this.what = h("p", { class: "lead" });
    this.other = h("p", { class: "other" }, icon("clock"), h("span"));
    this.voice = h("p", { class: "unseen", role: "status" });
    this.clock = new Deadline({ say: (text) => this.say(text), onover: () => this.draw() });
    this.state = h("div", { class: "outcome", hidden: true });
    this.answering = new Answering(this);
    this.place = h("div");
    this.old = h("p", { class: "form-fault", role: "alert" });
    this.whole = h("div", {}, this.old, h("div", { class: "answer-head" }, this.clock.element, this.other), this.state, this.answering.parts);
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
    this.answering.reset();
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
    this.ctx.link.render();
    this.draw();
    if (this.overtaken && !this.error && !again) await this.read(true);
  }

  /** What the hub says of it now. */
  take(told) {
    // What was hoped for stands until the hub has answered; then all is read anew.
    if (this.answering.underway) return;
    const before = this.told;
    this.told = told;
    this.answering.take(before);
  }

  say(text) {
    setText(this.voice, text);
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
    const taken = flight?.rescheduled_to_datetime && Date.parse(flight.rescheduled_to_datetime);
    this.answering.ranking.chosen = told.items.find((one) => Date.parse(one.suggested_datetime) === taken)?.id ?? null;
    this.answering.draw(editable);
    this._others();
    this._outcome(open);
    this.tick();
  }

  _instead() {
    const { error } = this;
    const what = !error ? (["waiting", "stopped"].includes(this.ctx.client.state) ? empty("waiting", SAY.cannotLoad, "") : h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": SAY.loading }, Array.from({ length: 3 }, () => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i")))))
      : error.status === 404 ? empty("stopped", SAY.noPage, SAY.noPageMore)
      : empty("stopped", SAY.refused, error.message, h("button", { type: "button", class: "button", onclick: () => this.read() }, SAY.tryAgain));
    if (this.place.firstElementChild?.dataset.what !== what.dataset.what) this.place.replaceChildren(what);
    this.clock.element.hidden = true;
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
    this.clock.element.hidden = !this.deadline || !open;
    this.other.hidden = !open || told.items.length === 0;
    if (!kind || this.state.dataset.said === title + text + (link ?? "")) return;
    this.state.dataset.said = title + text + (link ?? "");
    setAttribute(this.state, "data-kind", kind);
    this.state.replaceChildren(icon(sign), h("div", {}, h("h2", {}, title), h("p", {}, text)), link ? h("a", { class: "button", href: link[0] }, link[1]) : "");
  }

  tick() {
    this.clock.tick(this.deadline, this.ctx.clock.now());
  }
}
