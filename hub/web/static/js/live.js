/**
 * A thin seam over the first edition's client, in the shape of `/client/hub.js`, until that is there.
 */
import { HubClient as First } from "./client.js";

class Watch {
  constructor(client, topic, filter, held) {
    this._client = client;
    this._listeners = { change: new Set(), status: new Set() };
    this.inner = client.first.watch(topic, filter, held.rows ? { rows: held.rows, cursor: held.cursor } : null);
    this.ready = new Promise((resolve) => (this._resolve = resolve));
    if (held.rows) this._resolve(this);
  }
  get rows() {
    return this.inner.rows;
  }
  get cursor() {
    return this.inner._cursor;
  }
  get error() {
    return this.inner.error;
  }
  get status() {
    if (this.inner.error) return "failed";
    if (this.inner.following) return "live";
    return this.inner.ready ? "stale" : "loading";
  }
  on(name, fn) {
    this._listeners[name].add(fn);
    return () => this._listeners[name].delete(fn);
  }
  close() {
    this._client.watches.delete(this);
    this.inner.close();
  }
  tell(name, value) {
    for (const fn of this._listeners[name]) fn(value);
  }
}

export class HubClient {
  constructor({ getToken }) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.watches = new Set();
    this._listeners = new Map();
    this._seen = new Set();
    this.first = new First({
      url: `${scheme}://${location.host}/api/v1/ws`,
      getToken: ({ renew }) => getToken(renew ? "expiring" : "connect"),
    });
    const was = this.first._change;
    this.first._change = (frame) => {
      for (const { tx } of frame.transactions) this._seen.add(tx);
      was.call(this.first, frame);
    };
    this.first.on("state", () => {
      this._emit("state", this.state);
      for (const watch of this.watches) {
        if (watch.status === "live") watch._resolve(watch);
        watch.tell("status", watch.status);
      }
    });
    this.first.on("welcome", (frame) => this._emit("welcome", frame));
    this.first.on("update", (updates) => {
      for (const { watch, update } of updates) {
        const outer = [...this.watches].find((one) => one.inner === watch);
        if (!outer) continue;
        outer._resolve(outer);
        const items = [
          ...[...update.upserts].map(([key, { row, changed }]) => ({ op: "upsert", key, row, changed })),
          ...[...update.removes].map(([key]) => ({ op: "remove", key })),
        ];
        outer.tell("status", outer.status);
        outer.tell("change", { reset: false, transactions: [{ tx: "", at: "", items }] });
      }
    });
  }
  get state() {
    const { phase } = this.first.state;
    return phase === "live" || phase === "catching-up" ? "online" : phase;
  }
  get principal() {
    return this.first.principal;
  }
  get retryAt() {
    return this.first.state.retryAt;
  }
  get stopped() {
    const { phase, code, reason } = this.first.state;
    return phase === "stopped" ? { code, reason } : null;
  }
  get freshUntil() {
    return this.first.freshUntil;
  }
  get offset() {
    return this.first.offset;
  }
  now() {
    return this.first.now();
  }
  connect() {
    if (this.first.state.phase === "idle") this.first.connect();
    else this.first.retry();
  }
  close() {
    this.first.close();
  }
  on(name, fn) {
    const set = this._listeners.get(name) ?? new Set();
    this._listeners.set(name, set.add(fn));
    return () => set.delete(fn);
  }
  _emit(name, value) {
    for (const fn of this._listeners.get(name) ?? []) fn(value);
  }
  watch(topic, filter = {}, held = {}) {
    const watch = new Watch(this, topic, filter, held);
    this.watches.add(watch);
    return watch;
  }
  async seen(transaction, { timeout = 10_000 } = {}) {
    const end = Date.now() + timeout;
    while (!this._seen.has(String(transaction))) {
      if (Date.now() > end) throw new Error("not seen");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
