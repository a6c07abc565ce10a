/**
 * The authorization code grant with PKCE, as the browser speaks it (RFC 6749, RFC 7636 by S256, RFC 9700),
 * to Cognito's addresses: /oauth2/authorize, /oauth2/token, /oauth2/revoke, /logout.
 *
 * Keeps nothing and shows nothing. Invariants: no secret but a one-time code is ever part of an address;
 * an answer is believed only where it fits what was asked (`nonce`, `aud`).
 */
const PATIENCE = 10_000; // ms for one answer
const LIFETIME = 300; // s: of an access token that does not say, the least that Cognito gives

const given = document.querySelector('meta[name="hub:sign-in"]')?.dataset ?? {};

/** The provider's origin; empty where the page was told of none. */
export const DOMAIN = given.domain ?? "";
/** This app's id there. */
export const CLIENT = given.client ?? "";
/** Where the provider sends the person back to: an address it must know to the letter. */
const HERE = `${location.origin}/`;

/** The provider said no (RFC 6749, section 5.2), and would say it again. `word`: its error code. */
export class Refusal extends Error {
  constructor(word) {
    super(`the sign-in server refused: ${word}`);
    this.word = word;
  }
}

/** What is to be remembered of one attempt: {state, nonce, verifier}. */
export const attempt = () => ({ state: random(), nonce: random(), verifier: random() });

/** The address at which the person signs in. */
export async function authorization({ state, nonce, verifier }) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return address("/oauth2/authorize", {
    response_type: "code",
    client_id: CLIENT,
    redirect_uri: HERE,
    scope: given.scopes,
    state,
    nonce,
    code_challenge_method: "S256",
    code_challenge: base64url(new Uint8Array(digest)),
  });
}

/** The address at which the provider forgets the person, and sends the browser back. */
export const farewell = () => address("/logout", { client_id: CLIENT, logout_uri: HERE });

/**
 * Tokens for a code → {access, refresh, lifetime (s), askedAt, tick, sub, name, email}; `askedAt` and `tick`
 * are when, by the wall's clock and by one that nobody sets. Throws Refusal; Error when nobody knows.
 */
export async function exchange(code, { verifier, nonce }) {
  const told = await tokens({ grant_type: "authorization_code", code, redirect_uri: HERE, code_verifier: verifier });
  const said = told.id === null ? {} : claims(told.id);
  // By TLS from the issuer itself, so its signature need not be judged here (OpenID Connect Core, 3.1.3.7).
  if (told.id !== null && (said.nonce !== nonce || ![said.aud].flat().includes(CLIENT))) throw new Refusal("nonce");
  const name = said.name ?? [said.given_name, said.family_name].filter(Boolean).join(" ");
  return { ...kept(told), sub: claims(told.access).sub, name: name || said.email || "", email: said.email ?? "" };
}

/** New tokens of the same person; the old refresh token stays unless another was given. */
export async function renewed(held) {
  const told = await tokens({ grant_type: "refresh_token", refresh_token: held.refresh });
  if (claims(told.access).sub !== held.sub) throw new Refusal("sub");
  return { ...held, ...kept(told), refresh: told.refresh ?? held.refresh };
}

/** Tell the provider that the refresh token is done with (RFC 7009); it outlives this page, and nobody waits. */
export function revoke(refresh) {
  const body = new URLSearchParams({ token: refresh, client_id: CLIENT });
  // The answer is not for us to read, so CORS need not allow it.
  fetch(`${DOMAIN}/oauth2/revoke`, { method: "POST", body, keepalive: true, mode: "no-cors", credentials: "omit" }).catch(() => {});
}

async function tokens(fields) {
  const askedAt = Date.now();
  const tick = performance.timeOrigin + performance.now();
  const answer = await fetch(`${DOMAIN}/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams({ client_id: CLIENT, ...fields }),
    headers: { Accept: "application/json" },
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const passing = answer.status >= 500 || answer.status === 408 || answer.status === 429 || typeof told.error !== "string";
    throw passing ? new Error(`the sign-in server answered ${answer.status}`) : new Refusal(told.error);
  }
  if (typeof told.access_token !== "string" || !/^bearer$/i.test(told.token_type)) throw new Refusal("token_type");
  const lifetime = Number(told.expires_in) > 0 ? Number(told.expires_in) : LIFETIME;
  return { access: told.access_token, refresh: told.refresh_token ?? null, id: told.id_token ?? null, lifetime, askedAt, tick };
}

/** What is worth keeping: the id token has said what it had to say. */
function kept({ access, refresh, lifetime, askedAt, tick }) {
  return { access, refresh, lifetime, askedAt, tick };
}

/** What a token says, for showing and comparing: the hub is who believes or refuses it. */
function claims(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Refusal("token");
  }
}

function address(path, query) {
  return `${DOMAIN}${path}?${new URLSearchParams(query)}`;
}

/** 256 bits, as the 43 characters that a verifier must have at least. */
function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
