/**
 * ServerClock: the hub's time on a machine whose own clock may be wrong, and may be set meanwhile.
 *
 * It goes by `performance.now()`, which nobody sets, from what the hub said. That one stands still on
 * some platforms while a machine sleeps, so both clocks are compared: where the machine's leaps ahead
 * of it, it slept or was set, and which of the two only the hub can tell. Invariants: until the hub
 * has said its time, the machine's is all there is; a clock that is set moves `now()` neither way; a
 * leap is in doubt from the first look on, and taken for a sleep if the hub has not spoken by `DOUBT`.
 */

const LEAP = 2_000; // more than a clock is slewed by from one look to the next, ms
const DOUBT = 5_000; // longer than it takes to ask the hub, ms
const MEASURES = 4; // the last so many words count: one that was held up on its way misleads nobody
const HALF = 250; // the longest way that is believed of a word that was not asked for, ms

export class ServerClock {
  #mono = performance.now();
  #wall = Date.now();
  #offset;
  #base = null; // the hub's clock minus `performance.now()`
  #measures = [];
  #half = 0;
  #leap = 0;
  #leaptAt = 0;
  #leaps = 0;

  /** `offset`: hub's clock minus this machine's as it was known once, until the hub says its time. */
  constructor(offset = 0) {
    this.#offset = offset;
  }

  now() {
    this.#look();
    return Math.round(this.#base === null ? this.#wall + this.#offset : this.#base + this.#mono);
  }

  /** The hub's clock minus this machine's, at this moment. */
  get offset() {
    return this.now() - this.#wall;
  }

  /** How often the machine has slept or its clock was set ahead. */
  get leaps() {
    this.#look();
    return this.#leaps;
  }

  /** Whether it is not known how much time has passed. */
  get isInDoubt() {
    this.#look();
    return this.#leap > 0;
  }

  /** The hub says its time, `trip` ms after it was asked. */
  set(told, trip = 0) {
    this.#look();
    this.#leap = 0;
    this.#half = Math.min(trip / 2, HALF);
    this.#base = told + trip / 2 - this.#mono;
    this.#measures = [this.#base];
  }

  /** It says so again, unasked. Never too early, so of several words the one that came fastest is right. */
  measure(told) {
    this.#look();
    if (this.#leap) return; // perhaps it has lain here meanwhile
    this.#measures = [...this.#measures, told + this.#half - this.#mono].slice(-MEASURES);
    this.#base = Math.max(...this.#measures);
  }

  #look() {
    const [mono, wall] = [performance.now(), Date.now()];
    const gap = wall - this.#wall - (mono - this.#mono);
    this.#mono = mono;
    this.#wall = wall;
    if (gap > LEAP) {
      if (!this.#leap) this.#leaptAt = mono;
      this.#leap += gap;
      this.#leaps += 1;
    }
    if (!this.#leap || mono - this.#leaptAt < DOUBT) return;
    if (this.#base !== null) this.#base += this.#leap;
    this.#measures = [];
    this.#leap = 0;
  }
}
