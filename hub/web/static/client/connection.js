/**
 * Connection: keeps this page connected, for as long as it is.
 *
 * Fetches a token, opens a line (or joins the tab that has one), watches for silence, and comes
 * back. Knows nothing of rows. Invariants: at most one attempt is under way, and what an older one
 * still says is not heard (`#turn`); a wait that the hub asked for is kept, whatever wakes the page;
 * a line that may have been slept through is replaced. Silence is measured by `performance.now()`.
 */
import { HANDOVER, MISCOUNT, MOVED, delay, verdict } from "./backoff.js";
import { SocketLine } from "./socket.js";
import { StreamLine } from "./stream.js";
import { Tabs, canShare, subject } from "./tabs.js";

const PATIENCE = 12_000; // for a token and a welcome
const GRACE = 8_000; // beyond the ping interval, before silence means a dead line
const SETTLED = 10_000; // a connection this old was a good one: back-off starts anew
const LOOK = 1_000; // how often it looks whether the machine slept or its clock was set
const BEAT = 15_000; // how often a tab asks for the leader while no pings come
const REFUSALS = 2; // WebSockets that never opened before a stream is tried
const STREAMING = 600_000; // how long a stream that works is preferred

const HERE = /^https?:\/\/(localhost|127\.|\[::1\])/;

const WAKES = ["online", "pageshow", "pagehide"];
const PAGE_WAKES = ["visibilitychange", "freeze", "resume"];

/** Thrown by `getToken` when only the person can help: no retry will. */
export class SignInNeeded extends Error {
  name = "SignInNeeded";
}

export class Connection {
  state = "idle";
  via = "websocket";
  retryAt = null;
  stopped = null;
  #options;
  #house;
  #clock;
  #leaps = 0; // of the clock, before this attempt
  #promise = null; // how long the hub vouches for what it says, ms
  #line = null;
  #tabs = null;
  #alone;
  #subject = null;
  #turn = 0;
  #timers = {};
  #failures = 0;
  #refused = false; // whether a token was refused since the last welcome
  #retryDue = 0;
  #kept = false; // whether the wait is the hub's own wish
  #parked = false; // whether the page is frozen or in the back/forward cache
  #neverOpened = 0;
  #streamUntil = 0;
  #heardAt = 0;
  #silence = BEAT;

  /** @param house {state(), welcome(frame), frame(frame), aged(), down(), doubt(), forget(), requests()} */
  constructor(options, clock, house) {
    this.#options = options;
    this.#clock = clock;
    this.#house = house;
    this.#alone = !options.shared || !canShare();
  }

