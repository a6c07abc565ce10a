/**
 * Who is signed in: the development issuer's users, a token in this tab, calls to the REST surface.
 *
 * Invariant: a token lives in sessionStorage and in headers or frames; never in a URL, a log or the DOM.
 */
import { SignInNeeded } from "./client.js";
import { SAY } from "./words.js";

const KEY = "hub.session";
const EARLY = 30_000; // renew when less than this is left

export const development =
  document.querySelector('meta[name="hub:sign-in"]')?.content === "development";

/** The seeded users: [{email, name, role}]. Development only. */
export async function users() {
  const response = await fetch("/dev/users", { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(SAY.noUsers);
  return (await response.json()).items;
}

async function issue(email) {
  const response = await fetch("/dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ email }),
  });
  if (response.status === 404 || response.status === 422) throw new SignInNeeded(SAY.signInNeeded);
  if (!response.ok) throw new Error(`The hub answered ${response.status}`);
  const { access_token: token, expires_in: seconds } = await response.json();
  return { token, expires: Date.now() + seconds * 1000 };
}

export class Session {
  /** The session of this tab, if somebody is signed in. */
  static restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY));
      return kept?.user ? new Session(kept.user, kept) : null;
    } catch {
      return null;
    }
  }

  static async signIn(user) {
    const session = new Session(user, await issue(user.email));
    session._keep();
    return session;
  }

  constructor(user, { token, expires }) {
    this.user = user;
    this._token = token;
    this._expires = expires;
  }

  /** A token that still has time, fetched anew when it has not or when `renew` is asked. */
  async token({ renew = false } = {}) {
    if (renew || Date.now() > this._expires - EARLY) {
      const fresh = await issue(this.user.email);
      this._token = fresh.token;
      this._expires = fresh.expires;
      this._keep();
    }
    return this._token;
  }

  /** Call the REST surface; returns the response, whatever its status. Throws when unreachable. */
  async call(method, path) {
    const token = await this.token();
    return fetch(path, {
      method,
      headers: { Authorization: `Bearer ${token}`, Accept: "application/json" },
      signal: AbortSignal.timeout(15_000),
    });
  }

  signOut() {
    sessionStorage.removeItem(KEY);
  }

  _keep() {
    const kept = { user: this.user, token: this._token, expires: this._expires };
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  }
}
