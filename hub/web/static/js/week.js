/**
 * A person's week by the school's clock: patterns and overrides, and the hours that follow from them.
 *
 * The hub's own rule (hub/rules/availability.py), said once more for the eye: on a date patterns and
 * additions add up, and a block takes away from both.
 */
const DAY = 24 * 60;

/** "HH:MM" → minutes since midnight. */
export const minutes = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));

/** A date of the calendar as YYYY-MM-DD, without a time or a zone. */
export const dateKey = (date) => date.toISOString().slice(0, 10);
export const dateOf = (key) => new Date(`${key}T00:00:00Z`);
export const addDays = (date, days) => new Date(date.getTime() + days * 86_400_000);
export const sunday = (date) => addDays(date, -date.getUTCDay());

/** Today's date where the school is (`zone`: an IANA name, or undefined for the reader's own). */
export function todayIn(zone, now) {
  return dateOf(new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(now));
}

/** Minutes since midnight where the school is. */
export function minuteIn(zone, now) {
  return minutes(new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(now));
}

const span = (row) => (row.start_time ? [minutes(row.start_time), minutes(row.end_time)] : [0, DAY]);

/** Overlapping and touching spans become one. */
function joined(spans) {
  const found = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

function without(spans, [from, to]) {
  return spans.flatMap(([a, b]) => [[a, Math.min(b, from)], [Math.max(a, to), b]].filter(([x, y]) => x < y));
}

/** What holds on a date: {patterns, overrides, free: [[from, to]] in minutes}. */
export function onDate(date, patterns, overrides) {
  const weekly = patterns.filter((row) => row.day_of_week === date.getUTCDay());
  const dated = overrides.filter((row) => row.override_date === dateKey(date));
  const begins = (row) => row.start_time ?? "";
  const order = (a, b) => begins(a).localeCompare(begins(b));
  let free = joined([...weekly.filter((row) => row.is_active), ...dated.filter((row) => !row.is_blocked)].map(span));
  for (const block of dated.filter((row) => row.is_blocked)) free = without(free, span(block));
  return { patterns: weekly.sort(order), overrides: dated.sort(order), free };
}

/** What somebody types for a time of day, as the hub takes it: "9" → "09:00", "1730" → "17:30". */
export function asClock(text) {
  const said = text.trim();
  const found = /^(\d{1,2})(?:[:.h]?([0-5]\d))?$/.exec(said);
  return found ? `${found[1].padStart(2, "0")}:${found[2] ?? "00"}` : said;
}
