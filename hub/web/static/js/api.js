/**
 * The REST surface, as pages ask it: JSON in and out, refusals as `Problem`, silence as `Unreachable`.
 *
 * Invariants: a token goes into a header and nowhere else; what may have been made is asked for again only
 * under the same Idempotency-Key; what already is as it was to be, or gone, is written, whether that was heard or
 * not; a refusal keeps the places it names, so that it can be said at the field.
 */
import { SAY } from "./words.js";

const PATIENCE = 15_000; // ms for one answer
const TRIES = 3;
const ROOT = "/api/v1";
const MOMENT = /^\d{4}-\d\d-\d\dT/;

/** The hub said no (RFC 9457). `errors`: [{pointer | parameter | header, detail}]. */
export class Problem extends Error {
  constructor(status, told, retryAfter) {
    super(told.detail ?? `${status}`);
    this.status = status;
    this.code = told.code ?? null;
    this.errors = told.errors ?? [];
    this.told = told;
    this.retryAfter = retryAfter; // seconds, or null
  }

  /** What is said of one member of the body, by its JSON Pointer ("/start_time"), or null. */
  at(pointer) {
    return this.errors.find((one) => one.pointer === pointer)?.detail ?? null;
  }
}

/** No answer came: nobody knows whether anything was done, unless it was asked under a key. */
export class Unreachable extends Error {
  constructor() {
    super(SAY.unreachable);
  }
}

export class Api {
  /** `session`: whoever gives tokens, by `getToken(why)`. */
  constructor(session) {
    this._session = session;
    this._keys = new WeakMap(); // body of a POST → its key, until it is answered
  }

  get(path, query = {}, { signal } = {}) {
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) if (one !== null && one !== undefined) asked.append(name, one);
    }
    const text = String(asked);
    return this._ask("GET", text ? `${path}?${text}` : path, { signal });
  }

  /** A list's pages, one after the other, each as `get` answers it. */
  async *pages(path, query, how) {
    let page = await this.get(path, { ...query, limit: 100 }, how);
    yield page;
    while (page.next !== null) yield (page = await this.get(page.next, {}, how));
  }

  /**
   * Under an Idempotency-Key unless `key` is null: asked twice, done once. The very object that was sent
   * before, and whose answer was lost, is sent under the key it had: the first answer is told again.
   */
  async post(path, body, { key = this._keys.get(body) ?? uuid() } = {}) {
    if (body) this._keys.set(body, key);
    const answer = await this._ask("POST", path, { body, headers: key ? { "Idempotency-Key": key } : {} });
    this._keys.delete(body);
    return answer;
  }

  /** `match`: the ETag that must still hold, else Problem 412. */
  put(path, body, { match } = {}) {
    return this._ask("PUT", path, { body, headers: condition(match) });
  }

  /** Where the answer is lost, or a lost one had changed the version, it is looked for whether all of it holds. */
  async patch(path, body, { match } = {}) {
    const headers = { "Content-Type": "application/merge-patch+json", ...condition(match) };
    try {
      return await this._ask("PATCH", path, { body, headers });
    } catch (error) {
      if (!(error instanceof Unreachable) && error.status !== 412) throw error;
      const found = await this._once("GET", path).catch(() => null);
      if (!found || !Object.entries(body).every(([name, value]) => same(value, found.body[name]))) throw error;
      return found;
    }
  }

  /** What is gone already is deleted. */
  delete(path, { match } = {}) {
    return this._ask("DELETE", path, { headers: condition(match) }).catch((error) => {
      if (error.status !== 404) throw error;
      return { body: null, transaction: null };
    });
  }

  /**
   * → {status, body, etag, cursor, transaction, next, headers}: `cursor` (Hub-Cursor) starts a watch,
   * `transaction` (Hub-Transaction) is for `client.seen`, `next` the path of the next page or null.
   */
  async _ask(method, path, { body, headers = {}, signal } = {}) {
    const safe = method === "GET" || method === "DELETE" || "Idempotency-Key" in headers;
    for (let tried = 1; ; tried += 1) {
      try {
        return await this._once(method, path, body, headers, signal, tried === 1);
      } catch (error) {
        if (signal?.aborted || tried === TRIES || !(safe || error.status === 429)) throw error;
        const again = error instanceof Unreachable || [429, 503].includes(error.status);
        if (!again || error.retryAfter > 5) throw error;
        const wait = (error.retryAfter ?? 0) * 1000 + Math.random() * 400 * 2 ** tried;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  async _once(method, path, body, headers, signal, first = true) {
    const address = path.startsWith("/") && !path.startsWith(ROOT) ? ROOT + path : path;
    const give = AbortSignal.timeout(PATIENCE);
    const send = async (why) => {
      const token = await this._session.getToken(why);
      const said = { Accept: "application/json", Authorization: `Bearer ${token}`, ...headers };
      if (body !== undefined) said["Content-Type"] ??= "application/json";
      const text = body === undefined ? undefined : JSON.stringify(body);
      try {
        return await fetch(address, { method, headers: said, body: text, signal: signal ? AbortSignal.any([signal, give]) : give });
      } catch {
        if (signal?.aborted) throw signal.reason;
        throw new Unreachable();
      }
    };
    let answer = await send("connect");
    if (answer.status === 401 && first) answer = await send("refused");
    return read(answer);
  }
}

/** A random UUID. Not `randomUUID()`: over plain http, as in a school's own network, a browser has none. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whoever names no version means any, and says so: a school may demand that it is said. */
const condition = (match) => ({ "If-Match": match || "*" });

/** Whether two values of a member are one; a moment may be written in more than one way. */
function same(a, b) {
  const text = (one) => (MOMENT.test(one) ? Date.parse(one) : JSON.stringify(one ?? null));
  return text(a) === text(b);
}

async function read(answer) {
  const of = (name) => answer.headers.get(name);
  const json = /\bjson\b/.test(of("Content-Type") ?? "");
  let body = null;
  try {
    body = json ? await answer.json() : null;
  } catch {
    throw new Unreachable();
  }
  if (!answer.ok) {
    const after = Number(of("Retry-After"));
    throw new Problem(answer.status, body ?? {}, of("Retry-After") && after >= 0 ? after : null);
  }
  const next = /<([^>]+)>;\s*rel="next"/.exec(of("Link") ?? "")?.[1] ?? null;
  return {
    status: answer.status,
    body,
    etag: of("ETag"),
    cursor: of("Hub-Cursor"),
    transaction: of("Hub-Transaction"),
    next: next && new URL(next, location.origin).pathname + new URL(next, location.origin).search,
    headers: answer.headers,
  };
}
