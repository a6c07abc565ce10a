/**
 * StreamLine: the same frames over server-sent events, where a network lets no WebSocket through.
 *
 * A stream cannot be spoken to, so what is watched stands in its address: a new watch is a new
 * stream, which resumes every other watch from its cursor (a frame of our own, `resuming`, says so).
 * Read with `fetch`, not `EventSource`: that one can send no header and tells neither status nor
 * Retry-After. Invariants: the token is in a header, never in an address; to its owner a line of
 * many streams is one session.
 */
import { MISCOUNT } from "./backoff.js";

/** What is watched while nothing is: a stream must ask for something. */
const NOBODY = { id: "-", filter: { from: "9998-01-01T00:00:00Z" } };

export class StreamLine {
  #base;
  #token;
  #on;
  #abort = new AbortController(); // of the stream that is heard; every other is given up
  #watches = new Map(); // id → {topic, filter, cursor, view, live, begun}
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
      if (this.#watches.has(message.id)) return; // it is in the address
      const { id, topic, filter, cursor = null } = message;
      this.#watches.set(id, { topic, filter, cursor, view: null, live: false, begun: false });
      this.#soon();
    } else if (message.type === "unwatch") this.#watches.delete(message.id);
  }

  renew(token) {
    this.#token = token;
    this.#soon();
  }

  close() {
    clearTimeout(this.#due);
    this.#on = null;
    this.#abort.abort();
  }

  /** What is asked for in one turn goes into one stream. */
  #soon() {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.#open(), 0);
  }

  async #open() {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      /** When the hub was asked for its time, by `performance.now()`. */
      this.askedAt = performance.now();
      const answer = await this.#fetch("GET", this.#asked(), signal);
      if (signal.aborted) return;
      if (!answer.ok) {
        await this.#refused(answer, signal);
        return;
      }
      this.#received = 0;
      for await (const frame of frames(answer.body)) {
        if (signal.aborted) return;
        this.#frame(frame);
      }
      if (!signal.aborted) this.#lost(1006, "the stream ended");
    } catch (error) {
      if (!signal.aborted) this.#lost(1006, error.message);
    }
  }

  #fetch(method, watches, signal) {
    const query = new URLSearchParams(watches.map((watch) => ["watch", JSON.stringify(watch)]));
    return fetch(`${this.#base}/api/v1/stream?${query}`, {
      method,
      headers: { Authorization: `Bearer ${this.#token}`, Accept: "text/event-stream" },
      cache: "no-store",
      signal,
    });
  }

  #asked() {
    const asked = [];
    for (const [id, watch] of this.#watches) {
      // A picture that was not whole begins anew; what was live is not, until it is said again.
      if (watch.begun && watch.cursor === null) this.#on.frame({ type: "reset", id, reason: "reopened" });
      else if (watch.begun) this.#on.frame({ type: "resuming", id });
      watch.begun = true;
      watch.live = false;
      const { topic, filter, cursor } = watch;
      asked.push(cursor === null ? { id, topic, filter } : { id, topic, filter, cursor });
    }
    const topic = this.#token.startsWith("hubd_") ? "board" : "bookings";
    return asked.length ? asked : [{ ...NOBODY, topic }];
  }

  /** One watch that is refused has the whole stream refused: find it, and go on without. */
  async #refused(answer, signal) {
    const { status } = answer;
    if (status === 403 || status === 422) {
      const left = this.#watches.size;
      for (const [id, { topic, filter }] of [...this.#watches]) {
        const one = await this.#fetch("HEAD", [{ id, topic, filter }], signal);
        if (signal.aborted) return;
        if (one.ok) continue;
        const code = one.status === 403 ? "forbidden" : "bad_filter";
        this.#watches.delete(id);
        this.#on.frame({ type: "error", id, code, message: `the hub answered ${one.status}`, temporary: false });
      }
      // All of them: it is not about what is watched. None: it was about them together.
      if (this.#watches.size && this.#watches.size < left) {
        this.#soon();
        return;
      }
    }
    const code = { 401: 4001, 403: 4003, 429: 4103, 503: 4100 }[status] ?? 1006;
    const after = Number.parseFloat(answer.headers.get("Retry-After"));
    this.#lost(code, `the hub answered ${status}`, Number.isNaN(after) ? undefined : after);
  }

  #frame(frame) {
    const own = this.#watches.get(frame.id);
    if (frame.id !== undefined && !own) return; // of a watch that was given up
    this.#note(frame, own);
    if (frame.type === "welcome") {
      if (this.#opened) return; // of a later stream: to our owner it is the same session
      this.#opened = true;
    } else if (frame.type === "bye" && !this.#watches.size) {
      this.#soon(); // nothing left to watch ends the stream, not the line
      return;
    } else if (frame.type === "ping" && frame.sent !== this.#received) {
      console.warn(`hub: ${frame.sent} changes were sent, ${this.#received} arrived: resuming`);
      this.#lost(MISCOUNT, "changes were lost on the way");
      return;
    }
    this.#on.frame(frame);
    if (frame.type === "bye") this.#lost(frame.code, frame.reason, frame.retry_after);
  }

  /** Where each watch stands, for the next stream. */
  #note(frame, own) {
    if (frame.type === "change") {
      this.#received += 1;
      const concerned = ({ view, live }) => frame.id === undefined && live && view === frame.view;
      for (const watch of this.#watches.values()) if (concerned(watch)) watch.cursor = frame.cursor;
    } else if (frame.type === "live") {
      Object.assign(own, { view: frame.view, cursor: frame.cursor, live: true });
    } else if (frame.type === "reset") {
      Object.assign(own, { cursor: null, live: false });
    } else if (frame.type === "error" && own) {
      this.#watches.delete(frame.id);
    } else if (frame.type === "ping") {
      for (const watch of this.#watches.values()) if (watch.live) watch.cursor = frame.cursor;
    }
  }

  #lost(code, reason = "", retryAfter = undefined) {
    const on = this.#on;
    if (!on) return;
    this.close();
    on.lost({ code, reason, retryAfter, opened: this.#opened });
  }
}

/** The frames of an event stream (HTML standard, 9.2.6): one `data` each. */
async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split(/\r?\n\r?\n/);
    text = blocks.pop();
    for (const block of blocks) {
      const data = /^data: ?(.*)$/m.exec(block);
      if (data) yield JSON.parse(data[1]);
    }
  }
}
