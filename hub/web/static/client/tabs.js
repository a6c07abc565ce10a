/**
 * Tabs: one line for all tabs of one person.
 *
 * The tab that holds the Web Lock leads: it has the line, and speaks for the others over a
 * BroadcastChannel. To one that follows, the leader is the hub: it asks for its own watches, is
 * answered with the hub's own frames, and keeps its own cursors; so when the leader goes, whoever
 * comes next is asked to resume from there, and nothing is lost or told twice. The browser frees a
 * lock when its tab dies, however it dies; a leader that is frozen is asked, and robbed of the lock.
 * Invariant: only tabs with the same hub and the same subject of their tokens meet (the channel's
 * name is a digest of both).
 */

/** How long a leader may take to answer, ms. */
const PATIENCE = 4_000;
/** What tabs say to each other: raised when it changes, so that two releases never meet. */
const DIALECT = 1;

export function canShare() {
  try {
    const { navigator, BroadcastChannel, crypto } = globalThis;
    return Boolean(navigator?.locks && BroadcastChannel && crypto?.subtle);
  } catch {
    return false;
  }
}

/** The name under which the tabs of a token's subject meet. */
export async function subject(base, token) {
  let who = token;
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    if (claims.sub) who = JSON.stringify([claims.iss, claims.sub]);
  } catch {
    // No JWT: a device's or an integration's credential is itself whom it names.
  }
  const bytes = new TextEncoder().encode(JSON.stringify([base, who]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `hub.v1/${DIALECT}/${[...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export class Tabs {
  leads = false;
  #name;
  #on;
  #me = crypto.randomUUID().slice(0, 18);
  #channel;
  #left = new AbortController();
  #queue = null; // waiting for the lock
  #free = []; // resolve what holds our locks
  #alive; // resolved once this tab can be seen to live; rejected where the browser lets no tabs meet
  #session = null; // the hub's session: as leader the one we have, else the one we were told of
  #sessions = 0;
  #count = 0; // what went to all tabs in this session
  #told = { state: "connecting", retryAt: null };
  #welcome = null;
  #offset = null; // () => the hub's clock minus this machine's
  #members = new Map(); // tab → {join, ids of its watches}
  #joins = 0; // as leader: how often somebody joined; as one that follows: our own number
  #asked = null;

  /** Throws where the browser lets no tabs meet. @param on {welcome, frame, state, lost, lead, said, woken, signedOut} */
  constructor(name, on) {
    this.#name = name;
    this.#on = on;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event) => this.#heard(event.data);
    this.#alive = new Promise((held, denied) => {
      this.#request(`${name}/${this.#me}`, {}, () => {
        held();
        return new Promise((free) => this.#free.push(free));
      }).catch(denied);
    });
    this.#alive.catch(() => {});
  }

  /** Take part; rejects as the constructor throws. @returns whether this tab leads; if not, what `on` is told tells the rest */
  async enter() {
    await this.#alive;
    if (!this.leads && !this.#queue) {
      await new Promise((settled) => {
        this.#hold({ ifAvailable: true }, settled);
      });
    }
    if (this.#left.signal.aborted || this.leads) return this.leads;
    if (!this.#queue) {
      this.#queue = new AbortController();
      this.#hold({ signal: this.#queue.signal }, () => this.#on.lead());
    }
    this.#join();
    return false;
  }

  leave() {
    clearTimeout(this.#asked);
    this.leads = false;
    this.#left.abort();
    this.#queue?.abort();
    this.#channel.onmessage = null;
    this.#channel.close();
    for (const free of this.#free) free();
  }

  /** To the leader; `signOut` to everybody. */
  say(message) {
    if (!this.#left.signal.aborted) {
      this.#channel.postMessage({ from: this.#me, session: this.#session, join: this.#joins, ...message });
    }
  }

  /** Whether the leader is alive: it answers, or this tab takes its place. */
  ask() {
    this.say({ ask: true });
    this.#expect();
  }

  // ── as the leader ───────────────────────────────────────────────────────────────────────────

  /** Whether others are here, with watches of theirs. */
  get isShared() {
    return this.#members.size > 0;
  }

  /** The hub has welcomed us: each tab may ask for its watches. */
  open(frame, offset) {
    this.#session = `${this.#me}/${++this.#sessions}`;
    this.#count = 0;
    this.#welcome = frame;
    this.#offset = offset;
    for (const tab of this.#members.keys()) this.#greet(tab);
  }

  /** The line is gone. */
  shut(doubted) {
    this.#session = this.#welcome = null;
    this.#told = { state: "connecting", retryAt: null, doubted };
    this.#tell("*", this.#told);
  }

  /** How it stands with the line. */
  tell(state, retryAt) {
    this.#told = { state, retryAt };
    this.#tell("*", this.#told);
  }

  /** Pass a frame on. @returns whether it was for another tab alone */
  pass(frame) {
    const [, tab, join, id] = /^(.+)\/(\d+)\.(.+)$/.exec(frame.id ?? "") ?? [];
    if (tab) {
      // To one that has joined anew since, it is no answer to anything it asks.
      if (this.#members.get(tab)?.join === Number(join)) this.#tell(tab, { frame: { ...frame, id } });
      return true;
    }
    if (frame.type === "ping") this.#renew(frame);
    if (this.#members.size && frame.id === undefined && (frame.type === "change" || frame.type === "ping")) {
      this.#count += 1;
      this.#tell("*", { frame, count: this.#count });
    }
    return false;
  }

  #tell(to, what) {
    if (this.leads) this.#channel.postMessage({ to, session: this.#session, ...what });
  }

  #enrol(tab) {
    if (this.#members.has(tab)) this.#dismiss(tab);
    // Granted when that tab is gone.
    else this.#request(`${this.#name}/${tab}`, { signal: this.#left.signal }, () => this.#dismiss(tab)).catch(() => {});
    this.#members.set(tab, { join: 0, ids: new Set() });
    if (this.#welcome) this.#greet(tab);
    else this.#tell(tab, this.#told);
  }

  /** Whoever comes later is welcomed as of the last ping. */
  #renew({ fresh_until: until }) {
    const { fresh_until: before, time } = this.#welcome ?? {};
    if (!until || !before) return;
    const then = new Date(Date.parse(time) + Date.parse(until) - Date.parse(before));
    this.#welcome = { ...this.#welcome, fresh_until: until, time: then.toISOString() };
  }

  #greet(tab) {
    const join = ++this.#joins;
    this.#members.set(tab, { join, ids: new Set() });
    this.#tell(tab, { welcome: this.#welcome, offset: this.#offset(), join, count: this.#count });
  }

  #dismiss(tab) {
    for (const id of this.#members.get(tab)?.ids ?? []) this.#on.said({ type: "unwatch", id });
    this.#members.delete(tab);
  }

  #forward(tab, join, message) {
    const member = this.#members.get(tab);
    if (member?.join !== join) return; // said before it joined anew
    const id = `${tab}/${join}.${message.id}`;
    if (message.type === "watch") member.ids.add(id);
    else member.ids.delete(id);
    this.#on.said({ ...message, id });
  }

  // ── what is heard ───────────────────────────────────────────────────────────────────────────

  #heard(told) {
    if (told.signOut) this.#on.signedOut();
    else if (this.leads) this.#asLeader(told);
    else this.#asFollower(told);
  }

  #asLeader(told) {
    const { from } = told;
    if (told.joins) this.#enrol(from);
    else if (told.said && told.session === this.#session) this.#forward(from, told.join, told.said);
    else if (told.ask) this.#tell(from, { here: true });
    else if (told.wake) this.#on.woken(told.wake);
  }

  #asFollower(told) {
    if (told.leader) {
      this.#on.state("connecting", null);
      this.#join();
      return;
    }
    if (told.to !== "*" && told.to !== this.#me) return;
    clearTimeout(this.#asked);
    if (told.welcome) {
      this.#session = told.session;
      this.#joins = told.join;
      this.#count = told.count;
      this.#on.welcome(told.welcome, told.offset);
    } else if (told.state) {
      this.#on.state(told.state, told.retryAt, told.doubted);
    } else if (told.frame && told.session === this.#session) {
      if (told.count !== undefined && told.count !== ++this.#count) this.#join();
      else this.#on.frame(told.frame);
    }
  }

  #join() {
    this.#session = null;
    this.say({ joins: true });
    this.#expect();
  }

  #expect() {
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => this.#rob(), PATIENCE);
  }

  // ── the lock ────────────────────────────────────────────────────────────────────────────────

  #request(name, options, held) {
    return navigator.locks.request(name, options, held);
  }

  /** Ask for the lead; `settled` is told when it is known (always, with `ifAvailable`). */
  #hold(options, settled) {
    this.#request(this.#name, options, (lock) => {
      if (!lock || this.#left.signal.aborted) {
        settled();
        return undefined;
      }
      this.leads = true;
      this.#queue = null;
      this.#session = null;
      this.#members.clear();
      clearTimeout(this.#asked);
      this.#channel.postMessage({ leader: this.#me });
      settled();
      return new Promise((free) => this.#free.push(free));
    }).catch(() => {
      // Robbed (or the waiting was given up, which is nothing).
      if (!this.leads) return;
      this.leads = false;
      this.#on.lost();
    });
  }

  #rob() {
    if (this.leads || this.#left.signal.aborted) return;
    this.#queue?.abort();
    this.#queue = null;
    this.#hold({ steal: true }, () => this.#on.lead());
  }
}
