/**
 * Days and flights as pages reckon with them: which day, its flights in order, their sum in a line.
 */
import { h, icon, keyed, setAttribute, setText } from "./dom.js";
import { STATUS, clock, tail, until } from "./words.js";
import { DAY } from "./words/day.js";

/** Local midnight of the day that holds `at` (ms), moved by whole days. */
export function midnight(at, days = 0) {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

/** The day as YYYY-MM-DD, in the reader's zone. */
export function dayKey(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Local midnight of YYYY-MM-DD, or null. */
export function dayOf(key) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(key);
  if (!found) return null;
  const at = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]));
  return dayKey(at) === key ? at.getTime() : null;
}

/** How long before a day a flight may begin that is still in the air when the day does: few are read for it. */
export const EVENING = 12 * 3_600_000;

/** Whether a flight is of the day that begins at `from` (ms), if only its end. */
export const reaches = ({ row, start, end }, from) => start >= from || (end > from && row.status !== "CANCELLED");

/** Rows → flights in order of departure: {row, key, start, end} in milliseconds. */
export function flightsOf(rows) {
  const flights = [...rows.values()].map((row) => {
    const start = Date.parse(row.scheduled_datetime);
    return { row, key: row.id, start, end: start + row.duration_minutes * 60_000 };
  });
  return flights.sort((a, b) => a.start - b.start || tail(a.row).localeCompare(tail(b.row)) || (a.key < b.key ? -1 : 1));
}

const LIVE = new Set(["CONFIRMED", "AT_RISK", "RESCHEDULING"]);
export const inTheAir = (flight, now) =>
  LIVE.has(flight.row.status) && flight.start <= now && now < flight.end;

export function renderTally(list, flights) {
  const counted = Object.keys(STATUS)
    .map((status) => ({ status, count: flights.filter((flight) => flight.row.status === status).length }))
    .filter((one) => one.count > 0);
  keyed(
    list,
    counted,
    (one) => one.status,
    (one) =>
      h("li", { class: "pill", "data-status": one.status }, icon(STATUS[one.status].icon), h("b"), ` ${STATUS[one.status].word.toLowerCase()}`),
    (item, one) => setText(item.querySelector("b"), String(one.count)),
  );
}

/** "Next departure 15:00 · N512FP · in 22 min" */
export function renderNext(line, flights, now, today) {
  const next = today ? flights.find((flight) => flight.start > now && LIVE.has(flight.row.status)) : null;
  setAttribute(line, "hidden", !next);
  if (!next) return;
  const flying = flights.filter((flight) => inTheAir(flight, now)).length;
  const before = flying ? DAY.outNow(flying) : "";
  setText(line, before + DAY.next(clock(next.start), tail(next.row), until(next.start - now)));
}
