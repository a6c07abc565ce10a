/**
 * Small messages that come and go without taking the focus, and questions that do take it.
 *
 * Invariant: a message is heard once, in a live region of its own, whatever is shown, hidden or moved of it.
 */
import { h, icon, refocus, setAttribute, setText } from "./dom.js";
import { SAY } from "./words.js";
import { DAY } from "./words/day.js";

const STAY = 7_000; // ms; with a button in it, twice that
const MOST = 3;
const HELD = ":hover, :focus-within"; // somebody is at it
const NEEDED = ":focus:not(main, dialog, [popover], .toasts *), .is-first, .is-danger, :popover-open";
const place = document.getElementById("toasts");
const voice = place.firstElementChild;
const dialog = document.getElementById("confirm");
let back = null; // what had the focus before a message had it

const all = () => [...place.querySelectorAll(".toast")];
const front = () => all().find((one) => one.matches(HELD)) ?? all().at(-1);

/**
 * Say something: `toast("Saved", {sign: "check", kind: "good" | "bad" | "plain", text, action: {word, run}})`.
 * It is heard once, and the focus stays where it is. Returns what takes it away.
 */
export function toast(title, { kind = "plain", sign = kind === "bad" ? "at-risk" : "check", text = "", action = null } = {}) {
  const said = h("p", {}, `${title} ${text}`);
  const more = h("span", { class: "toast-more quiet" });
  const element = h("div", { class: "toast", "data-kind": kind },
    icon(sign),
    h("p", {}, h("b", {}, title), text ? h("span", {}, text) : null, more),
  );
  let timer;
  const go = () => {
    const held = element.contains(document.activeElement);
    clearTimeout(timer);
    said.remove();
    element.remove();
    arrange();
    if (held) (front()?.lastElementChild ?? back)?.focus({ preventScroll: true });
    if (held) refocus(document.querySelector("#main h1"));
  };
  // Whoever reads or points at it has the time they need (WCAG 2.2.1), and so has one that is behind another.
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (element.matches(HELD) || !element.checkVisibility() ? wait() : go()), action || kind === "bad" ? STAY * 2 : STAY);
  };
  if (action) {
    element.append(h("button", { type: "button", class: "button", onclick: () => (go(), action.run()) }, action.word));
  }
  element.append(h("button", { type: "button", class: "step", onclick: go }, icon("close"), h("span", { class: "unseen" }, SAY.dismiss)));
  for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, wait);
  Object.assign(element, { go, wait, more });
  // The oldest makes room, but not one that somebody is at.
  const there = all();
  if (there.length >= MOST) (there.find((one) => !one.matches(HELD)) ?? there[0]).go();
  place.append(element);
  voice.append(said);
  arrange();
  return go;
}

/** Take all away. */
export function hush() {
  for (const one of all()) one.go();
}

/** On a phone one is seen, and how many are behind it. */
function arrange() {
  const there = all();
  const first = front();
  for (const one of there) {
    // Seen from now on, it has its time from now on.
    if (one === first && one.dataset.front === undefined) one.wait();
    setAttribute(one, "data-front", one === first);
    setText(one.more, there[1] ? DAY.others(there.length - 1) : "");
  }
  const edge = first && place.dataset.edge;
  if (!edge || hides(edge)) place.dataset.edge = hides("above") < hides("below") ? "above" : "below";
}

/** How much of what is needed the messages hide at that edge; what has the focus is more than all else (WCAG 2.4.11). */
function hides(edge) {
  place.dataset.edge = edge;
  const at = place.getBoundingClientRect();
  return [...document.querySelectorAll(NEEDED)].reduce((sum, one) => {
    const { top, bottom, left, right } = one.getBoundingClientRect();
    return top < at.bottom && bottom > at.top && left < at.right && right > at.left ? sum + (one.matches(":focus") ? 9 : 1) : sum;
  }, 0);
}

for (const name of ["focusin", "scroll", "resize"]) {
  addEventListener(name, ({ target, relatedTarget }) => {
    if (name === "focusin" && place.contains(target) && relatedTarget && !place.contains(relatedTarget)) back = relatedTarget;
    if (front()) requestAnimationFrame(arrange);
  }, true);
}
addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && !document.querySelector(":popover-open, dialog[open]")) front()?.go();
});

/** While a modal dialog is open, what is outside of it is inert: messages are then said within. */
export function hear(box) {
  box.append(place);
  box.addEventListener("close", () => (document.querySelector("dialog:modal") ?? document.body).append(place), { once: true });
}

/**
 * Ask before something is done: resolves with whether it is to be. The question goes with its page, unanswered:
 * at the next address, or when `signal` aborts.
 */
export function confirm({ title, text = "", yes = SAY.yes, no = SAY.no, danger = false, signal = null }) {
  const answer = (value) => dialog.close(value);
  const asked = new AbortController();
  const leave = () => answer("no");
  addEventListener("hashchange", leave, { signal: asked.signal });
  signal?.addEventListener("abort", leave, { signal: asked.signal });
  dialog.replaceChildren(
    h("h2", { id: "confirm-title" }, title),
    text ? h("p", { id: "confirm-text" }, text) : "",
    h("div", { class: "dialog-foot" },
      h("button", { type: "button", class: "button", onclick: () => answer("no") }, no),
      h("button", { type: "button", class: danger ? "button is-danger" : "button is-first", onclick: () => answer("yes") }, yes),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  hear(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      asked.abort();
      // What asked has the focus again, unless it went with its page.
      refocus(document.querySelector("#main h1"));
      resolve(dialog.returnValue === "yes");
    }, { once: true });
  });
}
