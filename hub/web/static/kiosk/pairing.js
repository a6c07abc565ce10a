/**
 * How this screen comes by a credential: it shows a code, and asks until an admin has typed it in.
 *
 * What the hub answers also tells the time, so that a screen shows the hub's before it is anybody's.
 * Invariants: the code to keep is in no element; it never asks more often than it was told to, and
 * ever more slowly while nobody answers; a code that is over is replaced by itself.
 */
const ROOT = "/api/v1/pairings";
const PATIENCE = 10_000; // ms for one answer
const LEAST = 2_000; // ms between two questions, whatever was said
const MOST = 60_000;

/**
 * Resolves with {token, device}. `time` hears each answer; `show` is told {code, where, until}, {offline, retryAt} or {taken};
 * times are of `performance.now()`.
 */
export async function pair(show, time) {
  let failures = 0;
  for (;;) {
    const begun = performance.now();
    try {
      const told = await ask(time, ROOT);
      const until = performance.now() + told.body.expires_in * 1000;
      const found = await claimed(told.body, until, show, time);
      if (found) {
        show({ taken: true });
        return found;
      }
      // A code that lasted no time at all is no reason to hurry.
      if (performance.now() - begun > MOST) failures = 0;
      else await pause(backoff((failures += 1)));
    } catch (error) {
      const wait = Math.max(backoff((failures += 1)), error.retryAfter ?? 0);
      show({ offline: true, retryAt: performance.now() + wait });
      await pause(wait);
    }
  }
}

/** The credential, or null when the code is over. */
async function claimed({ device_code, user_code, interval, verification_uri }, until, show, time) {
  const shown = { code: user_code, where: verification_uri, until };
  let failures = 0;
  show(shown);
  while (performance.now() < until) {
    await pause(Math.min(Math.max(LEAST, interval * 1000, failures ? backoff(failures) : 0), until - performance.now()));
    try {
      const { status, body } = await ask(time, `${ROOT}/claim`, { device_code });
      failures = 0;
      show(shown);
      if (status === 200) return body;
    } catch (error) {
      if (error.status === 410) return null;
      failures += 1;
      // The code is good for as long as it was: it stays, and the screen says that it is alone.
      show({ ...shown, offline: true });
      if (error.retryAfter) await pause(Math.min(error.retryAfter, MOST));
    }
  }
  return null;
}

async function ask(time, path, body) {
  const begun = performance.now();
  const answer = await fetch(path, {
    method: "POST",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
  });
  time.hear(answer, performance.now() - begun);
  if (!answer.ok) {
    const after = Number(answer.headers.get("Retry-After"));
    const retryAfter = after > 0 ? after * 1000 : 0;
    throw Object.assign(new Error(`${answer.status}`), { status: answer.status, retryAfter });
  }
  return { status: answer.status, body: await answer.json() };
}

/** Half of it is dice: screens that fell together do not rise together. */
const backoff = (failures) => Math.min(MOST, LEAST * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2);
const pause = (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms)));
