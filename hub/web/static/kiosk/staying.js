/**
 * Have the browser keep this page (`worker.js`), where it can: over https, or on this very machine.
 *
 * Invariant: the policy of trusted types makes this one address and no other.
 */
const WORKER = "/kiosk-worker.js";

export async function stay() {
  const only = (url) => {
    if (url !== WORKER) throw new TypeError(url);
    return url;
  };
  const policy = globalThis.trustedTypes?.createPolicy("kiosk", { createScriptURL: only }) ?? { createScriptURL: only };
  try {
    if (navigator.serviceWorker) await navigator.serviceWorker.register(policy.createScriptURL(WORKER), { scope: "/kiosk", updateViaCache: "none" });
  } catch {
    // The hub is away, or the browser keeps nothing: the board does not hang on it.
  }
}
