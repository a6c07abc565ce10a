/**
 * How this screen is set up: the address's query, read once.
 *
 * `night=21-06` (hours by the school's clock, `off`), `theme=dark|light` (light by day only),
 * `page=8` (seconds a page is shown), `reload=4` (the hour in which it loads anew, `off`).
 * Invariant: what makes no sense is as if it were not said; a typo turns no screen black.
 */
const asked = new URLSearchParams(location.search);

const night = /^(\d{1,2})-(\d{1,2})$/.exec(asked.get("night") ?? "21-6");
const hour = (text) => (Number(text) < 24 ? Number(text) : null);
const reload = asked.get("reload") ?? "4";
const page = Number(asked.get("page"));

export const SETTINGS = Object.freeze({
  /** [from, to), hours; null: never. */
  night: night && hour(night[1]) !== null && hour(night[2]) !== null ? [hour(night[1]), hour(night[2])] : null,
  light: asked.get("theme") === "light",
  /** ms */
  page: (page >= 2 && page <= 120 ? page : 9) * 1000,
  /** The hour, or null: never. */
  reload: /^\d{1,2}$/.test(reload) ? hour(reload) : null,
});

/** Whether the school's hour is one of the night's, which may go over midnight. */
export function isNight(at, span = SETTINGS.night) {
  if (!span) return false;
  const [from, to] = span;
  return from <= to ? at >= from && at < to : at >= from || at < to;
}
