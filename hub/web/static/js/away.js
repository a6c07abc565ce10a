/**
 * When people cannot fly on a day: what is left of it beside the windows that `GET availability` gives.
 *
 * Asked once for each person and day, and again when a while has passed: no topic tells of it.
 */
const OLD = 5 * 60_000; // ms
const AT_ONCE = 4;

export class Away {
  /** `ondraw()` is called when there is more to draw. */
  constructor(ctx, ondraw) {
    this._ctx = ctx;
    this._ondraw = ondraw;
    this._found = new Map();
    this._asked = new Set();
    this._waiting = [];
    this._running = 0;
  }

  /** [[from, to]] in ms within the day in which that person cannot fly; [] while it is not known. */
  of(person, from, to) {
    const key = `${person} ${from}`;
    const found = this._found.get(key);
    if ((!found || performance.now() - found.at > OLD) && !this._asked.has(key)) {
      this._asked.add(key);
      this._waiting.push({ key, person, from, to });
      this._next();
    }
    return found?.spans ?? [];
  }

  _next() {
    while (this._running < AT_ONCE && this._waiting.length) {
      this._running += 1;
      this._ask(this._waiting.shift()).finally(() => {
        this._running -= 1;
        this._next();
      });
    }
  }

  async _ask({ key, person, from, to }) {
    const { api, signal } = this._ctx;
    const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    try {
      const { body } = await api.get(`/availability/${person}`, query, { signal });
      this._found.set(key, { at: performance.now(), spans: gaps(body.windows, from, to) });
      this._ondraw();
    } catch {
      // Not ours to see, or the hub is away: no hatching says nothing false. Asked again in a while.
      this._found.set(key, { at: performance.now(), spans: [] });
    } finally {
      this._asked.delete(key);
    }
  }
}

/** What is left of a day beside the windows. */
function gaps(windows, from, to) {
  const found = [];
  let at = from;
  for (const one of windows) {
    const begin = Date.parse(one.from);
    if (begin > at) found.push([at, begin]);
    at = Math.max(at, Date.parse(one.to));
  }
  if (at < to) found.push([at, to]);
  return found;
}
