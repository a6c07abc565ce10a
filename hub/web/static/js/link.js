/**
 * The connection's state, told honestly: the chip, the banner, and a quiet voice for screen readers.
 *
 * Invariant: "Live" is said only while the hub has spoken and vouches for what is shown.
 */
import { h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { clock, clockSeconds, plural } from "./words.js";

const PATIENCE = 1500; // a hiccup shorter than this earns no banner

const chip = document.getElementById("link");
const banner = document.getElementById("banner");
const voice = document.getElementById("announce");

/** What is to be said: {kind, word, detail, why}. */
export function describe(client) {
  const { phase, attempt, retryAt, reason, code } = client.state;
  const stale = client.freshUntil !== null && !client.fresh;
  const offline = navigator.onLine === false;
  const since = stale ? `Stale since ${clock(client.freshUntil)}` : "";
  if (phase === "stopped") return { kind: "stopped", word: "Disconnected", detail: "", why: stopped(code, reason) };
  if (phase === "live" || (phase === "catching-up" && stale)) {
    if (!stale) return { kind: "live", word: "Live", detail: "", why: "" };
    return { kind: "stale", word: since, detail: "", why: "The hub answers, but cannot see the schedule’s changes just now." };
  }
  if (phase === "catching-up") return { kind: "connecting", word: "Catching up", detail: "", why: "" };
  if (phase === "waiting") {
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const soon = seconds === 0 ? "" : `in ${seconds} s`;
    const why = offline ? "This device is offline." : "The hub cannot be reached.";
    if (stale) return { kind: "stale", word: since, detail: `reconnecting ${soon}`, why };
    return { kind: "waiting", word: offline ? "Offline" : "Reconnecting", detail: offline ? `reconnecting ${soon}` : soon, why };
  }
  if (stale) return { kind: "stale", word: since, detail: "reconnecting", why: "The hub cannot be reached." };
  return { kind: "connecting", word: attempt > 0 ? "Reconnecting" : "Connecting", detail: "", why: "" };
}

function stopped(code, reason) {
  const known = {
    4001: "Your sign-in was not accepted.",
    4003: "You no longer have access.",
    4009: "You have too many pages open.",
  };
  return known[code] ?? (reason ? `The hub said: ${reason}.` : `The hub ended the connection (${code}).`);
}

const ICONS = { live: "live", connecting: "connecting", waiting: "waiting", stale: "stale", stopped: "stopped" };

export class Link {
  constructor(client, { onretry, onsignin }) {
    this.client = client;
    this._troubled = null;
    this._said = "";
    this._icon = icon("connecting");
    this._word = h("span", { class: "link-word" });
    this._detail = h("span", { class: "link-detail" });
    chip.replaceChildren(this._icon, this._word, this._detail);
    this._bannerIcon = icon("waiting");
    this._bannerTitle = h("strong");
    this._bannerText = h("span");
    this._retry = h("button", { type: "button", class: "button", onclick: onretry }, "Try now");
    this._signIn = h("button", { type: "button", class: "button", onclick: onsignin }, "Sign in again");
    const words = h("p", {}, this._bannerTitle, " ", this._bannerText);
    banner.replaceChildren(this._bannerIcon, words, this._retry, this._signIn);
  }

  /** Whether what is shown is the schedule as it is now. */
  get trusted() {
    return this.kind === "live";
  }

  render() {
    const state = describe(this.client);
    this.kind = state.kind;
    const now = performance.now();
    const well = state.kind === "live";
    if (well) this._troubled = null;
    else this._troubled ??= now;
    const lasting = !well && (now - this._troubled > PATIENCE || state.kind === "stopped" || state.kind === "stale");

    setAttribute(chip, "data-kind", state.kind);
    setIcon(this._icon, ICONS[state.kind]);
    setText(this._word, state.word);
    setText(this._detail, state.detail);

    // Before the first welcome there is nothing on the page that could be old.
    const everMet = this.client.heardAt !== null;
    setAttribute(document.body, "data-link", well ? "live" : !everMet ? "first" : lasting ? state.kind : "brief");
    this._renderBanner(state, lasting && (state.kind !== "connecting" || this.client.state.attempt > 0));
    if (well || lasting) this._say(state);
  }

  _renderBanner(state, shown) {
    banner.hidden = !shown;
    if (!shown) return;
    setAttribute(banner, "data-kind", state.kind);
    setIcon(this._bannerIcon, ICONS[state.kind]);
    const { phase, retryAt } = this.client.state;
    const seconds = phase === "waiting" ? Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)) : 0;
    setText(this._bannerTitle, state.kind === "stale" ? `${state.word}.` : state.why || `${state.word}.`);
    const known = this.client.heardAt === null ? "" : `You see what was known at ${this.knownAt}. `;
    const because = state.kind === "stale" ? `${state.why} ` : "";
    const next =
      phase === "waiting" ? (seconds ? `Next try in ${plural(seconds, "second")}.` : "Trying now.")
      : phase === "connecting" ? "Trying now."
      : "";
    setText(this._bannerText, because + known + next);
    this._retry.hidden = phase !== "waiting" || seconds < 2;
    this._signIn.hidden = phase !== "stopped";
  }

  /** The last moment for which what is shown is known to be true. */
  get knownAt() {
    const { heardAt, freshUntil } = this.client;
    return clockSeconds(Math.min(heardAt, freshUntil ?? heardAt));
  }

  _say(state) {
    const words = state.kind === "live" ? "Live" : [state.word, state.why].filter(Boolean).join(". ");
    if (words === this._said) return;
    // The first "Live" is what everyone expects: no need to speak over the page's own heading.
    if (this._said !== "" || state.kind !== "live") setText(voice, words === "Live" ? "Live again" : words);
    this._said = words;
  }
}
