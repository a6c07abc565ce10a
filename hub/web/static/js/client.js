/**
 * HubClient: one socket to the hub, speaking `hub.v1`, kept alive for as long as the page is.
 *
 * Knows nothing of the page. Invariants: rows change only by whole frames; a cursor is taken over
 * only with the rows it belongs to; what the client cannot prove to have received is asked for again.
 */
import { delay, verdict } from "./backoff.js";
import { Watch } from "./watch.js";

const CONNECT_TIMEOUT = 12_000;
const GRACE = 8_000; // beyond the ping interval, before silence means a dead socket
const SETTLED = 10_000; // a connection this old was a good one: the back-off starts anew
const MISCOUNT = 4299; // our own verdict: frames were lost, reconnect now

/** Thrown by `getToken` when only the person can help: no retry will. */
export class SignInNeeded extends Error {}

/**
 * Events, each by `on(name, fn)`, which returns its own undo:
 * `state` (State) · `update` ([{watch, update}]: once per frame, after all of it is applied) ·
 * `welcome` (the server's frame) · `fault` ({code, message}).
 *
 * State: `{phase, attempt, retryAt, code, reason}`; phase is `idle`, `connecting`, `catching-up`,
 * `live`, `waiting` (until `retryAt`, in milliseconds of this machine's clock) or `stopped`.
 */
export class HubClient {
  /** @param {{url: string, getToken: (o: {renew: boolean}) => Promise<string>}} options */
  constructor({ url, getToken, WebSocket = globalThis.WebSocket, random = Math.random }) {
    this.url = url;
    this.state = Object.freeze({ phase: "idle", attempt: 0, retryAt: null, code: null, reason: "" });
    this.offset = 0; // server clock minus this machine's, ms
    this.heardAt = null; // when the hub last spoke, ms of the server's clock
    this.freshUntil = null; // until when what we hold may be called current, ms of the server's clock
    this.principal = null;
    this.watches = new Map();
    this._getToken = getToken;
    this._WebSocket = WebSocket;
    this._random = random;
    this._listeners = new Map();
    this._socket = null;
    this._turn = 0; // every connection attempt has its number: an old one's late events are not ours
    this._serial = 0;
    this._timers = {};
    this._wasOffline = false;
    this._wake = this._wake.bind(this);
  }

  /** The time now by the server's clock, in milliseconds. */
  now() {
    return Date.now() + this.offset;
  }

  /** Whether what is shown may be called current. */
  get fresh() {
    return this.freshUntil !== null && this.now() <= this.freshUntil;
  }

  on(name, fn) {
    const set = this._listeners.get(name) ?? new Set();
    this._listeners.set(name, set.add(fn));
    return () => set.delete(fn);
  }

  connect() {
    for (const name of ["online", "offline", "pageshow"]) globalThis.addEventListener?.(name, this._wake);
    globalThis.document?.addEventListener("visibilitychange", this._wake);
    this._attempt();
  }

  /** Retry at once, whatever the wait: a person asked. */
  retry() {
    if (["waiting", "stopped", "idle"].includes(this.state.phase)) this._attempt();
  }

  close() {
    for (const name of ["online", "offline", "pageshow"]) globalThis.removeEventListener?.(name, this._wake);
    globalThis.document?.removeEventListener("visibilitychange", this._wake);
    this._drop();
    this._set({ phase: "idle", attempt: 0 });
  }

  /**
   * Watch a topic. `held` ({rows, cursor}, from an earlier `watch.close()`) is shown at once and
   * brought up to date by what changed since.
   */
  watch(topic, filter = {}, held = null) {
    const watch = new Watch(this, String(++this._serial), topic, filter, held);
    this.watches.set(watch.id, watch);
    if (this._greeted) this._request(watch);
    return watch;
  }

  /** Called by Watch. */
  unwatch(watch) {
    if (this.watches.delete(watch.id) && this._greeted) this._send({ type: "unwatch", id: watch.id });
    this._settle();
  }

  // ── one connection ──────────────────────────────────────────────────────────────────────────