  start() {
    for (const name of WAKES) globalThis.addEventListener?.(name, this.#wake);
    for (const name of PAGE_WAKES) globalThis.document?.addEventListener(name, this.#wake);
    if (this.state === "connecting" || this.state === "online") return;
    this.#failures = 0;
    this.#refused = this.#parked = false;
    if (this.#tabs && !this.#leads) this.#tabs.say({ wake: "asked" });
    else this.#attempt("connect");
  }

  stop() {
    for (const name of WAKES) globalThis.removeEventListener?.(name, this.#wake);
    for (const name of PAGE_WAKES) globalThis.document?.removeEventListener(name, this.#wake);
    this.#leave();
    this.#set("idle");
  }

  /** Every tab of this person ends, and forgets. */
  signOut() {
    this.#tabs?.say({ signOut: true });
    this.stop();
  }

  /** Say something to the hub; unsaid while there is no session. */
  send(message) {
    if (this.state !== "online") return;
    if (this.#line) this.#line.send(message);
    else this.#tabs?.say({ said: message });
  }

  /** The shared line has no room for this page's watches: it gets its own. */
  goAlone() {
    if (this.#alone || (this.#leads && !this.#tabs.isShared)) return false;
    this.#alone = true;
    this.#leave();
    this.#attempt("connect");
    return true;
  }

  /** Whether the other tabs hang on this one's line. */
  get #leads() {
    return this.#tabs?.leads ?? false;
  }

  // ── an attempt ──────────────────────────────────────────────────────────────────────────────

  async #attempt(why) {
    this.#drop();
    const turn = this.#turn;
    this.#leaps = this.#clock.leaps;
    if (isOffline(this.#options.base)) {
      this.#set("waiting");
      return;
    }
    this.#set("connecting");
    this.#timer("connect", PATIENCE, () => this.#lost({ code: 1006, reason: "no answer in time" }));
    try {
      const token = await this.#options.getToken(why);
      if (turn !== this.#turn) return;
      if (!token) throw new SignInNeeded("there is no token");
      if (!this.#alone && !(await this.#join(token, turn))) return;
      if (turn === this.#turn) this.#open(token);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error?.name === "SignInNeeded") this.#stop(4001, error.message);
      else this.#lost({ code: 1006, reason: `no token: ${error?.message ?? error}` });
    }
  }

  /** Whether this tab is to open the line. */
  async #join(token, turn) {
    const who = await subject(this.#options.base, token);
    if (turn !== this.#turn) return false;
    if (this.#tabs && this.#subject !== who) this.#leaveTabs();
    this.#subject = who;
    const leads = await this.#enter(who, turn);
    if (turn !== this.#turn) return false;
    if (!leads) {
      this.via = "tab";
      this.#heardAt = performance.now();
      this.#listen();
    }
    return leads;
  }

  async #enter(who, turn) {
    try {
      this.#tabs ??= new Tabs(who, this.#fellows());
      return await this.#tabs.enter();
    } catch {
      if (turn !== this.#turn) return false;
      // A browser that keeps nothing for a site lets its tabs have nothing in common: this one has its own line.
      this.#alone = true;
      this.#leaveTabs();
      return true;
    }
  }

  #open(token) {
    const { base, transport } = this.#options;
    const tired = this.#neverOpened >= REFUSALS || performance.now() < this.#streamUntil;
    this.via = transport === "auto" ? (tired ? "sse" : "websocket") : transport;
    const Line = this.via === "sse" ? StreamLine : SocketLine;
    const line = (this.#line = new Line(base, token, {
      frame: (frame) => this.#frame(frame),
      lost: (how) => this.#lost(how),
    }));
    if (this.via === "sse") for (const message of this.#house.requests()) line.send(message);
  }

  // ── what is heard ───────────────────────────────────────────────────────────────────────────

  #frame(frame) {
    if (this.#hasLeapt()) return;
    this.#heardAt = performance.now();
    if (frame.type === "welcome") {
      this.#clock.set(Date.parse(frame.time), this.#heardAt - this.#line.askedAt);
      this.#welcome(frame);
      if (this.#leads) this.#tabs.open(frame, () => this.#clock.offset);
      return;
    }
    this.#measure(frame);
    if (frame.type === "expiring") this.#renew();
    if (this.#leads && this.#tabs.pass(frame)) return;
    this.#house.frame(frame);
  }

  /** A ping says until when the hub vouches, and so what time it is there. */
  #measure({ type, fresh_until: until }) {
    if (type === "ping" && until && this.#promise !== null) this.#clock.measure(Date.parse(until) - this.#promise);
  }

  #welcome(frame) {
    clearTimeout(this.#timers.connect);
    this.#heardAt = performance.now();
    this.#promise = frame.fresh_until ? Date.parse(frame.fresh_until) - Date.parse(frame.time) : null;
    this.#silence = frame.ping * 1000 + GRACE;
    this.#refused = false;
    if (this.#line) this.#neverOpened = 0;
    if (this.via === "sse" && this.#streamUntil < performance.now()) this.#streamUntil = performance.now() + STREAMING;
    this.#timer("settled", SETTLED, () => (this.#failures = 0));
    this.state = "online"; // said once the page is who it is welcomed as
    this.#house.welcome(frame);
    this.#set("online");
    this.#listen();
  }

  async #renew() {
    const turn = this.#turn;
    try {
      const token = await this.#options.getToken("expiring");
      if (turn !== this.#turn || !token) return;
      const same = this.#alone || (await subject(this.#options.base, token)) === this.#subject;
      if (turn !== this.#turn) return;
      // Another person's token renews nothing: who they are is settled by a new hello.
      if (same) this.#line?.renew(token);
      else this.#lost({ code: MOVED, reason: "somebody else has signed in" });
    } catch {
      // The hub will close with 4203, and the reconnection asks for a token in its own time.
    }
  }

  /** Silence beyond a ping and its grace is a dead line, whatever the browser believes. */
  #listen() {
    clearTimeout(this.#timers.silence);
    if (this.#hasLeapt()) return;
    this.#house.aged();
    const isOnline = this.state === "online";
    const left = this.#heardAt + (isOnline ? this.#silence : BEAT) - performance.now();
    if (left > 0) this.#timer("silence", Math.min(left + 50, isOnline ? LOOK : Infinity), () => this.#listen());
    else if (this.#tabs && !this.#leads) {
      this.#tabs.ask(); // answered, or this tab takes the lead
      this.#heardAt = performance.now();
      this.#listen();
    } else if (this.state === "online") this.#lost({ code: 1006, reason: "the hub fell silent" });
  }

  /** Whether there was more time than anybody noticed: what was open then may be dead, and is replaced. */
  #hasLeapt() {
    const { leaps } = this.#clock;
    if (leaps === this.#leaps || (this.state !== "online" && this.state !== "connecting")) return false;
    this.#leaps = leaps;
    if (this.#tabs && !this.#leads) {
      this.#tabs.say({ wake: "leap" }); // the leader welcomes anew
      this.#tabs.ask();
      return false;
    }
    this.#lost({ code: MOVED, reason: "the machine slept, or its clock was set" });
    return true;
  }

  // ── losing it, and coming back ──────────────────────────────────────────────────────────────

  #lost({ code, reason = "", retryAfter, opened = true }) {
    if (!opened && this.via === "websocket") this.#neverOpened += 1;
    else if (!opened) {
      this.#neverOpened = REFUSALS - 1; // neither gets through: in turn, then
      this.#streamUntil = 0;
    }
    if (code === MISCOUNT) this.#house.doubt();
    this.#drop(code === MISCOUNT);
    if (code === 4001 && !this.#refused) {
      this.#refused = true;
      this.#attempt("refused");
      return;
    }
    const what = verdict(code);
    if (what === "stop") {
      this.#stop(code, reason);
      return;
    }
    const wait = code === HANDOVER ? 0 : delay(what, this.#failures, retryAfter);
    if (code !== HANDOVER) this.#failures += 1;
    this.#kept = what === "back off" || retryAfter > 0;
    this.#retryDue = performance.now() + wait;
    this.#set("waiting", Date.now() + wait);
    this.#timer("retry", wait, () => this.#attempt(code === 4203 ? "refused" : "connect"));
  }

  #stop(code, reason) {
    this.#leave();
    this.stopped = Object.freeze({ code, reason });
    this.#set("stopped");
  }

  #drop(doubted = false) {
    this.#turn += 1;
    this.#kept = false;
    for (const name in this.#timers) clearTimeout(this.#timers[name]);
    this.#line?.close();
    this.#line = null;
    if (this.#leads) this.#tabs.shut(doubted);
    this.#house.down();
  }

  #leave() {
    this.#drop();
    this.#leaveTabs();
  }

  #leaveTabs() {
    this.#tabs?.leave();
    this.#tabs = null;
  }

  #wake = (event) => {
    const name = event.type;
    if (name === "pagehide" || name === "freeze") this.#park();
    else if (name !== "visibilitychange" || document.visibilityState === "visible") this.#woken(name);
  };

  /** Frozen, a page cannot answer: it lets go, so that another tab can lead. */
  #park() {
    if (this.state === "stopped" || this.#parked) return;
    this.#parked = true;
    this.#leave();
    this.#set("waiting");
  }

  #woken(name) {
    if (this.state === "stopped" || this.state === "idle") return;
    if (this.#parked) {
      this.#parked = false;
      this.#attempt("connect");
    } else if (this.#tabs && !this.#leads && this.state !== "connecting") {
      this.#tabs.say({ wake: name });
      this.#listen();
    } else if (this.state === "waiting" && (!this.#kept || name === "asked" || this.#isDue)) {
      this.#attempt("connect");
    } else if (this.state === "online") {
      // On another network the old line is dead, though open; resuming is cheap.
      if (name === "online") this.#lost({ code: MOVED, reason: "the network came back" });
      else this.#listen();
    }
  }

  /** Whether the wait is over, by whichever clock went on while the machine slept. */
  get #isDue() {
    return performance.now() >= this.#retryDue || Date.now() >= this.retryAt;
  }

  // ── the other tabs ──────────────────────────────────────────────────────────────────────────

  /** What the other tabs tell this one. */
  #fellows() {
    return {
      // As one that follows:
      welcome: (frame, offset) => {
        this.#house.down();
        this.#clock.set(Date.now() + offset);
        this.#leaps = this.#clock.leaps;
        this.#welcome(frame);
      },
      frame: (frame) => {
        this.#heardAt = performance.now();
        this.#measure(frame);
        this.#house.frame(frame);
      },
      state: (state, retryAt, doubted) => {
        clearTimeout(this.#timers.connect);
        this.#heardAt = performance.now();
        if (state === "online") return;
        if (doubted) this.#house.doubt();
        this.#house.down();
        this.#set(state, retryAt);
        // A tab that nobody looks at may have its timers held back by the browser.
        if (retryAt) this.#timer("nudge", retryAt - Date.now() + 1000, () => this.#tabs?.say({ wake: "nudge" }));
        this.#listen();
      },
      lost: () => this.#lost({ code: HANDOVER }),
      // As the one that leads, or is to:
      lead: () => this.#lost({ code: HANDOVER, reason: "this tab takes over" }),
      said: (message) => this.#line?.send(message),
      woken: (name) => this.#woken(name),
      // As either:
      signedOut: () => {
        this.#house.forget();
        this.#stop(4001, "signed out in another tab");
      },
    };
  }

  #set(state, retryAt = null) {
    if (state !== "stopped") this.stopped = null;
    this.state = state;
    this.retryAt = retryAt;
    if (this.#leads) this.#tabs?.tell(state, retryAt);
    this.#house.state();
  }

  #timer(name, ms, fn) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(fn, ms);
  }
}

/** Whether there is certainly no network. A hub on this very machine needs none. */
function isOffline(base) {
  return globalThis.navigator?.onLine === false && !HERE.test(base);
}
