/**
 * What is around the board: clocks, the screen's name, how true the board is, and the pairing's code.
 *
 * Invariant: of the stages (`starting`, `pairing`, `board`) one is seen, and "Live" is said only
 * where it is so.
 */
import { setFlag, setSymbol, setText } from "./screen.js";
import { SAY, date, left, moment, seconds, zone, zulu } from "./words.js";

const by = (id) => document.getElementById(id);
/** Flashes are one a second: WCAG 2.3.1 has three as the most. */
const IDENTIFY = 10_000;
const LETTERS = [...by("code").children];

export class Frame {
  #time;
  #pairing = null;
  #identified = null;

  constructor(time) {
    this.#time = time;
    setText(by("zulu-label"), SAY.zulu);
    setText(by("pair-title"), SAY.pair);
    setText(by("pair-lead"), SAY.pairWhere);
    setText(by("pair-what"), SAY.pairWhat);
    this.wait(SAY.starting);
    time.second((now) => this.#tick(now));
  }

  stage(name) {
    setFlag(document.body, "stage", name);
  }

  /** Nothing to show yet but a word of why. */
  wait(title, more = "") {
    setText(by("wait-title"), title);
    setText(by("wait-more"), more);
    by("wait").hidden = title === "";
  }

  name(name, airport) {
    setText(by("name"), [name, airport].filter(Boolean).join(" · "));
    document.title = name ? `${SAY.title} – ${name}` : SAY.title;
  }

  /** `kind`: "live", "connecting", "waiting" or "stale"; `since`: ms, when it is known to be stale. */
  link(kind, since) {
    setText(by("link-word"), SAY[kind]);
    setFlag(by("link"), "kind", kind);
    setSymbol(by("link-icon"), kind);
    setFlag(document.body, "stale", since !== null);
    by("banner").hidden = since === null;
    if (since === null) return;
    setText(by("banner-title"), SAY.staleSince(moment(since, this.#time.now())));
    setText(by("banner-more"), SAY.staleMore);
  }

  /** What `pair` says. */
  pairing(told) {
    this.stage("pairing");
    this.#pairing = told;
    by("pair-offline").hidden = !told.offline;
    by("pair-code").hidden = !told.code;
    if (told.code) {
      const letters = told.code.replace("-", "");
      LETTERS.filter((one) => !one.dataset.gap).forEach((one, place) => setText(one, letters[place] ?? ""));
      by("code").setAttribute("aria-label", told.code);
      const { host, hash, pathname } = new URL(told.where);
      setText(by("pair-where"), `${host}${pathname === "/" && hash ? "/" : pathname}${hash}`);
    }
    setText(by("offline-title"), SAY.offline);
    setText(by("offline-more"), SAY.offlineMore);
    this.#tick(this.#time.now());
  }

  /** Which one is it? This one: its name, as large as it goes. */
  identify(name) {
    const overlay = by("identify");
    setText(by("identify-name"), name || SAY.unnamed);
    overlay.hidden = false;
    clearTimeout(this.#identified);
    this.#identified = setTimeout(() => (overlay.hidden = true), IDENTIFY);
  }

  #tick(now) {
    const local = seconds(now);
    setText(by("local-hm"), local.slice(0, 5));
    setText(by("local-s"), local.slice(6));
    setText(by("local-label"), zone(now));
    const utc = zulu(now);
    setText(by("zulu-hm"), utc.slice(0, 5));
    setText(by("zulu-s"), utc.slice(6));
    setText(by("date"), date(now));
    if (!this.#pairing) return;
    const { until, retryAt, taken } = this.#pairing;
    if (taken) setText(by("pair-left"), SAY.pairTaken);
    else if (until) {
      setText(by("pair-left"), SAY.pairLeft(left(until - performance.now())));
    }
    if (retryAt) {
      const ms = retryAt - performance.now();
      setText(by("offline-again"), ms > 0 ? SAY.again(left(ms)) : SAY.trying);
    } else setText(by("offline-again"), "");
  }

  /** The pairing is over. */
  paired() {
    this.#pairing = null;
    LETTERS.forEach((one) => !one.dataset.gap && setText(one, ""));
    by("code").setAttribute("aria-label", "");
  }
}