  async _attempt() {
    this._drop();
    const turn = this._turn;
    this._set({ ...this.state, phase: "connecting", retryAt: null });
    this._timers.connect = setTimeout(() => this._lost(1006, "No answer"), CONNECT_TIMEOUT);
    let token;
    try {
      token = await this._getToken({ renew: false });
    } catch (error) {
      if (turn !== this._turn) return;
      if (error instanceof SignInNeeded) this._lost(4001, error.message);
      else this._lost(1006, "The hub cannot be reached");
      return;
    }
    if (turn !== this._turn) return;
    const socket = new this._WebSocket(this.url, "hub.v1");
    this._socket = socket;
    this._received = 0;
    socket.onopen = () => {
      this._helloAt = Date.now();
      this._send({ type: "hello", token });
    };
    socket.onmessage = (event) => {
      if (turn === this._turn) this._frame(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (turn !== this._turn) return;
      this._lost(event.code, event.reason);
    };
  }

  _frame(frame) {
    this.heardAt = this.now();
    switch (frame.type) {
      case "welcome":
        return this._welcome(frame);
      case "rows":
        return this.watches.get(frame.id)?.page(frame);
      case "live":
        return this._live(frame);
      case "change":
        return this._change(frame);
      case "reset":
        return this.watches.get(frame.id)?.restart();
      case "ping":
        return this._ping(frame);
      case "expiring":
        return this._renew();
      case "bye":
        return this._lost(frame.code, frame.reason, frame.retry_after);
      case "error":
        return this._error(frame);
    }
  }

  _welcome(frame) {
    clearTimeout(this._timers.connect);
    const received = Date.now();
    this.offset = Date.parse(frame.time) - (this._helloAt + received) / 2;
    this.heardAt = this.now();
    this._silence = frame.ping * 1000 + GRACE;
    this.freshUntil = this.now() + this._silence;
    this.principal = frame.principal;
    this._greeted = true;
    this._timers.settled = setTimeout(() => this._set({ ...this.state, attempt: 0 }), SETTLED);
    this._listen();
    this._emit("welcome", frame);
    this._set({ phase: "catching-up", attempt: this.state.attempt });
    for (const watch of this.watches.values()) this._request(watch);
    this._settle();
  }

  _request(watch) {
    this._send(watch.request());
  }

  _live(frame) {
    const watch = this.watches.get(frame.id);
    const update = watch?.live(frame);
    if (update) this._emit("update", [{ watch, update }]);
    this._settle();
  }

  _change(frame) {
    this._received += 1;
    const updates = [];
    for (const watch of this.watches.values()) {
      const update = watch.change(frame);
      if (update) updates.push({ watch, update });
    }
    if (updates.length) this._emit("update", updates);
  }

  _ping(frame) {
    this._send({ type: "pong" });
    if (frame.fresh_until) this.freshUntil = Date.parse(frame.fresh_until);
    if (frame.sent !== this._received) {
      console.warn(`hub: ${frame.sent} change frames were sent, ${this._received} arrived: resuming`);
      this._lost(MISCOUNT, "Changes were lost on the way");
      return;
    }
    for (const watch of this.watches.values()) watch.prove(frame.cursor);
    this._emit("state", this.state);
  }

  async _renew() {
    const turn = this._turn;
    try {
      const token = await this._getToken({ renew: true });
      if (turn === this._turn) this._send({ type: "auth", token });
    } catch {
      // The hub will close with 4203 and the reconnection asks for a token in its own time.
    }
  }

  _error(frame) {
    const watch = frame.id === undefined ? undefined : this.watches.get(frame.id);
    if (watch) {
      watch.fail(frame);
      this._emit("update", []);
      if (frame.temporary) {
        const turn = this._turn;
        const again = () => turn === this._turn && this.watches.has(watch.id) && this._request(watch);
        setTimeout(again, 1000 + this._random() * 4000);
      }
    }
    this._emit("fault", frame);
    this._settle();
  }

  /** Live once no watch is waiting for its rows. */
  _settle() {
    if (this.state.phase !== "catching-up") return;
    for (const watch of this.watches.values()) if (watch.pending) return;
    this._set({ phase: "live", attempt: this.state.attempt });
  }

  // ── losing it, and coming back ──────────────────────────────────────────────────────────────

  _lost(code, reason = "", retryAfter = null) {
    const failures = this.state.attempt;
    if (code === MISCOUNT) for (const watch of this.watches.values()) watch.doubt();
    this._drop();
    const what = verdict(code);
    if (what === "stop") {
      this._set({ phase: "stopped", attempt: 0, code, reason });
      return;
    }
    const wait = delay(what, failures, retryAfter, this._random);
    // A wait that the hub asked for is kept, whatever wakes the page.
    this._kept = what === "back off" || (retryAfter ?? 0) > 0;
    this._set({ phase: "waiting", attempt: failures + 1, retryAt: Date.now() + wait, code, reason });
    this._timers.retry = setTimeout(() => this._attempt(), wait);
  }

  _drop() {
    this._turn += 1;
    this._greeted = false;
    for (const name in this._timers) clearTimeout(this._timers[name]);
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const watch of this.watches.values()) watch.detach();
  }

  /** Silence beyond a ping and its grace is a dead socket, whatever the browser believes. */
  _listen() {
    clearTimeout(this._timers.silence);
    const left = this.heardAt + this._silence - this.now();
    if (left <= 0) this._lost(1006, "The hub fell silent");
    else this._timers.silence = setTimeout(() => this._listen(), left + 50);
  }

  _wake(event) {
    if (event.type === "offline") {
      this._wasOffline = true;
      this._emit("state", this.state);
      return;
    }
    if (event.type === "visibilitychange" && document.visibilityState !== "visible") return;
    if (this.state.phase === "waiting" && !this._kept) this._attempt();
    else if (this._greeted) {
      // Coming back on another network leaves the old socket open and dead; resuming is cheap.
      if (event.type === "online" && this._wasOffline) this._lost(MISCOUNT - 1, "The network came back");
      else this._listen();
    }
    if (event.type === "online") this._wasOffline = false;
  }

  _send(message) {
    if (this._socket?.readyState === 1) this._socket.send(JSON.stringify(message));
  }

  _set(state) {
    this.state = Object.freeze({ retryAt: null, code: null, reason: "", ...state });
    this._emit("state", this.state);
  }

  _emit(name, value) {
    for (const fn of this._listeners.get(name) ?? []) fn(value);
  }
}
