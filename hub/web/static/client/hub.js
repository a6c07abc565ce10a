/**
 * HubClient: the schedule, live, in a page. What others build on; `hub.d.ts` is its contract.
 *
 * Holds the collections, gives each frame to those it concerns, and tells the page. Invariants: all
 * that a frame means is taken over before anybody is told; nothing of one person is left when
 * another is welcomed; what is not known to be current is not called live.
 */
import { ServerClock } from "./clock.js";
import { Collection } from "./collection.js";
import { Connection, SignInNeeded } from "./connection.js";
import { visible } from "./cursor.js";
import { Listeners } from "./listeners.js";
import { Watch } from "./watch.js";

export const VERSION = "1.0.0";
export { SignInNeeded, visible };

/** The frames of one batch come in one write; this long after one, the others have come, ms. */
const SETTLE = 50;
const SEEN_TIMEOUT = 30_000;

export class HubClient {
  #connection;
  #clock = new ServerClock();
  #listeners = new Listeners();
  #collections = new Map(); // by id
  #byKey = new Map(); // by topic and filter
  #serial = 0;
  #said = null; // the state that the page was told last
  #freshTimer = null;
  #wasFresh = false; // as the page was told last
  #horizon = null; // the newest cursor that the hub has spoken of in this session
  #settleTimer = null;
  #waiters = new Set(); // of `seen`

  principal = null;
  freshUntil = null;

