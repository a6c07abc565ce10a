/**
 * When to come back: what a close code tells the client to do, and how long it waits.
 *
 * Pure but for the dice. The range is the verdict (`hub.v1`): 4000–4099 stop, 4100–4199 back off,
 * 4200–4299 reconnect now; anything else is not the hub's own word and is tried again.
 */

/** Our own verdicts, in the hub's range for "now": frames were lost; another tab's turn; the network came back. */
export const MISCOUNT = 4299;
export const HANDOVER = 4298;
export const MOVED = 4297;

/** @returns {"stop" | "back off" | "now" | "retry"} */
export function verdict(code) {
  if (code >= 4000 && code <= 4099) return "stop";
  if (code >= 4100 && code <= 4199) return "back off";
  if (code >= 4200 && code <= 4299) return "now";
  return "retry";
}

/**
 * Milliseconds to wait after `failures` in a row. What the hub asked for (`retryAfter`, seconds; it
 * has spread those itself) is kept; else full jitter: who fell together must not rise together.
 */
export function delay(what, failures, retryAfter) {
  if (Number.isFinite(retryAfter)) return Math.max(0, retryAfter * 1000);
  if (what === "now" && failures === 0) return Math.random() * 250;
  const [base, most] = what === "back off" ? [4_000, 60_000] : [1_000, 30_000];
  return Math.random() * Math.min(most, base * 2 ** Math.min(failures, 16));
}
