/**
 * How long there is to answer, counted down: the deadline is the hub's, by the hub's clock.
 *
 * Invariant: that it has become short is said once, not each second.
 */
import { h, icon, setAttribute, setText } from "./dom.js";
import { SAY, countdown, moment, zone, zulu } from "./words.js";

export class Deadline {
  /** `say(text)` to speak, `onover()` at the moment itself. */
  constructor({ say, onover }) {
    this._say = say;
    this._onover = onover;
    this._left = h("b", { class: "left-time" });
    this._word = h("span", { class: "left-word" });
    this._until = h("p", { class: "left-until" });
    this.element = h("div", { class: "left" }, icon("clock"), h("div", {}, h("p", {}, this._left, " ", this._word), this._until));
  }

  tick(deadline, now) {
    const { element } = this;
    if (!deadline || element.hidden) return;
    const at = Date.parse(deadline);
    const { word, kind } = countdown(at - now);
    setText(this._left, kind === "over" ? SAY.passed : SAY.timeLeft(word));
    setText(this._word, { soon: SAY.under2h, last: SAY.under30m }[kind] ?? "");
    setText(this._until, SAY.answerBy(`${moment(at, now)} ${zone(at)} (${zulu(at)})`));
    if (element.dataset.left === kind) return;
    const first = element.dataset.left === undefined;
    setAttribute(element, "data-left", kind);
    if (!first) this._say(kind === "over" ? SAY.passed : this._word.textContent);
    if (!first && kind === "over") this._onover();
  }
}
