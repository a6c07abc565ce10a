/**
 * An order of options, made by dragging, by the arrow keys or by buttons: the same order whichever way.
 *
 * Knows nothing of the hub. Invariant: the first three that are possible have the ranks, in the list's order;
 * what is impossible stands below and has none.
 */
import { h, icon, setAttribute, setText } from "./dom.js";
import { SAY } from "./words.js";

export const RANKS = 3;

export class Ranking {
  /** `describe(option)` → {name, body: Element}; `onchange()` when the order is another; `say(text)` to speak. */
  constructor({ describe, onchange, say }) {
    this._describe = describe;
    this._onchange = onchange;
    this._say = say;
    this.element = h("ol", { class: "ranking" });
    this._items = new Map();
    this._order = [];
    this._away = new Set();
    this.locked = false;
    /** The id of the option that was taken in the end, or null. */
    this.chosen = null;
  }

  /** Show `options` ({id, …}) in the order of `ids`, of which `away` are impossible. */
  set(options, ids, away) {
    for (const { id } of options) if (!ids.includes(id)) ids = [...ids, id];
    this._away = new Set(away);
    this._order = ids.filter((id) => options.some((one) => one.id === id));
    for (const [id, item] of this._items) {
      if (options.some((one) => one.id === id)) continue;
      item.remove();
      this._items.delete(id);
    }
    for (const option of options) if (!this._items.has(option.id)) this._items.set(option.id, this._item(option));
    this._sink();
    this.draw();
  }

  /** Ids of the possible ones that have a rank, best first. */
  get ranked() {
    return this._order.filter((id) => !this._away.has(id)).slice(0, RANKS);
  }

  /** Ids of all, as they stand. */
  get order() {
    return [...this._order];
  }

  get unavailable() {
    return this._order.filter((id) => this._away.has(id));
  }

  /** Say at one option what the hub has against it. */
  fault(id, text) {
    const item = this._items.get(id);
    if (item) setText(item.parts.fault, text);
    return Boolean(item);
  }

  clearFaults() {
    for (const { parts } of this._items.values()) setText(parts.fault, "");
  }

  draw() {
    const possible = this._order.length - this._away.size;
    let at = this.element.firstElementChild;
    for (const id of this._order) {
      const item = this._items.get(id);
      if (item === at) at = at.nextElementSibling;
      // Moving an element would take its focus: where it has it, the others move around it.
      else if (item.contains(document.activeElement)) {
        while (at && at !== item) {
          const next = at.nextElementSibling;
          this.element.append(at);
          at = next;
        }
        at = item.nextElementSibling;
      } else this.element.insertBefore(item, at);
    }
    this._order.forEach((id, index) => {
      const { parts } = this._items.get(id);
      const away = this._away.has(id);
      const rank = away || index >= RANKS ? 0 : index + 1;
      setAttribute(this._items.get(id), "data-rank", away ? "away" : rank || "none");
      setText(parts.rank, away ? "–" : rank ? String(rank) : "·");
      setText(parts.place, id === this.chosen ? SAY.taken : SAY.place(away ? -1 : rank));
      setAttribute(this._items.get(id), "data-chosen", id === this.chosen ? "yes" : null);
      for (const button of [parts.grip, parts.up, parts.down]) button.hidden = this.locked || away;
      setAttribute(parts.up, "aria-disabled", index === 0 ? "true" : null);
      setAttribute(parts.down, "aria-disabled", index >= possible - 1 ? "true" : null);
      setAttribute(parts.away, "aria-pressed", String(away));
      parts.away.hidden = this.locked && !away;
      parts.away.disabled = this.locked;
      setText(parts.away.lastElementChild, away ? SAY.awayMarked : SAY.markAway);
      setAttribute(parts.away, "aria-label", `${away ? SAY.awayMarked : SAY.markAway}: ${parts.name}`);
    });
  }

