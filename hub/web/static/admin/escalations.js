/**
 * Flights that look for a new time: those the school must settle, and those still waiting for answers; live.
 *
 * What each of the two said of an option is read for the admin, who may; a choice by hand moves the flight.
 */
import { confidence, forecast } from "../js/forecast.js";
import { clear, flash, h, icon, keyed, setAttribute, setIcon, setText } from "../js/dom.js";
import { Picture } from "../js/picture.js";
import { countdown, route, tail } from "../js/words.js";
import { button, drawing, head, standIn } from "./parts.js";
import { MENU, W, capital, when } from "./words.js";

const AGAIN = 5000; // ms until what could not be read is asked for again

export async function mount(root, ctx) {
  await ctx.style("css/answer.css");
  return new Escalations(root, ctx);
}

class Escalations {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.answers = new Map(); // by booking: {stamp, student, instructor}; a stamp of null: to be asked for
    this.unfolded = new Set(ctx.params.slice(0, 1));
    this.draw = drawing(() => this.render(), ctx.signal);
    // What the topic's rows do not have: whom they are about, and with what they fly.
    this.flights = new Picture(ctx, { topic: "bookings", path: "/bookings", filter: { status: ["RESCHEDULING"] }, onchange: this.draw });
    this.head = head(MENU.escalations);
    this.place = h("div");
    const group = (name, more) => {
      const list = h("ul", { class: "offers" });
      return { list, element: h("section", { class: "group", hidden: true }, h("h2", {}, name), h("p", { class: "quiet" }, more), list) };
    };
    this.needs = group(W.needsYou, W.needsYouMore);
    this.runs = group(W.running, W.runningMore);
    root.append(h("div", { class: "narrow" }, this.head.element, this.place, this.needs.element, this.runs.element));
    ctx.title(MENU.escalations);
    for (const event of ["change", "status"]) {
      const undo = ctx.reschedule.on(event, () => this.draw());
      ctx.signal.addEventListener("abort", undo, { once: true });
    }
    ctx.signal.addEventListener("abort", ctx.reschedule.on("change", (change) => this._doubt(change)), { once: true });
    const looked = () => document.hidden || this._doubt({ reset: true });
    document.addEventListener("visibilitychange", looked, { signal: ctx.signal });
    addEventListener("focus", looked, { signal: ctx.signal });
    ctx.clock.second(() => this.tick(), ctx.signal);
    ctx.clock.minute(() => this.draw(), ctx.signal);
    // What was said is read for the cards that are looked at: two reads each, of a hundred, would be too many.
    this.eye = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) target.near = isIntersecting;
      this.draw();
    }, { rootMargin: "50% 0px" });
    ctx.signal.addEventListener("abort", () => this.eye.disconnect(), { once: true });
    this.draw();
  }

  update([key]) {
    if (key) this.unfolded.add(key);
    this.draw();
  }

  unmount() {
    this.flights.close();
  }

  render() {
    const { reschedule, clock } = this.ctx;
    const rows = [...reschedule.rows.values()].sort((a, b) => Date.parse(a.deadline ?? a.scheduled_datetime) - Date.parse(b.deadline ?? b.scheduled_datetime));
    const loaded = ["live", "stale"].includes(reschedule.status) || rows.length > 0;
    standIn(this.place, { error: reschedule.error, loaded, count: rows.length, none: ["completed", W.noneOpen, W.noneOpenMore] });
    const needs = rows.filter((row) => row.escalated_at !== null);
    const runs = rows.filter((row) => row.escalated_at === null);
    setText(this.head.sum, rows.length ? W.openCount(needs.length, runs.length) : "");
    for (const [group, these] of [[this.needs, needs], [this.runs, runs]]) {
      group.element.hidden = these.length === 0;
      keyed(group.list, these, (row) => row.id, (row) => this._card(row), (item, row) => this._update(item, row, clock.now()));
    }
    if (this.went) return;
    const asked = this.went = [...this.needs.list.children, ...this.runs.list.children].find((item) => item.row.id === this.ctx.params[0]);
    if (asked) {
      asked.scrollIntoView({ block: "start" });
      flash(asked, "is-changed");
    }
  }

  /** Each second: how much time is left, and nothing else. */
  tick() {
    for (const item of this.runs.list.children) if (item.parts) this._left(item);
  }

  _card(row) {
    const person = () => {
      const parts = { sign: icon("clock"), words: h("span") };
      return Object.assign(h("li", {}, parts.sign, parts.words), { parts });
    };
    const parts = {
      name: h("h3"),
      facts: h("p", { class: "quiet" }),
      left: h("p", { class: "offer-left" }),
      deadline: h("p", { class: "quiet" }),
      student: person(),
      instructor: person(),
      toggle: button("", "right", () => this._toggle(row.id), { edits: false, kind: "quiet-button" }),
      options: h("ol", { class: "options-list", id: `options-${row.id}` }),
      fault: h("p", { class: "form-fault", role: "alert" }),
    };
    setAttribute(parts.toggle, "aria-controls", parts.options.id);
    parts.keep = button(W.keepTime, "confirmed", () => this._keep(item));
    parts.cancel = button(W.move.CANCELLED, "cancelled", () => this._cancel(item));
    const item = h("li", { class: "offer", "data-key": row.id },
      h("div", { class: "offer-head" }, h("div", {}, parts.name, parts.facts), h("div", { class: "offer-when" }, parts.left, parts.deadline)),
      h("ul", { class: "answered" }, parts.student, parts.instructor),
      parts.options, parts.fault,
      h("div", { class: "offer-foot" }, parts.toggle, parts.keep, parts.cancel));
    this.eye.observe(item);
    return Object.assign(item, { parts });
  }

  _update(item, row, now) {
    const { parts } = item;
    item.row = row;
    const flight = this.flights.rows.get(row.id);
    const names = ["student", "instructor"].map((who) => (flight?.[`${who}_id`] === row[`${who}_id`] ? flight[`${who}_name`] : "…"));
    const said = this._answers(row, item.near);
    setText(parts.name, names.join(" · "));
    const facts = [W.instead(when(Date.parse(row.scheduled_datetime), now))];
    if (flight) facts.push(tail(flight), route(flight));
    setText(parts.facts, facts.join(" · "));
    const escalated = row.escalated_at !== null;
    setAttribute(item, "data-escalated", escalated ? "yes" : null);
    setText(parts.deadline, row.deadline === null ? "" : (Date.parse(row.deadline) > now ? W.deadline : W.deadlineOver)(when(Date.parse(row.deadline), now)));
    if (escalated) {
      setText(parts.left, W.escalatedAt(when(Date.parse(row.escalated_at), now)));
      setAttribute(item, "data-left", null);
    } else this._left(item);
    for (const [who, name] of [["student", names[0]], ["instructor", names[1]]]) {
      const done = row[`${who}_submitted`];
      const { sign, words } = parts[who].parts;
      setAttribute(parts[who], "data-done", done ? "yes" : "no");
      setIcon(sign, done ? "check" : "clock");
      setText(words, `${name} ${said?.[who]?.none_work ? `${W.answered}: ${W.noneSuits}` : done ? W.answered : W.notAnswered}`);
    }
    const unfolded = escalated || this.unfolded.has(row.id);
    parts.toggle.hidden = escalated || row.options.length === 0;
    setAttribute(parts.toggle, "aria-expanded", String(unfolded));
    setText(parts.toggle.lastElementChild, unfolded ? W.hideOptions : W.showOptions(row.options.length));
    parts.options.hidden = !unfolded;
    if (!unfolded) return;
    if (row.options.length === 0) {
      if (!parts.options.querySelector(".no-options")) {
        clear(parts.options);
        parts.options.append(h("li", { class: "no-options quiet" }, W.noOptions));
      }
      return;
    }
    parts.options.querySelector(".no-options")?.remove();
    keyed(parts.options, row.options, (option) => option.id, (option) => this._option(item, option), (one, option) => this._updateOption(one, option, said, names, now));
  }

  _left(item) {
    const { deadline } = item.row;
    const { word, kind } = deadline === null ? { word: W.noDeadline, kind: "calm" } : countdown(Date.parse(deadline) - this.ctx.clock.now());
    setText(item.parts.left, deadline === null || kind === "over" ? word : W.left(word));
    setAttribute(item, "data-left", kind);
  }

  _option(item, option) {
    const parts = { when: h("b"), ranks: h("ul", { class: "ranks" }), fault: h("p", { class: "form-fault", role: "alert" }) };
    parts.take = button(W.take, "check", () => this._take(item, option, parts));
    const one = h("li", { class: "option-line" },
      h("div", {}, h("h4", {}, parts.when), confidence(option.ai_confidence_score), parts.ranks),
      forecast(option.weather_forecast),
      h("div", { class: "option-take" }, parts.take, parts.fault));
    return Object.assign(one, { parts });
  }

  _updateOption({ parts }, option, said, names, now) {
    const at = Date.parse(option.suggested_datetime);
    const past = at <= now;
    setText(parts.when, capital(when(at, now)));
    setText(parts.take.lastElementChild, past ? W.past : W.take);
    parts.take.disabled = past;
    setAttribute(parts.take, "aria-label", past ? null : `${W.take}: ${when(at, now)}`);
    const lines = ["student", "instructor"].map((who, index) => [names[index], rank(said?.[who], option.id)]).filter(([, word]) => word);
    parts.unable = lines.filter(([, word]) => word === W.cannot).map(([name]) => name);
    keyed(parts.ranks, lines, ([name]) => name, ([name]) => h("li", {}, h("span", { class: "quiet" }, `${name}: `), h("b")), (line, [, word]) => {
      setText(line.lastElementChild, word);
      setAttribute(line, "data-no", word === W.cannot ? "yes" : null);
    });
  }

  // ── what the topic does not have ────────────────────────────────────────────────────────────

  /** What the two said, asked for again whenever it may be another; `near`: its card is looked at. */
  _answers(row, near) {
    if (near && this.flights.whole && this.answers.get(row.id)?.stamp !== stamp(row)) this._ask(row).catch(() => {});
    return this.answers.get(row.id);
  }

  /** Read what the two said; rejects where it cannot be read, and it is then asked for again. */
  async _ask(row) {
    const held = this.answers.get(row.id);
    const next = { stamp: stamp(row) };
    // Other times or another answer: what was said before is not of these. Else it stands until the newer is there.
    if (held?.of === next.stamp) Object.assign(next, { student: held.student, instructor: held.instructor });
    next.of = next.stamp;
    this.answers.set(row.id, next);
    try {
      await Promise.all(["student", "instructor"].map(async (who) => {
        if (!row[`${who}_submitted`]) return;
        const asked = { user_id: row[`${who}_id`] };
        next[who] = (await this.ctx.api.get(`/bookings/${row.id}/preferences`, asked, { signal: this.ctx.signal })).body;
      }));
      this.draw();
    } catch (error) {
      this._later(() => { next.stamp = null; });
      throw error;
    }
  }

  /** A rank put in another's place changes nothing the topic shows: read anew on each sign of a change. */
  _doubt({ reset, transactions = [] }) {
    const keys = reset ? this.answers.keys() : transactions.flatMap(({ items }) => items.map(({ key }) => key));
    for (const key of keys) if (this.answers.has(key)) this.answers.get(key).stamp = null;
    this.draw();
  }

  _later(undo) {
    setTimeout(() => {
      undo();
      if (!this.ctx.signal.aborted) this.draw();
    }, AGAIN);
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────

  _toggle(key) {
    if (!this.unfolded.delete(key)) this.unfolded.add(key);
    this.draw();
  }

  async _take(item, option, parts) {
    const { ctx } = this;
    const at = when(Date.parse(option.suggested_datetime), ctx.clock.now());
    const shown = ranks(item.row, this.answers.get(item.row.id));
    setText(parts.fault, "");
    if (!(await ctx.confirm({ title: W.takeTitle, text: W.takeText(capital(at), item.parts.name.textContent, parts.unable), yes: W.takeYes }))) return;
    await this._write(item, parts.take, parts.fault, async () => {
      // Chosen by what was shown: where that is old, it is shown anew and asked again.
      await this._ask(item.row);
      if (ranks(item.row, this.answers.get(item.row.id)) !== shown) throw new Error(W.saidAnew);
      await ctx.settled(await ctx.api.post(`/bookings/${item.row.id}/reschedule`, { option_id: option.id }));
      ctx.toast(W.taken(at), { kind: "good" });
    });
  }

  async _keep(item) {
    const { ctx } = this;
    if (await ctx.confirm({ title: W.keepTitle, text: W.keepText, yes: W.keepTime })) await this._move(item, "CONFIRMED", item.parts.keep, W.kept);
  }

  async _cancel(item) {
    const { ctx } = this;
    const text = W.cancelText(item.parts.name.textContent);
    if (await ctx.confirm({ title: W.cancelTitle, text, yes: W.cancelYes, no: W.keep, danger: true })) await this._move(item, "CANCELLED", item.parts.cancel, W.moved("CANCELLED"));
  }

  _move(item, status, control, word) {
    const { ctx } = this;
    return this._write(item, control, item.parts.fault, async () => {
      await ctx.settled(await ctx.api.patch(`/bookings/${item.row.id}`, { status }));
      ctx.toast(word, { kind: "good" });
    });
  }

  /** What is refused is said where it was asked for; a clash names the times that are taken. */
  async _write(item, control, fault, work) {
    if (control.getAttribute("aria-busy")) return;
    setAttribute(control, "aria-busy", "true");
    setText(fault, "");
    try {
      await work();
    } catch (error) {
      const details = (error.errors ?? []).map((one) => one.detail);
      setText(fault, local([error.message, ...details].join(" "), this.ctx.clock.now()));
    } finally {
      setAttribute(control, "aria-busy", null);
    }
  }
}

const MOMENT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const local = (text, now) => text.replace(MOMENT, (at) => when(Date.parse(at), now));

/** What somebody said of an option: its rank, that it is impossible, or "" before they have answered. */
function rank(said, id) {
  if (!said?.submitted_at) return "";
  if (said.none_work || said.unavailable_option_ids.includes(id)) return W.cannot;
  const place = [said.option1_id, said.option2_id, said.option3_id].indexOf(id) + 1;
  return W.ranks[place] ?? W.unranked;
}

const stamp = (row) => JSON.stringify([row.student_submitted, row.instructor_submitted, row.options.map((one) => one.id)]);

/** All that is said of a flight's options, to be compared. */
const ranks = (row, said) => JSON.stringify(row.options.map(({ id }) => [rank(said?.student, id), rank(said?.instructor, id)]));
