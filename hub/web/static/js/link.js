/**
 * The connection's state, told honestly: the chip, the banner, and a quiet voice for screen readers.
 *
 * Invariants: "Live" is said only while the hub vouches for what is shown; what would write is out of
 * reach while it does not, and says why.
 */
import { h, icon, refocus, setAttribute, setIcon, setText } from "./dom.js";
import { SAY, clock, clockSeconds } from "./words.js";
import { LINK, STOPPED } from "./words/link.js";

const PATIENCE = 1500; // a hiccup shorter than this earns no banner
const ICONS = { live: "live", connecting: "connecting", waiting: "waiting", stale: "stale", stopped: "stopped" };

const chip = document.getElementById("link");
const banner = document.getElementById("banner");
const voice = document.getElementById("announce");

/** What ended for a reason that may have gone since: it can be tried again without signing in anew. */
const PASSING = new Set([4000, 4009]);
const ELSEWHERE = "signed out in another tab"; // as the client says it

/** What a control is marked with that writes: `data-edit`. */
const EDITS = "[data-edit]";

export class Link {
  constructor(client, { onretry, onsignin, onrefuse, signal }) {
    this.client = client;
    /** When the hub last spoke for what is shown, ms by its clock, or null. */
    this.heardAt = null;
    this.kind = "connecting";
    this._watches = new Set();
    this._listeners = new Set();
    this._troubled = null;
    this._said = "";
    this._met = false;
    this._icon = icon("connecting");
    this._word = h("span", { class: "link-word" });
    this._detail = h("span", { class: "link-detail" });
    chip.replaceChildren(this._icon, this._word, this._detail);
    this._bannerIcon = icon("waiting");
    this._bannerTitle = h("strong");
    this._bannerText = h("span");
    this._retry = h("button", { type: "button", class: "button", onclick: onretry }, SAY.tryNow);
    this._signIn = h("button", { type: "button", class: "button", onclick: onsignin }, SAY.signInAgain);
    banner.replaceChildren(this._bannerIcon, h("p", {}, this._bannerTitle, " ", this._bannerText), this._retry, this._signIn);
    client.on("fresh", ({ fresh }) => fresh && (this.heardAt = client.now()));
    client.on("welcome", () => {
      this.heardAt = client.now();
      this._met = true;
    });
    this._holdBack(onrefuse, signal);
  }

  /** Whether what is shown is the schedule as it is now, and may be edited. */
  get live() {
    return this.kind === "live";
  }

  /** Why nothing can be changed now, or "" where it can. */
  get why() {
    return this.live || this._brief ? "" : SAY.offlineEdits;
  }

  /** Call `fn(link)` when the state is another. */
  on(fn, signal) {
    this._listeners.add(fn);
    signal?.addEventListener("abort", () => this._listeners.delete(fn), { once: true });
  }

  /** What is shown rests on this watch or picture too, until it is closed. */
  rely(watch) {
    this._watches.add(watch);
    return () => this._watches.delete(watch);
  }

  /** The last moment for which what is shown is known to be true. */
  get knownAt() {
    return clockSeconds(Math.min(this.heardAt, this.client.freshUntil ?? this.heardAt));
  }

  render() {
    const state = this._describe();
    const was = `${this.kind} ${this.why}`;
    const now = performance.now();
    const well = state.kind === "live";
    if (well) this._troubled = null;
    else this._troubled ??= now;
    const lasting = !well && (now - this._troubled > PATIENCE || ["stopped", "stale"].includes(state.kind));
    this._brief = !well && !lasting && this.heardAt !== null;
    this.kind = state.kind;
    // A moment of catching up, as when another day is opened, is no news; half a day that is shown is not live,
    // nor is what could not be read: the page itself says what, and may be used, for the hub is there.
    const shown = state.failed ? { ...state, kind: "stale", word: LINK.old } : this._brief && state.quiet && !state.partial ? { ...state, kind: "live", word: LINK.live } : state;
    setAttribute(chip, "data-kind", shown.kind);
    setIcon(this._icon, ICONS[shown.kind]);
    setText(this._word, shown.word);
    setText(this._detail, shown.detail);
    // Before the first welcome there is nothing on the page that could be old.
    const first = this.heardAt === null && !this._met;
    setAttribute(document.body, "data-link", well ? "live" : first ? "first" : lasting ? state.kind : "brief");
    this._renderBanner(state, lasting && (state.kind !== "connecting" || !first));
    if (well || lasting) this._say(state);
    if (was !== `${this.kind} ${this.why}`) {
      this._mark();
      for (const fn of this._listeners) fn(this);
    }
  }

