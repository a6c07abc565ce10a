/**
 * The hub's time on a machine whose own clock may be wrong, and who wants to be told as it passes.
 *
 * Whoever knows it best says it: the client once it is welcomed, before that any answer by its Date.
 * Invariant: one timer, whoever listens; a machine that slept is told of this moment once, not of
 * each that it missed.
 */
import { ServerClock } from "../client/clock.js";

export class Time {
  #seconds = new Set();
  #minutes = new Set();
  #minute = null;
  #timer = null;
  #clock;
  #isHeard = false;

  /** `offset`: hub's clock minus this machine's, ms, as it was last; until the hub says. */
  constructor(offset = 0) {
    this.#clock = new ServerClock(offset);
  }

  now() {
    return this.#clock.now();
  }

  /** From now on it is what `clock` says. */
  follow(clock) {
    this.#clock = clock;
    this.#isHeard = true;
  }

  /** An answer came `trip` ms after it was asked for. What does not contradict its Date is left as it is. */
  hear(answer, trip) {
    const told = Date.parse(answer.headers.get("Date"));
    if (Number.isNaN(told)) return;
    const now = this.now();
    // A Date has whole seconds.
    if (this.#isHeard && now >= told && now <= told + 1000 + trip) return;
    const clock = new ServerClock();
    clock.set(told + 500, trip);
    this.follow(clock);
    if (this.#timer) this.#tick();
  }

  second(fn) {
    this.#seconds.add(fn);
  }

  minute(fn) {
    this.#minutes.add(fn);
  }

  forget(...listeners) {
    for (const fn of listeners) {
      this.#seconds.delete(fn);
      this.#minutes.delete(fn);
    }
  }

  start() {
    this.#tick();
    document.addEventListener("visibilitychange", () => this.#tick());
  }

  #tick() {
    clearTimeout(this.#timer);
    const now = this.now();
    this.#timer = setTimeout(() => this.#tick(), 1000 - (now % 1000) + 5);
    for (const fn of this.#seconds) fn(now);
    const minute = Math.floor(now / 60_000);
    if (minute === this.#minute) return;
    this.#minute = minute;
    for (const fn of this.#minutes) fn(now);
  }
}
