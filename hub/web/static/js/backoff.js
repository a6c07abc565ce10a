/**
 * When to come back: what a close code's range tells the client to do, and how long it waits.
 */

/** `stop`, `back off`, `now` or, for everything that is not the hub's own verdict, `retry`. */
export function verdict(code) {
  if (code >= 4000 && code <= 4099) return "stop";
  if (code >= 4100 && code <= 4199) return "back off";
  if (code >= 4200 && code <= 4299) return "now";
  return "retry";
}

/**
 * Milliseconds to wait after `failures` in a row. What the hub asked for (`retryAfter`, seconds) is
 * obeyed as it is; else full jitter: a thousand clients that fell together must not rise together.
 */
export function delay(what, failures, retryAfter, random) {
  if (retryAfter !== null && retryAfter !== undefined) return retryAfter * 1000;
  if (what === "now" && failures === 0) return 0;
  const [base, cap] = what === "back off" ? [4_000, 60_000] : [1_000, 30_000];
  return random() * Math.min(cap, base * 2 ** failures);
}
