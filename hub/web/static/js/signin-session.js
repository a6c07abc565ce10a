/**
 * A signed-in person's tokens: kept, renewed and dropped, by all tabs as one.
 *
 * They lie in localStorage, one record for all tabs, and every tab looks there each time. So a rotated refresh
 * token is never used twice, a new tab is signed in, and signing out leaves nothing in a tab that was frozen or
 * in the back/forward cache then. A script that could read this could as well ask for tokens of its own from
 * memory's place: what keeps strange scripts out is the policy (no inline, no foreign host, trusted types).
 *
 * Invariants: at most one renewal is under way in this browser (a Web Lock); only the provider's own refusal ends a
 * session, no silence does; how old a token is, is told by when it was asked for and never by the token.
 */
import { browser, tab } from "./kept.js";
import { farewell, Refusal, renewed, revoke } from "./signin-oauth.js";
import { SignInNeeded, forget } from "./session.js";
import { SAY } from "./words.js";

const KEY = "hub.signin";
const WHO = "hub.signin.sub";
const EARLY = 60_000; // ms before its end a token is renewed, as the hub asks for on sockets
const SPREAD = 200; // ms: what one tab writes, another may read only after its lock was given on
const DOUBT = 1_500; // ms: for so long a refused tab looks whether another was first
const RECENT = 5_000; // ms: what is younger need not be renewed, whoever asks

/** The record of whoever is signed in in this browser, or null. */
function read() {
  try {
    const record = JSON.parse(browser.get(KEY));
    return record?.access && record.sub ? record : null;
  } catch {
    return null;
  }
}

/** ms since the token was asked for. A clock that was set forward makes it older, one set back makes it too old. */
function age({ askedAt, tick }) {
  const wall = Date.now() - askedAt;
  return wall < 0 ? Infinity : Math.max(wall, performance.timeOrigin + performance.now() - tick);
}

/** Do `work` while no other tab does; where the browser lets no tabs meet, they share no record either. */
async function alone(work) {
  let begun = false;
  try {
    return await navigator.locks.request(KEY, () => ((begun = true), work()));
  } catch (error) {
    if (begun) throw error;
    return work();
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const left = (record) => record.lifetime * 1000 - age(record);

export class Session {
  #sub;
  #ended = false;
  #end;
  #asking = null; // this tab's renewal
  #listening = new AbortController();

  /** Kept when the session has ended by other hands: another tab's, or the provider's. */
  over = new Promise((end) => (this.#end = end));
  /** What to say then at the door. */
  parting = "";

  constructor({ sub, name, email }) {
    // What this tab remembers may be of whoever was in before.
    if (tab.get(WHO) !== sub) forget();
    tab.set(WHO, sub);
    this.#sub = sub;
    this.user = { name, email, role: null };
    const { signal } = this.#listening;
    const check = () => this.#record() ?? this.#over();
    addEventListener("storage", check, { signal });
    addEventListener("pageshow", check, { signal });
    document.addEventListener("resume", check, { signal });
  }

  /** The session of this browser, if somebody is signed in. */
  static kept() {
    const record = read();
    return record && new Session(record);
  }

  static begun(record) {
    const before = read();
    browser.set(KEY, JSON.stringify(record));
    if (before?.refresh) revoke(before.refresh);
    return new Session(record);
  }

  async getToken(why) {
    const record = this.#look();
    const stays = left(record);
    const margin = Math.min(EARLY, record.lifetime * 250);
    if (why === "connect" ? stays > margin : age(record) < RECENT) return record.access;
    try {
      return (await this.#renew(record)).access;
    } catch (error) {
      if (error instanceof SignInNeeded || why !== "connect" || stays <= 0) throw error;
      return record.access; // it still serves; the next to ask tries again
    }
  }

  signOut() {
    if (this.#ended) return;
    this.#leave();
    const record = read();
    browser.drop(KEY);
    if (record?.refresh) revoke(record.refresh);
    location.assign(farewell());
  }

  /** This person's record as it is now, or null. */
  #record() {
    const record = this.#ended ? null : read();
    return record?.sub === this.#sub ? record : null;
  }

  /** The same; where there is none the session is over, and SignInNeeded is thrown. */
  #look() {
    const record = this.#record();
    if (record) return record;
    this.#over();
    throw new SignInNeeded(SAY.signInNeeded);
  }

  #over() {
    if (this.#ended) return;
    this.#leave();
    this.parting = SAY.signInNeeded;
    this.#end();
  }

  #leave() {
    this.#ended = true;
    this.#listening.abort();
    tab.drop(WHO);
  }

  #renew(seen) {
    this.#asking ??= alone(() => this.#ask(seen)).finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(seen) {
    const record = this.#look();
    if (record.access !== seen.access) return record; // another tab was first
    if (!record.refresh) {
      if (left(record) > 0) return record;
      return this.#refused();
    }
    let fresh;
    try {
      fresh = await renewed(record);
    } catch (error) {
      if (error instanceof Refusal) return (await this.#newer(record)) ?? this.#refused();
      throw error;
    }
    // Signed out meanwhile: what has just been given is given back.
    if (!this.#record()) {
      revoke(fresh.refresh);
      return this.#look();
    }
    browser.set(KEY, JSON.stringify(fresh));
    await pause(SPREAD);
    return fresh;
  }

  /** What another tab has written instead of `record`, if it comes to be seen; else null. */
  async #newer(record) {
    for (const last = performance.now() + DOUBT; performance.now() < last; await pause(50)) {
      const now = this.#record();
      if (now?.access !== record.access) return now;
    }
    return null;
  }

  #refused() {
    browser.drop(KEY);
    return this.#look();
  }
}