  constructor({ url = globalThis.location?.origin, getToken, transport = "auto", shared = true }) {
    const base = new URL(url).href.replace(/\/+$/, "");
    this.#connection = new Connection({ base, getToken, transport, shared }, this.#clock, {
      state: () => this.#stated(),
      welcome: (frame) => this.#welcome(frame),
      frame: (frame) => this.#frame(frame),
      aged: () => this.#aged(),
      down: () => this.#down(),
      doubt: () => this.#each((collection) => void collection.doubt()),
      forget: () => this.#forget(),
      requests: () => [...this.#collections.values()].map((collection) => collection.request()),
    });
  }

  get state() {
    return this.#connection.state;
  }
  get via() {
    return this.#connection.via;
  }
  get retryAt() {
    return this.#connection.retryAt;
  }
  get stopped() {
    return this.#connection.stopped;
  }
  get fresh() {
    return this.freshUntil !== null && !this.#clock.isInDoubt && this.now() < this.freshUntil;
  }
  get offset() {
    return this.#clock.offset;
  }

  now() {
    return this.#clock.now();
  }

  on(name, fn) {
    return this.#listeners.on(name, fn);
  }

  connect() {
    this.#connection.start();
  }

  close() {
    this.#connection.stop();
  }

  signOut() {
    this.#connection.signOut();
    this.#forget();
  }

  watch(topic, filter = {}, start = {}) {
    const key = JSON.stringify([topic, canonical(filter)]);
    let collection = this.#byKey.get(key);
    const isNew = !collection;
    if (isNew) {
      collection = new Collection(String(++this.#serial), key, topic, structuredClone(filter));
      collection.begin(start);
      this.#byKey.set(key, collection);
      this.#collections.set(collection.id, collection);
    }
    const watch = new Watch(collection, (one) => this.#release(collection, one));
    collection.watches.add(watch);
    if (isNew) {
      if (this.state === "online") this.#connection.send(collection.request());
      this.#judge();
    }
    return watch;
  }

  seen(transaction, { timeout = SEEN_TIMEOUT } = {}) {
    // A write that changed nothing has no transaction.
    if (transaction === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = { xid: BigInt(transaction), resolve };
      waiter.timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new DOMException(`transaction ${transaction} was not seen in time`, "TimeoutError"));
      }, timeout);
      this.#waiters.add(waiter);
      this.#look();
    });
  }

  // ── what the connection tells ───────────────────────────────────────────────────────────────

  #welcome(frame) {
    if (this.principal && (this.principal.id !== frame.principal.id || this.principal.kind !== frame.principal.kind)) {
      this.#forget();
    }
    this.principal = frame.principal;
    this.#vouched(frame.fresh_until ? Date.parse(frame.fresh_until) : this.now() + frame.ping * 1000 + 8000);
    this.#each((collection) => void this.#connection.send(collection.request()));
    this.#listeners.emit("welcome", frame);
  }

  #frame(frame) {
    switch (frame.type) {
      case "change":
        if (!frame.more) this.#horizon = frame.cursor;
        this.#each((collection) => collection.change(frame));
        break;
      case "rows":
        this.#collections.get(frame.id)?.page(frame);
        return;
      case "live":
        this.#horizon = frame.cursor;
        this.#each((collection) => (collection.id === frame.id ? collection.live(frame) : null));
        break;
      case "reset":
        this.#each((collection) => (collection.id === frame.id ? collection.reset(frame) : null));
        break;
      case "resuming":
        this.#each((collection) => void (collection.id === frame.id && collection.detach()));
        return;
      case "ping":
        if (frame.fresh_until) this.#vouched(Date.parse(frame.fresh_until));
        this.#each((collection) => void collection.prove(frame.cursor));
        break;
      case "error":
        this.#fault(frame);
        break;
      case "bye":
        this.#listeners.emit("bye", frame);
        return;
    }
    this.#look();
  }

  #fault(frame) {
    const collection = this.#collections.get(frame.id);
    if (frame.id !== undefined && !collection) return; // of a watch that is closed
    const { code, message, temporary = false } = frame;
    if (code === "too_many_watches" && this.#connection.goAlone()) return;
    if (collection) {
      this.#each((one) => (one === collection ? one.fail(frame) : null));
      if (temporary) {
        const again = () => {
          if (collection.error?.temporary && this.#collections.has(collection.id)) {
            this.#connection.send(collection.request());
          }
        };
        setTimeout(again, 1000 + Math.random() * 4000);
      }
    }
    this.#listeners.emit("error", { code, message, temporary, topic: collection?.topic });
  }

  #down() {
    this.#horizon = null;
    clearTimeout(this.#settleTimer);
    this.#settleTimer = null;
    this.#each((collection) => void collection.detach());
  }

  #stated() {
    const { state, retryAt, stopped } = this.#connection;
    this.#judge();
    const said = JSON.stringify([state, retryAt, stopped]);
    if (said === this.#said) return;
    this.#said = said;
    this.#listeners.emit("state", state);
    if (state === "stopped") this.#listeners.emit("stopped", stopped);
  }

  #forget() {
    this.principal = null;
    this.freshUntil = null;
    this.#each((collection) => collection.forget());
  }

  // ── the collections ─────────────────────────────────────────────────────────────────────────

  #release(collection, watch) {
    collection.watches.delete(watch);
    if (collection.watches.size) return;
    this.#collections.delete(collection.id);
    this.#byKey.delete(collection.key);
    this.#connection.send({ type: "unwatch", id: collection.id });
    this.#look();
  }

  /** Do something to every collection; then, when all is done, tell of it. */
  #each(act) {
    const told = [];
    for (const collection of [...this.#collections.values()]) {
      const change = act(collection);
      if (change) told.push([collection, change]);
    }
    this.#judge();
    for (const [collection, change] of told) {
      for (const watch of [...collection.watches]) watch.changed(change);
    }
  }

  /** Each collection's status, as it is now. */
  #judge() {
    const became = [];
    for (const collection of this.#collections.values()) {
      const status = collection.judge(this.fresh);
      if (status === collection.status) continue;
      collection.status = status;
      became.push(collection);
    }
    for (const collection of became) {
      for (const watch of [...collection.watches]) watch.became(collection.status);
    }
  }

  /** The hub vouches for what we hold until then. */
  #vouched(until) {
    this.freshUntil = until;
    clearTimeout(this.#freshTimer);
    const left = until - this.now();
    if (left > 0) this.#freshTimer = setTimeout(() => this.#aged(), left + 20);
    this.#tellFresh();
  }

  /** Time has passed, perhaps more than a timer would know: is what was fresh still? */
  #aged() {
    if (this.freshUntil !== null && this.fresh !== this.#wasFresh) this.#tellFresh();
  }

  #tellFresh() {
    this.#wasFresh = this.fresh;
    this.#judge();
    this.#listeners.emit("fresh", { fresh: this.fresh, until: this.freshUntil });
  }

  // ── read your writes ────────────────────────────────────────────────────────────────────────

  #look() {
    if (!this.#waiters.size) return;
    for (const waiter of [...this.#waiters]) {
      if (this.#hasPassed(waiter.xid, false)) this.#resolve(waiter);
    }
    if (this.#waiters.size && this.#horizon && !this.#settleTimer) {
      const horizon = this.#horizon;
      this.#settleTimer = setTimeout(() => {
        this.#settleTimer = null;
        for (const waiter of [...this.#waiters]) {
          if (this.#hasPassed(waiter.xid, visible(waiter.xid, horizon))) this.#resolve(waiter);
        }
        if (this.#horizon !== horizon) this.#look();
      }, SETTLE);
    }
  }

  /** Whether every collection has passed it; `said`: what follows has, the hub having spoken of it. */
  #hasPassed(xid, said) {
    for (const { error, cursor, following } of this.#collections.values()) {
      if (error && !error.temporary) continue;
      if (!visible(xid, cursor) && !(said && following)) return false;
    }
    return true;
  }

  #resolve(waiter) {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve();
  }
}

/** The same for equal filters, in whatever order they were written. */
function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).filter(([, one]) => one !== undefined);
  return members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, canonical(one)]);
}
