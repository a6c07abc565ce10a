/**
 * StreamLine: the same frames over server-sent events, where a network lets no WebSocket through.
 *
 * A stream cannot be spoken to, so what is watched stands in its address: a new watch is a new
 * stream that resumes every other from its cursor. Invariants: the token never is in an address (a
 * ticket is: good once, for seconds); to its owner a line of many streams looks like one socket.
 */
import { MISCOUNT } from "./backoff.js";

const TYPES = ["welcome", "rows", "live", "change", "reset", "ping", "expiring", "bye", "error"];

export class StreamLine {
  #base;
  #token;
  #on;
  #source = null;
  #serial = 0; // of streams: an older one is not heard
  #watches = new Map(); // id → {message, cursor, view, live}
  #opened = false;
  #received = 0;
  #due = null;

  /** @param on {frame(frame), lost({code, reason, retryAfter, opened})} */
  constructor(base, token, on) {
    this.#base = base;
    this.#token = token;
    this.#on = on;
    this.#soon();
  }

  send(message) {
    if (message.type === "watch") {
      if (this.#watches.has(message.id)) return; // it was in the address
      this.#watches.set(message.id, { message, cursor: message.cursor ?? null, view: null, live: false });
      this.#soon();
    } else if (message.type === "unwatch") this.#watches.delete(message.id);
  }

  renew(token) {
    this.#token = token;
    this.#soon();
  }

  close() {
    this.#serial += 1;
    clearTimeout(this.#due);
    this.#source?.close();
    this.#source = this.#on = null;
  }

  /** What is asked for in one turn goes into one stream. */
  #soon() {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.#open(), 0);
  }

  async #open() {
    const serial = ++this.#serial;
    let answer;
    try {
      answer = await fetch(`${this.#base}/api/v1/tickets`, {
        method: "POST",
        headers: { Authorization: `Bearer ${this.#token}`, Accept: "application/json" },
        signal: AbortSignal.timeout?.(10_000),
      });
      if (serial !== this.#serial) return;
      if (!answer.ok) {
        this.#refused(answer);
        return;
      }
      const { ticket } = await answer.json();
      if (serial === this.#serial) this.#listen(serial, ticket);
    } catch (error) {
      if (serial === this.#serial) this.#lost(1006, error.message);
    }
  }

  #refused(answer) {
    const code = { 401: 4001, 403: 4003, 429: 4100, 503: 4100 }[answer.status] ?? 1006;
    const after = Number.parseFloat(answer.headers.get("Retry-After"));
    this.#lost(code, `the hub answered ${answer.status}`, Number.isNaN(after) ? undefined : after);
  }

  #listen(serial, ticket) {
    const query = new URLSearchParams({ ticket });
    const begun = [];
    for (const [id, watch] of this.#watches) {
      // A picture that is not whole begins anew.
      if (watch.begun && !watch.live && watch.cursor === null) begun.push(id);
      watch.begun = true;
      watch.live = false;
      const { topic, filter } = watch.message;
      const cursor = watch.cursor === null ? {} : { cursor: watch.cursor };
      query.append("watch", JSON.stringify({ id, topic, filter, ...cursor }));
    }
    this.#source?.close();
    this.#received = 0;
    /** When the hub was asked for its time, ms. */
    this.askedAt = Date.now();
    const source = (this.#source = new EventSource(`${this.#base}/api/v1/stream?${query}`));
    for (const id of begun) this.#on.frame({ type: "reset", id, reason: "reopened" });
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        if (serial !== this.#serial) return;
        if (event.data !== undefined) this.#frame(JSON.parse(event.data));
        else this.#lost(1006, "the stream ended"); // the browser's own `error`
      });
    }
  }

  #frame(frame) {
    if (frame.type === "welcome") {
      if (this.#opened) return; // of a later stream: to our owner it is the same session
      this.#opened = true;
    }
    this.#note(frame);
    if (frame.type === "ping" && frame.sent !== undefined && frame.sent !== this.#received) {
      console.warn(`hub: ${frame.sent} changes were sent, ${this.#received} arrived: resuming`);
      this.#lost(MISCOUNT, "changes were lost on the way");
      return;
    }
    if (frame.id !== undefined && !this.#watches.has(frame.id)) return;
    this.#on.frame(frame);
    if (frame.type === "bye") this.#lost(frame.code, frame.reason, frame.retry_after);
  }

  /** Where each watch stands, for the next stream. */
  #note(frame) {
    const own = this.#watches.get(frame.id);
    if (frame.type === "change") {
      this.#received += 1;
      for (const watch of this.#watches.values()) {
        if (frame.id === undefined && watch.live && watch.view === frame.view) watch.cursor = frame.cursor;
      }
    } else if (frame.type === "live" && own) {
      Object.assign(own, { view: frame.view, cursor: frame.cursor, live: true });
    } else if (frame.type === "reset" && own) {
      Object.assign(own, { cursor: null, live: false });
    } else if (frame.type === "error" && own) {
      this.#watches.delete(frame.id);
    } else if (frame.type === "ping" && frame.cursor) {
      for (const watch of this.#watches.values()) if (watch.live) watch.cursor = frame.cursor;
    }
  }

  #lost(code, reason, retryAfter) {
    const on = this.#on;
    if (!on) return;
    this.close();
    on.lost({ code, reason: reason ?? "", retryAfter, opened: this.#opened });
  }
}
