/**
 * Small messages that come and go without taking the focus, and questions that do take it.
 */
import { h, icon, refocus } from "./dom.js";
import { SAY } from "./words.js";

const STAY = 7_000; // ms; with a button in it, twice that
const MOST = 3;
const place = document.getElementById("toasts");
const dialog = document.getElementById("confirm");

/**
 * Say something: `toast("Saved", {sign: "check", kind: "good" | "bad" | "plain", text, action: {word, run}})`.
 * It is in a live region (role=status): heard, but the focus stays where it is. Returns what takes it away.
 */
export function toast(title, { kind = "plain", sign = kind === "bad" ? "at-risk" : "check", text = "", action = null } = {}) {
  const element = h("div", { class: "toast", "data-kind": kind },
    icon(sign),
    h("p", {}, h("b", {}, title), text ? h("span", {}, text) : null),
  );
  let timer;
  const go = () => {
    clearTimeout(timer);
    element.remove();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(go, action || kind === "bad" ? STAY * 2 : STAY);
  };
  if (action) {
    element.append(h("button", { type: "button", class: "button", onclick: () => (go(), action.run()) }, action.word));
  }
  element.append(h("button", { type: "button", class: "step", onclick: go }, icon("close"), h("span", { class: "unseen" }, SAY.dismiss)));
  // Whoever reads or points at it has the time they need (WCAG 2.2.1).
  for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, wait);
  // The oldest makes room, but not one that somebody is at.
  while (place.children.length >= MOST) {
    ([...place.children].find((one) => !one.contains(document.activeElement)) ?? place.firstElementChild).remove();
  }
  place.append(element);
  wait();
  return go;
}

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
