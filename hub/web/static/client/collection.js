/**
 * Collection: one topic under one filter, as rows that follow the schedule.
 *
 * Speaks to nobody: it is given frames and says what they meant. Invariants: `rows` is replaced only
 * by a complete picture and otherwise changed only by whole frames; `cursor` always belongs to
 * `rows`; while a picture is on its way the old rows stay.
 */

/** The change that says "look at `rows`". */
const RESET = Object.freeze({ reset: true, transactions: Object.freeze([]) });

export class Collection {
  constructor(id, key, topic, filter) {
    this.id = id;
    this.key = key;
    this.topic = topic;
    this.filter = filter;
    this.rows = new Map();
    this.cursor = null;
    this.error = null;
    this.status = "loading";
    /** The Watch objects of the page that show it. */
    this.watches = new Set();
    /** Whether frames of `live`'s view are ours from here on. */
    this.following = false;
    /** Whether `rows` is a whole picture, perhaps an old one. */
    this.whole = false;
    this._proven = null; // the last cursor up to which the hub's count of frames was ours
    this._view = null;
    this._picture = null; // rows of a picture that is not whole yet
    this._missed = []; // what changed since that picture was read
    this._pages = []; // transactions of a catch-up that is not whole yet
    this._doubted = false;
  }

  /** Begin with what a REST read gave: its rows, its `Hub-Cursor`. */
  begin({ cursor = null, rows = null }) {
    for (const row of rows?.values() ?? []) this.rows.set(row.id, row);
    this.cursor = this._proven = cursor;
    this.whole = cursor !== null;
  }

  /** The message that asks the hub for it. */
  request() {
    this.detach();
    this.error = null;
    if (this.cursor === null) this._picture = new Map();
    const message = { type: "watch", id: this.id, topic: this.topic, filter: this.filter };
    return this.cursor === null ? message : { ...message, cursor: this.cursor };
  }

  /** The connection is gone: nothing more comes until the next request. */
  detach() {
    this.following = false;
    this._view = this._picture = null;
    this._missed = [];
    this._pages = [];
  }

  /** The rows are another person's, or nobody's: they go at once. */
  forget() {
    const held = this.rows.size > 0;
    this.detach();
    this.rows.clear();
    this.cursor = this._proven = null;
    this.whole = false;
    return held ? RESET : null;
  }

  /** Frames were lost somewhere after the last proof: resume from there. */
  doubt() {
    this.cursor = this._proven;
    this._doubted = true;
  }

  // Frames. What they meant is a change, or null.

  reset(frame) {
    // Other rights: what one may no longer see is not left standing until the new picture is there.
    const gone = frame.reason === "rights" ? this.forget() : null;
    this.detach();
    this.cursor = this._proven = null;
    this._picture = new Map();
    return gone;
  }

  page(frame) {
    for (const row of frame.rows) this._picture?.set(row.id, row);
  }

  live(frame) {
    let change = null;
    if (!frame.resumed && this._picture) {
      this.rows.clear();
      for (const [key, row] of this._picture) this.rows.set(key, row);
      for (const missed of this._missed) this._apply(missed.transactions);
      change = RESET;
    }
    this.detach();
    this._view = frame.view;
    this.following = this.whole = true;
    this._doubted = false;
    this.cursor = this._proven = frame.cursor;
    return change;
  }

  change(frame) {
    if (frame.id === undefined ? !this.following || frame.view !== this._view : frame.id !== this.id) {
      return null;
    }
    if (this._picture) {
      this._missed.push(frame);
      return null;
    }
    // Until its last page a catch-up has no cursor: cut there, it would be told once more.
    const all = this._pages.concat(frame.transactions);
    this._pages = frame.more ? all : [];
    if (frame.more) return null;
    const transactions = this._doubted ? this._news(all) : all;
    this._apply(transactions);
    this.cursor = frame.cursor;
    return transactions.length ? { reset: false, transactions } : null;
  }

  /** A ping's cursor is good for every live watch, and all before it is proven to have arrived. */
  prove(cursor) {
    if (this.following && cursor) this.cursor = this._proven = cursor;
  }

  fail(frame) {
    this.error = { code: frame.code, message: frame.message, temporary: frame.temporary === true };
    this.detach();
    return this.error.temporary ? null : this.forget();
  }

  /** What it may be called now. */
  judge(fresh) {
    if (this.error && !this.error.temporary) return "failed";
    if (this._picture || !this.whole) return "loading";
    return this.following && fresh ? "live" : "stale";
  }

  _apply(transactions) {
    for (const { items } of transactions) {
      for (const item of items) {
        if (item.op === "remove") this.rows.delete(item.key);
        else this.rows.set(item.key, item.row);
      }
    }
  }

  /** Without what the rows show already: told once, it is not told again. */
  _news(transactions) {
    const after = new Map();
    const is = (key) => (after.has(key) ? after.get(key) : this.rows.get(key));
    const news = [];
    for (const transaction of transactions) {
      const items = transaction.items.filter((item) => {
        const row = item.op === "remove" ? undefined : item.row;
        if (JSON.stringify(is(item.key)) === JSON.stringify(row)) return false;
        after.set(item.key, row);
        return true;
      });
      if (items.length) news.push({ ...transaction, items });
    }
    return news;
  }
}
