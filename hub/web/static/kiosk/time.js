/**
 * The hub's time on a machine whose own clock may be wrong, and who wants to be told as it passes.
 *
 * Invariant: one timer, whoever listens; a machine that slept is told of this moment once, not of
 * each that it missed.
 */
export class Time {
  #seconds = new Set();
  #minutes = new Set();
  #minute = null;
  #timer = null;

  /** Server's clock minus this machine's, ms; until the hub has said, what it was last. */
  offset = 0;

  now() {
    return Date.now() + this.offset;
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