  _item(option) {
    const { name, body } = this._describe(option);
    const button = (kind, sign, word, run) =>
      h("button", { type: "button", class: `step ${kind}`, "data-edit": true, "aria-label": `${word}: ${name}`, onclick: run }, icon(sign));
    const { id } = option;
    const parts = {
      name,
      rank: h("b", { "aria-hidden": "true" }),
      place: h("span", { class: "ranking-place" }),
      grip: button("grip", "grip", SAY.move, () => {}),
      up: button("up", "up", SAY.moveUp, () => this._move(id, -1)),
      down: button("down", "down", SAY.moveDown, () => this._move(id, 1)),
      away: h("button", { type: "button", class: "away-button", "data-edit": true, onclick: () => this._toggle(id) }, icon("cancelled"), h("span")),
      fault: h("p", { class: "form-fault", role: "alert" }),
    };
    setAttribute(parts.grip, "aria-describedby", "ranking-help");
    const item = h("li", { class: "option", "data-key": id },
      h("div", { class: "option-rank" }, parts.rank, parts.place),
      h("div", { class: "option-body" }, body, parts.fault),
      h("div", { class: "option-hands" }, parts.away, parts.up, parts.down, parts.grip));
    Object.assign(item, { parts });
    parts.grip.addEventListener("keydown", (event) => this._key(event, id));
    parts.grip.addEventListener("pointerdown", (event) => this._drag(event, id, item));
    return item;
  }

  _key(event, id) {
    const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (steps === undefined || this.locked) return;
    event.preventDefault();
    this._move(id, steps);
  }

  /** Move one by as many places as there are, and say where it is. */
  _move(id, steps) {
    const possible = this._order.length - this._away.size;
    const from = this._order.indexOf(id);
    const to = Math.max(0, Math.min(possible - 1, from + steps));
    if (to === from || this.locked) return;
    this._order.splice(to, 0, ...this._order.splice(from, 1));
    this.draw();
    this._items.get(id).scrollIntoView({ block: "nearest" });
    this._tell(id);
    this._onchange();
  }

  _toggle(id) {
    if (this._away.has(id)) this._away.delete(id);
    else this._away.add(id);
    // What becomes possible again is the last of the possible.
    if (!this._away.has(id)) this._order.push(...this._order.splice(this._order.indexOf(id), 1));
    this._sink();
    this.draw();
    this._tell(id);
    this._onchange();
  }

  _sink() {
    this._order = [...this._order.filter((id) => !this._away.has(id)), ...this._order.filter((id) => this._away.has(id))];
  }

  _tell(id) {
    const { name } = this._items.get(id).parts;
    const index = this._order.indexOf(id);
    this._say(`${name}: ${SAY.place(this._away.has(id) ? -1 : index < RANKS ? index + 1 : 0)}`);
  }

  /** By finger, pen or mouse: the others make way as it goes. */
  _drag(event, id, item) {
    if (event.button !== 0 || this.locked || item.parts.grip.getAttribute("aria-disabled")) return;
    event.preventDefault();
    item.parts.grip.focus({ preventScroll: true });
    const { grip } = item.parts;
    grip.setPointerCapture(event.pointerId);
    item.classList.add("is-dragged");
    let grabbed = event.clientY - item.getBoundingClientRect().top;
    const before = this._order.join();
    const follow = ({ clientY }) => {
      item.style.setProperty("--shift", "0px");
      const top = item.getBoundingClientRect().top;
      const shift = clientY - grabbed - top;
      const others = this._order.filter((one) => one !== id && !this._away.has(one));
      const middle = clientY - grabbed + item.offsetHeight / 2;
      const to = others.filter((one) => {
        const box = this._items.get(one).getBoundingClientRect();
        return box.top + box.height / 2 < middle;
      }).length;
      if (to !== this._order.indexOf(id)) {
        this._order.splice(to, 0, ...this._order.splice(this._order.indexOf(id), 1));
        this.draw();
        const now = item.getBoundingClientRect().top;
        item.style.setProperty("--shift", `${clientY - grabbed - now}px`);
      } else item.style.setProperty("--shift", `${shift}px`);
    };
    // Of the three ways in which it ends several may come, one of them long after: only the first counts.
    const dragging = new AbortController();
    const { signal } = dragging;
    const end = () => {
      dragging.abort();
      item.classList.remove("is-dragged");
      item.style.removeProperty("--shift");
      if (before === this._order.join()) return;
      this._tell(id);
      this._onchange();
    };
    grip.addEventListener("pointermove", follow, { signal });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) grip.addEventListener(name, end, { signal });
    grabbed = Math.max(0, grabbed);
  }
}
