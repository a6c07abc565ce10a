/**
 * What came of a rescheduling, in words: decided here from what the hub told, and nothing else.
 */
import { dayKey } from "./flights.js";
import { SAY, clock, date, weekday, zone, zulu } from "./words.js";

/**
 * → [kind, sign, title, text, link] or [] where nothing came of it yet. `told` is GET options, `booking` the
 * flight (or null), `open` whether it is being rescheduled, `over` whether the deadline has passed, `party`
 * whether the reader is one of the two, `successor` the new flight's id if it is known.
 */
export function outcome({ told, booking, open, over, party, successor }) {
  const to = booking?.rescheduled_to_datetime && Date.parse(booking.rescheduled_to_datetime);
  if (to) {
    const when = `${weekday(to)}, ${date(to)}, ${clock(to)} ${zone(to)} (${zulu(to)})`;
    const path = `#/day/${dayKey(to)}${successor ? `/${successor}` : ""}`;
    return ["good", "completed", SAY.movedTo(when), SAY.movedMore, [path, SAY.showFlight]];
  }
  if (!open) return ["plain", "stopped", SAY.closed, SAY.closedMore];
  if (told.items.length === 0) return ["plain", "options", SAY.noOptions, SAY.noOptionsMore];
  if (told.escalated) {
    const title = told.mine?.none_work ? SAY.noneSent : SAY.escalated;
    return ["warn", "flag", title, over || !party ? SAY.escalatedMore : SAY.stillChange];
  }
  return over ? ["warn", "clock", SAY.passed, SAY.passedMore] : [];
}
