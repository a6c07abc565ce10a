/**
 * One's own answer to the times that are offered for a flight: the ranking, and what sends it.
 *
 * It is shown as sent at once, and taken back with the reason where the hub refuses it. Invariant: what is not
 * sent says so, and is kept (unsent.js) until the hub has it, it is another offer, or the deadline has passed.
 */
import { hoped, ids, stored } from "./answer.js";
import { Unreachable } from "./api.js";
import { h, icon, setAttribute, setText } from "./dom.js";
import { offered } from "./forecast.js";
import { Ranking } from "./ranking.js";
import { keep, kept } from "./unsent.js";
import { SAY, moment } from "./words.js";
import { RANKING } from "./words/ranking.js";

const PATIENCE = 8_000; // ms to find out whether an answer arrived

export class Answering {
  /** `page` shows the flight: ctx, id, told (GET options, or null), over, say(text), read(), draw(). */
  constructor(page) {
    this.page = page;
    this.sending = null;
    this.ranking = new Ranking({ describe: offered, onchange: () => this._changed(), say: (text) => page.say(text) });
    this.help = h("p", { class: "quiet ranking-help", id: "ranking-help" }, SAY.rankHelp);
    this.restored = h("p", { class: "restored", hidden: true }, icon("edit"), RANKING.restored);
    this.fault = h("p", { class: "form-fault", role: "alert" });
    this.sent = h("p", { class: "sent" });
    this.send = h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => this._put(this.choice) }, icon("check"), h("span"));
    this.none = h("button", { type: "button", class: "button", "data-edit": true, onclick: () => this.refuseAll() }, icon("cancelled"), SAY.noneWorks);
    this.foot = h("div", { class: "answer-foot" }, this.fault, h("div", { class: "answer-buttons" }, this.send, this.none, this.sent));
    this.parts = [this.help, this.restored, this.ranking.element, this.foot];
  }

  /** Another flight is shown: nothing of it was changed here yet. */
  reset() {
    this.dirty = false;
    this.restored.hidden = true;
    this._forgive();
  }

  /** Whether an answer of this flight's is on its way: `sending` is the flight whose is, and may be another. */
  get underway() {
    return this.sending === this.page.id;
  }

  /** The ranking as it stands, as it would be sent. */
  get choice() {
    const [option1_id, option2_id = null, option3_id = null] = this.ranking.ranked;
    return { option1_id, option2_id, option3_id, unavailable_option_ids: this.ranking.unavailable };
  }

  /** `told` is new, after `before` (or null); a ranking that is being made is not taken out of one's hands. */
  take(before) {
    const { told } = this.page;
    const same = before && ids(before.items) === ids(told.items);
    if (this.doubt && stored(told.mine, this.doubt)) this._arrived(this.doubt);
    if (this.dirty && same && !stored(told.mine, this.choice)) {
      this._keep();
      return;
    }
    const { mine, items } = told;
    const ranks = mine ? [mine.option1_id, mine.option2_id, mine.option3_id].filter(Boolean) : [];
    const { ctx, id, over } = this.page;
    const unsent = over ? null : kept(ctx.me.id, id, told, ctx.clock.now());
    this.ranking.set(items, unsent?.order ?? ranks, unsent?.away ?? mine?.unavailable_option_ids ?? []);
    this.dirty = Boolean(unsent) && !stored(mine, this.choice);
    this._keep();
    this.restored.hidden = !this.dirty;
    if (this.dirty) this.page.say(RANKING.restored);
  }

  draw(editable) {
    const { told, ctx } = this.page;
    const { ranking } = this;
    // What can no longer be sent is no ranking: what was sent is.
    if (!editable && this.dirty) {
      this.reset();
      this._keep();
      this.take(null);
    }
    ranking.locked = !editable;
    ranking.draw();
    this.help.hidden = !editable;
    this.foot.hidden = !editable;
    ranking.element.hidden = told.items.length === 0;
    const { mine } = told;
    const sent = Boolean(mine?.submitted_at);
    const { ranked } = ranking;
    setText(this.send.lastElementChild, sent || mine?.none_work ? SAY.replace : SAY.send);
    this.send.disabled = ranked.length === 0 || (sent && !this.dirty) || this.underway;
    this.none.disabled = this.underway || (mine?.none_work && !this.dirty);
    const note = this.underway ? SAY.sending
      : ranked.length === 0 ? SAY.allAway
      : this.dirty ? (sent ? SAY.changed : this.fault.textContent ? "" : RANKING.unsent)
      : sent ? SAY.sentAt(moment(Date.parse(mine.submitted_at), ctx.clock.now()))
      : "";
    setText(this.sent, note);
    setAttribute(this.sent, "data-kind", sent && !this.dirty && !this.underway ? "good" : null);
  }

  _changed() {
    this.dirty = true;
    this._keep();
    this._forgive();
    this.page.draw();
  }

  _keep() {
    const { ctx, id, told } = this.page;
    const { order, unavailable: away } = this.ranking;
    keep(ctx.me.id, id, told, this.dirty ? { order, away } : null, ctx.clock.now());
  }

  /** Of the times that were asked about: others may be offered, or another flight be shown, while it is asked. */
  async refuseAll() {
    const { id, told, ctx } = this.page;
    const sure = await ctx.confirm({ title: SAY.noneTitle, text: SAY.noneText, yes: SAY.noneYes, no: SAY.no, danger: true });
    if (!sure || this.page.id !== id || !this.page.told) return;
    if (ids(this.page.told.items) === ids(told.items)) await this._put({ none_work: true });
    else setText(this.fault, `${SAY.notSent} ${SAY.changedMeanwhile}`);
  }

  /** Shown as sent before it is; taken back where it is refused. */
  async _put(said) {
    const { page } = this;
    const { ctx, id, told: before } = page;
    this.sending = id;
    this.dirty = false;
    this.restored.hidden = true;
    // What was pressed is about to be out of reach: the focus stays beside it.
    this.sent.tabIndex = -1;
    if (this.foot.contains(document.activeElement)) this.sent.focus({ preventScroll: true });
    this._forgive();
    page.told = hoped(before, said, ctx.clock.now());
    if (said.none_work) this.ranking.set(before.items, [], page.told.mine.unavailable_option_ids);
    page.draw();
    // Another flight's may have been sent meanwhile.
    const done = () => this.sending === id && (this.sending = null);
    const elsewhere = () => page.id !== id || ctx.signal.aborted;
    try {
      const answer = await ctx.api.put(`/bookings/${id}/preferences`, said, { match: this.etag?.id === id ? this.etag.tag : undefined });
      this.etag = { id, tag: answer.etag };
      keep(ctx.me.id, id, before, null, ctx.clock.now());
      await ctx.settled(answer);
      done();
      if (elsewhere()) return;
      this._arrived(said);
      await page.read();
    } catch (error) {
      const lost = error instanceof Unreachable;
      // No answer is no refusal: what is stored tells whether it arrived.
      const found = lost && (await ctx.api.get(`/bookings/${id}/options`, {}, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null));
      done();
      const arrived = found && stored(found.body.mine, said);
      if (elsewhere()) {
        // Nobody sees the place where it would stand.
        if (!arrived) ctx.toast(SAY.notSent, { kind: "bad", text: error.message });
        return;
      }
      if (lost) this.etag = null;
      if (arrived) this._arrived(said);
      else {
        page.told = before;
        this.dirty = !said.none_work;
        if (said.none_work) this.take(null);
        this._refused(error);
        // It may arrive yet, or have arrived where nothing can be read just now.
        if (lost) this.doubt = said;
      }
      await page.read();
    }
  }

  /** The hub has it. */
  _arrived(said) {
    this._forgive();
    this.page.ctx.toast(said.none_work ? SAY.noneSent : SAY.sentToast, { kind: "good" });
  }

  /** What was refused, or may have been lost, is past. */
  _forgive() {
    this.doubt = null;
    setText(this.fault, "");
    this.ranking.clearFaults();
  }

  /** At the option it is about, where the hub names one; else at the buttons. */
  _refused(error) {
    const { ranked, unavailable: away } = this.ranking;
    for (const { pointer = "", detail } of error.errors ?? []) {
      const rank = /^\/option([123])_id$/.exec(pointer)?.[1];
      const gone = /^\/unavailable_option_ids\/(\d+)$/.exec(pointer)?.[1];
      this.ranking.fault(rank ? ranked[rank - 1] : gone ? away[gone] : "", SAY.refusedOption(detail));
    }
    if (error.status === 412) this.etag = null;
    setText(this.fault, error.status === 412 ? SAY.elsewhere : error.code === "deadline-passed" ? SAY.tooLate : `${SAY.notSent} ${error.message}`);
    if ([403, 412].includes(error.status)) {
      this.dirty = false;
      this._keep();
    }
    this.page.draw();
  }
}