  /** What is to be said: {kind, word, detail, why}. */
  _describe() {
    const { state, retryAt, stopped, freshUntil } = this.client;
    const stale = freshUntil !== null && this.client.now() > freshUntil;
    const since = stale ? LINK.staleSince(clock(freshUntil)) : "";
    if (state === "stopped") {
      const { code, reason } = stopped ?? {};
      const said = reason ? LINK.said(reason) : LINK.ended(code);
      const unknown = code === 4003 && !this._met; // signed in, but nobody of this school
      const why = unknown ? SAY.unknownUser : code === 4001 && reason === ELSEWHERE ? LINK.signedOut : (STOPPED[code] ?? said);
      return { kind: "stopped", word: LINK.disconnected, detail: "", why, passing: PASSING.has(code) };
    }
    if (state === "online") {
      if (stale) return { kind: "stale", word: since, detail: "", why: LINK.blind };
      const are = new Set([...this._watches].map((watch) => watch.status));
      const failed = are.has("failed");
      const partial = failed || are.has("partial");
      if (are.has("partial") || are.has("loading") || are.has("stale")) return { kind: "connecting", word: LINK.catchingUp, detail: "", why: "", quiet: true, partial };
      return { kind: "live", word: LINK.live, detail: "", why: "", failed };
    }
    const offline = navigator.onLine === false;
    const why = offline ? LINK.deviceOffline : LINK.unreachable;
    if (state === "waiting") {
      const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      const soon = seconds === 0 ? "" : LINK.soon(seconds);
      if (stale) return { kind: "stale", word: since, detail: LINK.reconnectingSoon(soon), why };
      return { kind: "waiting", word: offline ? LINK.offline : LINK.reconnecting, detail: offline ? LINK.reconnectingSoon(soon) : soon, why };
    }
    if (stale) return { kind: "stale", word: since, detail: LINK.reconnectingSoon(""), why };
    return { kind: "connecting", word: this._met ? LINK.reconnecting : LINK.connecting, detail: "", why: "" };
  }

  _renderBanner(state, shown) {
    const held = document.activeElement === this._retry;
    banner.hidden = !shown;
    if (shown) this._fillBanner(state, held);
    if (held) refocus(document.querySelector("#main h1"));
  }

  /** `held`: whoever tries again may do so once more; what they press does not go from under them. */
  _fillBanner(state, held) {
    setAttribute(banner, "data-kind", state.kind);
    setIcon(this._bannerIcon, ICONS[state.kind]);
    const { state: phase, retryAt } = this.client;
    const seconds = phase === "waiting" && retryAt !== null ? Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)) : 0;
    setText(this._bannerTitle, state.kind === "stale" ? `${state.word}.` : state.why || `${state.word}.`);
    const known = this.heardAt === null ? "" : state.quiet ? SAY.notAllYet : `${LINK.known(this.knownAt)} ${state.kind === "stopped" ? "" : SAY.offlineEdits} `;
    const because = state.kind === "stale" ? `${state.why} ` : "";
    const next =
      phase === "waiting" ? (seconds ? LINK.nextTry(seconds) : retryAt === null ? "" : LINK.trying)
      : phase === "connecting" ? LINK.trying
      : "";
    setText(this._bannerText, because + known + next);
    const soon = phase !== "waiting" || (retryAt !== null && seconds < 2);
    this._retry.hidden = !state.passing && soon && (!held || phase === "stopped");
    setText(this._retry, state.passing ? SAY.tryAgain : SAY.tryNow);
    // Signing in again would end every other page's connection, and help nothing.
    this._signIn.hidden = phase !== "stopped" || Boolean(state.passing);
  }

  _say(state) {
    const words = state.kind === "live" ? LINK.live : [state.word, state.why].filter(Boolean).join(". ");
    if (words === this._said) return;
    // The first "Live" is what everyone expects: no need to speak over the page's own heading.
    if (this._said !== "" || state.kind !== "live") setText(voice, words === LINK.live ? LINK.liveAgain : words);
    this._said = words;
  }

  /** Controls that write stay in reach of the keyboard, so that they can say why they do nothing. */
  _holdBack(onrefuse, signal) {
    const refuse = (event) => {
      if (!this.why || !event.target.closest?.(EDITS)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      // A message beside an open dialog would be as inert as all else there: the form says it itself.
      const fault = event.target.closest("dialog[open]")?.querySelector(".form-fault");
      if (fault) fault.replaceChildren(this.why);
      else onrefuse(this.why);
    };
    for (const name of ["click", "submit", "dragstart"]) document.addEventListener(name, refuse, { capture: true, signal });
    const fresh = new MutationObserver(() => this.why && this._mark());
    fresh.observe(document.getElementById("app"), { childList: true, subtree: true });
    signal.addEventListener("abort", () => fresh.disconnect(), { once: true });
  }

  _mark() {
    for (const element of document.querySelectorAll(EDITS)) {
      setAttribute(element, "aria-disabled", this.why ? "true" : null);
      setAttribute(element, "title", this.why || null);
    }
  }
}
