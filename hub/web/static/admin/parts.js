/**
 * What every panel is built of: its head, what stands where rows would, rows that are read again, dialogs.
 */
import { dialog } from "../js/form.js";
import { h, icon, setAttribute } from "../js/dom.js";
import { empty } from "../js/instead.js";
import { SAY } from "../js/words.js";
import { W } from "./words.js";

/** The head of a panel: its name, a line that sums it up (`sum`), and buttons. */
export function head(title, ...buttons) {
  const sum = h("p", { class: "quiet" });
  return { element: h("div", { class: "day-bar" }, h("div", { class: "day-words" }, h("h1", {}, title), sum), buttons), sum };
}

export const button = (word, sign, run, { first = false, edits = true, kind = "button" } = {}) =>
  h("button", { type: "button", class: first ? `${kind} is-first` : kind, "data-edit": edits, onclick: run }, sign ? icon(sign) : null, h("span", {}, word));

/** In `place`, what stands there instead of rows; nothing where `count` are shown. */
export function standIn(place, { error = null, loaded, count, none, again = null }) {
  let what = null;
  if (error && !loaded) {
    const retry = again && h("button", { type: "button", class: "button", onclick: again }, SAY.tryAgain);
    what = empty("stopped", W.notRead, error.message, retry ?? "");
  } else if (!loaded) {
    const bars = Array.from({ length: 5 }, () => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i")));
    what = h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": SAY.loading }, bars);
  } else if (error?.status) what = h("p", { class: "form-fault", role: "alert", "data-what": error.message }, `${W.notFresh} ${error.message}`);
  else if (count === 0) what = empty(...none);
  if (what?.dataset.what !== place.firstElementChild?.dataset.what) place.replaceChildren(...(what ? [what] : []));
}

/** All rows of a list, page after page. */
export async function everything(api, path, query, signal) {
  const rows = [];
  for await (const { body } of api.pages(path, query, { signal })) rows.push(...body.items);
  return rows;
}

/**
 * What no topic tells of: asked for now, when the page is looked at again, when the hub is back, each
 * `every` ms while it is looked at, and on `again()`. What was read stays until something newer is.
 */
export class Reading {
  constructor(ctx, ask, ondraw, { every = null } = {}) {
    this._ctx = ctx;
    this._ask = ask;
    this._ondraw = ondraw;
    this._every = every;
    this.value = null;
    this.error = null;
    this.at = null;
    const { signal } = ctx;
    document.addEventListener("visibilitychange", () => !document.hidden && this.again(), { signal });
    ctx.link.on((link) => link.live && this.error && this.again(), signal);
    // No topic tells what changed while the hub was out of reach.
    signal.addEventListener("abort", ctx.client.on("welcome", () => this.again()), { once: true });
    signal.addEventListener("abort", () => clearTimeout(this._timer), { once: true });
    this.again();
  }

  get loaded() {
    return this.value !== null;
  }

  /** Read once more; a reading that is under way does not count, it may be of before. */
  again() {
    if (this._running) {
      this._once ??= this._running.then(() => {
        this._once = null;
        return this.again();
      });
      return this._once;
    }
    clearTimeout(this._timer);
    this._running = this._read().finally(() => {
      this._running = null;
      const { signal } = this._ctx;
      if (this._every && !signal.aborted) this._timer = setTimeout(() => (document.hidden ? null : this.again()), this._every);
    });
    return this._running;
  }

  async _read() {
    const { signal, clock } = this._ctx;
    try {
      this.value = await this._ask(signal);
      this.error = null;
      this.at = clock.now();
    } catch (error) {
      this.error = error;
    }
    if (!signal.aborted) this._ondraw();
  }
}

/** A dialog that goes with its panel; → close(). */
export function open(ctx, title, element, { wide = false, onclose = () => {} } = {}) {
  const leave = () => box.open && close();
  const close = dialog(title, element, {
    onclose() {
      ctx.signal.removeEventListener("abort", leave);
      onclose();
    },
  });
  const box = element.closest("dialog");
  if (wide) box.classList.add("is-wide");
  ctx.signal.addEventListener("abort", leave);
  return leave;
}

/** Do `work` with `control` busy; what is refused is told in a message. Resolves with whether it was done and is still wanted here. */
export async function act(ctx, control, work) {
  if (control.getAttribute("aria-busy")) return false;
  setAttribute(control, "aria-busy", "true");
  try {
    await work();
    return !ctx.signal.aborted;
  } catch (error) {
    // Who has left took a read along; what was written is told wherever they are.
    if (error.name === "AbortError") return false;
    ctx.toast(W.notDone, { kind: "bad", text: error.status === 412 ? W.changedElsewhere : error.message });
    return false;
  } finally {
    setAttribute(control, "aria-busy", null);
  }
}

/** Draw soon, once for however many reasons; `fn` is not called after `signal` aborts. */
export function drawing(fn, signal) {
  let asked = false;
  return () => {
    if (asked || signal.aborted) return;
    asked = true;
    const now = () => {
      asked = false;
      if (!signal.aborted) fn();
    };
    if (document.hidden) setTimeout(now, 200);
    else requestAnimationFrame(now);
  };
}

/** "from → to", said as such too. */
export function change(from, to) {
  return [h("s", {}, from), h("span", { class: "arrow", role: "img", "aria-label": "to" }, "→"), h("b", {}, to)];
}
