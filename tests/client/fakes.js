/**
 * A world for the client: its clock, its dice, its network, its locks and channels, and its page.
 *
 * Everything that `hub.js` reaches for by a global name is put there by `world()`; nothing of the
 * client itself is replaced. Time moves only by `pass()`.
 */
import { createHash, randomUUID } from "node:crypto";

const real = { setImmediate, Date, setTimeout, clearTimeout };

/** Let everything that can run, run; fakes deliver by real turns of the loop. */
export async function turn() {
  for (let i = 0; i < 30; i++) await new Promise((done) => real.setImmediate(done));
}

export class Clock {
  /** The machine's clock, which may be set; `mono` is the time that passes, which may stand still in a sleep. */
  now = Date.parse("2030-01-31T15:00:00.000Z");
  mono = 1_000;
  timers = new Map();
  serial = 0;

  install() {
    globalThis.setTimeout = (fn, ms = 0) => {
      const id = ++this.serial;
      this.timers.set(id, { at: this.mono + Math.max(0, ms), fn });
      return id;
    };
    globalThis.clearTimeout = (id) => void this.timers.delete(id);
    Date.now = () => this.now;
    performance.now = () => this.mono;
  }

  async pass(ms) {
    const end = this.mono + ms;
    await turn();
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.#to(Math.max(this.mono, due[1].at));
      due[1].fn();
      await turn();
    }
    this.#to(end);
    await turn();
  }

  #to(mono) {
    this.now += mono - this.mono;
    this.mono = mono;
  }
}

/** One end of a WebSocket; the test plays the hub. */
export class FakeSocket {
  static all = [];
  readyState = 0;
  said = [];

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    FakeSocket.all.push(this);
  }
  send(text) {
    if (this.readyState !== 1) throw new Error("not open");
    this.said.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
    this.closed = true;
  }

  // As the hub:
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  tell(...frames) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
  heard(type) {
    return this.said.filter((message) => message.type === type);
  }
}

/** `navigator.locks` of one browser: exclusive locks, queues, `ifAvailable`, `steal`, `signal`. */
export class FakeLocks {
  onsteal = null;
  #held = new Map();
  #queues = new Map();

  request(name, options, fn) {
    return new Promise((resolve, reject) => {
      const wanted = { fn, resolve, reject };
      options.signal?.addEventListener("abort", () => {
        const queue = this.#queues.get(name) ?? [];
        if (queue.includes(wanted)) {
          queue.splice(queue.indexOf(wanted), 1);
          reject(new DOMException("given up", "AbortError"));
        }
      });
      if (options.signal?.aborted) reject(new DOMException("given up", "AbortError"));
      else if (options.steal) {
        this.onsteal?.();
        this.#held.get(name)?.reject(new DOMException("stolen", "AbortError"));
        this.#grant(name, wanted);
      } else if (!this.#held.has(name)) this.#grant(name, wanted);
      else if (options.ifAvailable) real.setImmediate(() => Promise.resolve(fn(null)).then(resolve, reject));
      else this.#queues.set(name, [...(this.#queues.get(name) ?? []), wanted]);
    });
  }

  #grant(name, wanted) {
    this.#held.set(name, wanted);
    real.setImmediate(async () => {
      try {
        wanted.resolve(await wanted.fn({ name }));
      } catch (error) {
        wanted.reject(error);
      }
      if (this.#held.get(name) !== wanted) return;
      this.#held.delete(name);
      const next = this.#queues.get(name)?.shift();
      if (next) this.#grant(name, next);
    });
  }

  /** The tab that holds it has died. */
  break(name) {
    const held = this.#held.get(name);
    this.#held.delete(name);
    const next = this.#queues.get(name)?.shift();
    if (next) this.#grant(name, next);
    return held;
  }
  get names() {
    return [...this.#held.keys()];
  }
}

export class FakeChannel {
  static all = new Set();
  #open = true;
  onmessage = null;

  constructor(name) {
    this.name = name;
    FakeChannel.all.add(this);
  }
  postMessage(message) {
    if (!this.#open) throw new DOMException("closed", "InvalidStateError");
    if (this.mute) return;
    const data = structuredClone(message);
    for (const other of FakeChannel.all) {
      if (other === this || other.name !== this.name) continue;
      real.setImmediate(() => other.mute || other.onmessage?.({ data }));
    }
  }
  close() {
    this.#open = false;
    FakeChannel.all.delete(this);
  }
}

/** A browser, with one window that all its tabs hear. */
export function world({ sharing = false, onLine = true } = {}) {
  const clock = new Clock();
  const events = new EventTarget();
  const page = new EventTarget();
  const locks = new FakeLocks();
  FakeSocket.all = [];
  FakeChannel.all.clear();
  clock.install();
  Math.random = () => 0.5;
  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define("navigator", { onLine, ...(sharing ? { locks } : {}) });
  define("location", { origin: "https://hub.example" });
  define("WebSocket", FakeSocket);
  define("BroadcastChannel", FakeChannel);
  // The platform's own, in this thread: a pool's answer comes in no time that a test could name.
  const digest = async (_, bytes) => createHash("sha256").update(bytes).digest().buffer;
  define("crypto", { subtle: { digest }, randomUUID });
  define("document", page);
  page.visibilityState = "visible";
  globalThis.addEventListener = events.addEventListener.bind(events);
  globalThis.removeEventListener = events.removeEventListener.bind(events);
  return {
    clock,
    locks,
    page,
    window: (name) => events.dispatchEvent(new Event(name)),
    sockets: FakeSocket.all,
    get socket() {
      return FakeSocket.all.at(-1);
    },
  };
}

export const WELCOME = {
  type: "welcome",
  session: "1",
  node: "n",
  time: "2030-01-31T15:00:00.000Z",
  fresh_until: "2030-01-31T15:00:33.000Z",
  ping: 25,
  expires: null,
  principal: { kind: "user", id: "u1", role: "ADMIN", name: "Ada A" },
};

/** A cursor that has seen every transaction below `n`. */
export const cursor = (n) => `e1.${n}:${n}:`;

export const row = (id, more = {}) => ({ id, status: "CONFIRMED", ...more });

export const upsert = (id, more = {}, changed) => ({ op: "upsert", key: id, row: row(id, more), ...(changed && { changed }) });

export const change = (view, tx, items, more = {}) => ({
  type: "change",
  view,
  cursor: cursor(Number(tx) + 1),
  transactions: [{ tx: String(tx), at: "2030-01-31T15:00:00Z", items }],
  ...more,
});

/** Open, hello, welcome. */
export async function greet(socket, welcome = {}) {
  socket.open();
  socket.tell({ ...WELCOME, ...welcome });
  await turn();
}

/** Answer a watch with a whole picture. */
export function picture(socket, id, rows, { view = `v${id}`, at = 100 } = {}) {
  socket.tell(
    { type: "rows", id, rows, more: false },
    { type: "live", id, view, cursor: cursor(at), resumed: false },
  );
}
