/**
 * Watch: one topic under one filter, as a live collection of rows.
 *
 * Invariants: `rows` is replaced only by a complete first picture and otherwise changed only by
 * whole frames; `cursor` always belongs to `rows`. While a picture is on its way the old rows stay.
 */

/** The members in which two rows differ. */
function differing(before, after) {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

/** An update: what a frame did. `upserts` by key: {row, before, changed, at}; `removes`: {row, at}. */
const nothing = () => ({ upserts: new Map(), removes: new Map() });

export class Watch {
  constructor(client, id, topic, filter, held) {
    this.client = client;
    this.id = id;
    this.topic = topic;
    this.filter = filter;
    /** Rows by key. */
    this.rows = held?.rows ?? new Map();
    /** Whether `rows` is a whole picture (perhaps an old one). */
    this.ready = held !== null;
    /** Whether `rows` follows the schedule at this moment. */
    this.following = false;
    /** The hub's refusal of this watch: {code, message}, or null. */
    this.error = null;
    this._cursor = held?.cursor ?? null;
    this._proven = this._cursor;
    this._view = null;
    this._incoming = null;
    this._missed = null;
  }

  /** Whether an answer is still awaited. */
  get pending() {
    return !this.following && this.error === null;
  }

  /** Stop watching; what is returned can be given to `client.watch` again. */
  close() {
    const held = this.ready && this._cursor ? { rows: this.rows, cursor: this._cursor } : null;
    this.client.unwatch(this);
    return held;
  }

  // ── called by HubClient ─────────────────────────────────────────────────────────────────────

  request() {
    this.detach();
    this.error = null;
    const message = { type: "watch", id: this.id, topic: this.topic, filter: this.filter };
    if (this._cursor) message.cursor = this._cursor;
    return message;
  }

  detach() {
    this.following = false;
    this._view = null;
    this._incoming = null;
    this._missed = null;
  }

  restart() {
    this.detach();
    this._cursor = this._proven = null;
    this._incoming = new Map();
  }

  page(frame) {
    this._incoming ??= new Map();
    for (const row of frame.rows) this._incoming.set(row.id, row);
  }

  live(frame) {
    const update = nothing();
    if (!frame.resumed) this._replace(this._incoming ?? new Map(), update);
    if (this._missed) this._apply(this._missed, update);
    this._incoming = this._missed = null;
    this._view = frame.view;
    this.following = true;
    this.ready = true;
    this._cursor = this._proven = frame.cursor;
    return update;
  }

  change(frame) {
    // What happened between a cursor (or a first picture) and `live` comes before `live`, to this id.
    if (frame.id === this.id && !this.following) this._missed = frame;
    if (!this.following || frame.view !== this._view || (frame.id ?? this.id) !== this.id) return null;
    const update = nothing();
    this._apply(frame, update);
    this._cursor = frame.cursor;
    return update;
  }

  /** A ping's cursor is good for every live watch, and all before it is proven to have arrived. */
  prove(cursor) {
    if (this.following && cursor) this._cursor = this._proven = cursor;
  }

  /** Frames were lost somewhere after the last proof: resume from there. */
  doubt() {
    this._cursor = this._proven;
  }

  fail(frame) {
    this.detach();
    if (!frame.temporary) {
      // What one may not watch any more, one may not go on looking at.
      this.rows = new Map();
      this._cursor = this._proven = null;
    }
    this.error = { code: frame.code, message: frame.message, temporary: frame.temporary === true };
  }

  _replace(rows, update) {
    if (this.ready) {
      for (const [key, row] of rows) {
        const before = this.rows.get(key);
        const changed = before ? differing(before, row) : [];
        if (!before || changed.length) update.upserts.set(key, { row, before, changed, at: null });
      }
      for (const [key, row] of this.rows) if (!rows.has(key)) update.removes.set(key, { row, at: null });
    }
    this.rows = rows;
  }

  _apply(frame, update) {
    for (const transaction of frame.transactions) {
      for (const item of transaction.items) {
        const before = this.rows.get(item.key);
        if (item.op === "remove") {
          this.rows.delete(item.key);
          update.upserts.delete(item.key);
          if (before) update.removes.set(item.key, { row: before, at: transaction.at });
        } else {
          this.rows.set(item.key, item.row);
          update.removes.delete(item.key);
          // Against the row as it was before this frame, so that a replay shows nothing twice.
          const first = update.upserts.get(item.key)?.before ?? before;
          const changed = first ? differing(first, item.row) : [];
          const shown = { row: item.row, before: first, changed, at: transaction.at };
          if (!first || changed.length) update.upserts.set(item.key, shown);
          else update.upserts.delete(item.key);
        }
      }
    }
  }
}
