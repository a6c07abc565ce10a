/**
 * The hub's time, and who wants to be told as it goes by. Nothing here asks the machine's own clock.
 */
export class Clock {
  /** `client`: whoever knows the server's time, by `now()`. */
  constructor(client) {
    this._client = client;
    this._seconds = new Set();
    this._minutes = new Set();
    this._minute = null;
    this._tick();
  }

  /** Milliseconds, by the server's clock. */
  now() {
    return this._client.now();
  }

  /** Call `fn(now)` each second, until `signal` aborts. */
  second(fn, signal) {
    this._add(this._seconds, fn, signal);
  }

  /** Call `fn(now)` each minute, as it begins, and when the page is looked at again. */
  minute(fn, signal) {
    this._add(this._minutes, fn, signal);
  }

  stop() {
    clearTimeout(this._timer);
  }

  _add(set, fn, signal) {
    set.add(fn);
    signal?.addEventListener("abort", () => set.delete(fn), { once: true });
  }

  _tick() {
    const now = this.now();
    this._timer = setTimeout(() => this._tick(), 1000 - (now % 1000) + 5);
    for (const fn of this._seconds) fn(now);
    const minute = Math.floor(now / 60_000);
    if (minute === this._minute) return;
    this._minute = minute;
    for (const fn of this._minutes) fn(now);
  }
}

/** The school's zone, as the hub wrote it into the page; undefined where this browser knows no such zone. */
export function schoolZone() {
  const { content: zone } = document.querySelector('meta[name="hub:zone"]');
  try {
    return Intl.DateTimeFormat("en-US", { timeZone: zone }) && zone;
  } catch {
    return undefined;
  }
}
