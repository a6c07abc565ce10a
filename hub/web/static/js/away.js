/**
 * When people cannot fly on a day: what is left of it beside the windows that `GET availability` gives.
 *
 * No topic tells of it, so it is asked for anew when a while has passed, when the hub is met again and when the
 * page is looked at again. Invariant: what could not be read is said to be not known, and never drawn as free.
 */
const OLD = 5 * 60_000; // ms
const FAILED = 20_000; // ms until what could not be read is asked for once more
const OFTEN = 5_000; // ms: looked at again within that, it is not asked for again
const AT_ONCE = 4;
const MOST = 300; // persons' days that are kept

export class Away {
  /** `ondraw()` is called when there is more to draw. */
  constructor(ctx, ondraw) {
    this._ctx = ctx;
    this._ondraw = ondraw;
    this._found = new Map();
    this._asked = new Set();
    this._waiting = [];
    this._running = 0;
    this._renewed = performance.now();
    const { client, signal } = ctx;
    const undo = client.on("welcome", () => this._renew());
    signal.addEventListener("abort", undo, { once: true });
    addEventListener("focus", () => this._renew(), { signal });
    document.addEventListener("visibilitychange", () => !document.hidden && this._renew(), { signal });
  }

  /** {spans: [[from, to]] in ms within the day in which that person cannot fly, known: whether that is all}. */
  of(person, from, to) {
    const key = `${person} ${from}`;
    const found = this._found.get(key);
    if ((!found || performance.now() > found.until) && !this._asked.has(key)) {
      this._asked.add(key);
      this._waiting.push({ key, person, from, to });
      this._next();
    }
    return found ?? { spans: [], known: true };
  }

  /** What is shown stays until it is read anew. */
  _renew() {
    if (performance.now() - this._renewed < OFTEN) return;
    this._renewed = performance.now();
    for (const found of this._found.values()) found.until = 0;
    this._ondraw();
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
    const before = this._found.get(key);
    let found;
    try {
      const { body } = await api.get(`/availability/${person}`, query, { signal });
      found = { until: performance.now() + OLD, spans: gaps(body.windows, from, to), known: true };
    } catch {
      found = { until: performance.now() + FAILED, spans: before?.spans ?? [], known: false };
    }
    this._asked.delete(key);
    if (signal.aborted) return;
    this._found.delete(key);
    this._found.set(key, found);
    if (this._found.size > MOST) this._found.delete(this._found.keys().next().value);
    this._ondraw();
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
