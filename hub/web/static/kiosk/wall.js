/**
 * What a screen on a wall needs for months: it stays awake, its picture does not burn in, and at
 * night it does not light the hangar.
 *
 * Invariants: the picture never leaves the screen's edge by more than its own margin; night is by
 * the school's clock, not the machine's.
 */
import { SETTINGS, isNight } from "./settings.js";
import { hour } from "./words.js";

/** Two walks of different length, px: 56 minutes until a pixel is where it was. */
const WALK_X = [0, 2, 4, 2, 0, -2, -4, -2];
const WALK_Y = [0, 3, 4, 1, -2, -4, -1];
const RETRY = 60_000;

export function hang(time, stage) {
  const root = document.documentElement;
  time.minute((now) => {
    const minute = Math.floor(now / 60_000);
    stage.style.translate = `${WALK_X[minute % WALK_X.length]}px ${WALK_Y[minute % WALK_Y.length]}px`;
    const night = isNight(hour(now));
    root.dataset.night = night ? "yes" : "no";
    root.dataset.theme = SETTINGS.light && !night ? "light" : "dark";
  });
  stayAwake();
}

/** The lock is the page's only while it is seen, and the system may take it away at any time. */
function stayAwake() {
  if (!navigator.wakeLock) return;
  let lock = null;
  let timer = null;
  const take = async () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible" || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => (timer = setTimeout(take, 1000)), { once: true });
    } catch {
      timer = setTimeout(take, RETRY); // a low battery, or a policy
    }
  };
  document.addEventListener("visibilitychange", take);
  take();
}
