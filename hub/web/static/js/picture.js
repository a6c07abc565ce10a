/**
 * A topic's first picture by one REST read, kept up to date from that read's own cursor on.
 *
 * Invariant: `rows` are a whole picture or the beginning of one (`whole` says which); they are never
 * emptied to be filled again. Where the read fails, the watch brings the first picture itself.
 */
const LIMIT = 100;
const PATIENCE = 8_000; // ms for a page of it: a read that hangs is not waited for where a watch would bring it

/** The rows of days that were looked at, so that coming back shows them at once. */
const held = new Map();
const HELD = 20;

export class Picture {
  /**
   * `path` is the REST collection that shows the same rows as `topic` under the same `filter`.
   * `onchange(change)` is told of every change, and with null when there is something to draw anew.
   */
  constructor(ctx, { topic, path, filter, onchange }) {
    this._ctx = ctx;
    this._topic = topic;
    this._filter = filter;
    let said;
    this._onchange = (change) => {
      if (said !== (said = this.status)) ctx.link.render();
      onchange(change);
    };
    this._key = JSON.stringify([ctx.me.id ?? ctx.me.email, topic, filter]);
    this._closed = new AbortController();
    this.rows = new Map();
    this._hoped = new Map();
    this.whole = false;
    /** Why there is nothing to show: the hub's refusal, or null. */
    this.error = null;
    this.asked = performance.now();
    this._forgotten = ctx.link.rely(this);
    this._begin(path);
  }

  close() {
    this._closed.abort();
    this._forgotten();
    if (!this._watch) return;
    if (this.whole && this._watch.cursor) {
      held.delete(this._key);
      held.set(this._key, { rows: new Map(this._watch.rows), cursor: this._watch.cursor });
      if (held.size > HELD) held.delete(held.keys().next().value);
    }
    this._watch.close();
  }

  /** What the link may say of it; a watch of its own says the rest. */
  get status() {
    return this.error ? "failed" : this.whole ? "live" : this.rows.size ? "partial" : "loading";
  }

  /** The rows, and over them what is hoped to be so soon. */
  get shown() {
    return this._hoped.size === 0 ? this.rows : new Map([...this.rows, ...this._hoped]);
  }

  /** Show `row` in place of the one with that key until `null` takes it back. */
  hope(key, row) {
    if (row === null) this._hoped.delete(key);
    else this._hoped.set(key, row);
    this._onchange(null);
  }

  async _begin(path) {
    const kept = held.get(this._key);
    if (kept) {
      this._follow(kept);
      return;
    }
    try {
      await this._read(path);
    } catch (error) {
      if (this._closed.signal.aborted) return;
      if (error.status === 403 || error.status === 404 || error.status === 422) {
        this.error = error;
        this._onchange(null);
      } else this._follow({});
    }
  }

  /** Of several pages the first one's cursor counts: what changed since is told, and ends at the truth. */
  async _read(path) {
    const { signal } = this._closed;
    const patient = () => ({ signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) });
    const first = await this._ctx.api.get(path, { ...this._filter, limit: LIMIT }, patient());
    let page = first;
    for (;;) {
      for (const row of page.body.items) this.rows.set(row.id, row);
      this.whole = page.next === null;
      if (this.whole) break;
      this._onchange(null);
      page = await this._ctx.api.get(page.next, {}, patient());
    }
    if (!signal.aborted) this._follow({ rows: this.rows, cursor: first.cursor });
  }

  _follow({ rows, cursor }) {
    if (rows) this.rows = new Map(rows);
    this.whole = rows !== undefined;
    const watch = this._ctx.watch(this._topic, this._filter, cursor ? { rows: this.rows, cursor } : {});
    this._watch = watch;
    const take = () => {
      if (watch.status !== "live" && watch.status !== "stale") return;
      this.rows = watch.rows;
      this.whole = true;
    };
    watch.on("change", (change) => {
      take();
      this._onchange(change);
    });
    watch.on("status", () => {
      take();
      this.error = watch.status === "failed" ? watch.error : null;
      this._onchange(null);
    });
    this._onchange(null);
  }
}
