/**
 * Rankings that were made and not sent: kept for this tab, so that leaving the page or loading it anew loses none.
 *
 * Invariants: one is of a person, a flight and that very offer of times, with what had been sent by then; whoever
 * else signs in here finds nothing of it, nor does anybody past the deadline. Nothing personal is kept but ids.
 */
import { ids } from "./answer.js";
import { tab } from "./kept.js";

const KEY = "hub.unsent";

/** What a ranking is a ranking of; another offer, or an answer given elsewhere, is another. */
const offer = ({ mine, items }) => [mine?.id, mine?.submitted_at, mine?.none_work, ids(items)].join(" ");

/** Those of `person` whose deadline is ahead at `now` (ms by the hub's clock), by flight. */
function all(person, now) {
  try {
    const kept = JSON.parse(tab.get(KEY));
    if (!person || kept?.person !== person) return {};
    return Object.fromEntries(Object.entries(kept.flights).filter(([, one]) => !(Date.parse(one.until) <= now)));
  } catch {
    return {};
  }
}

/** Keep `{order, away}` (ids) for a flight's offer, `told` (GET options), or with null let it go. */
export function keep(person, flight, told, ranking, now) {
  if (!person) return;
  const flights = all(person, now);
  delete flights[flight];
  if (ranking) flights[flight] = { ...ranking, offer: offer(told), until: told.deadline };
  if (Object.keys(flights).length) tab.set(KEY, JSON.stringify({ person, flights }));
  else tab.drop(KEY);
}

/** What was kept of a flight's offer: {order, away}, or null. One of an offer that is past goes. */
export function kept(person, flight, told, now) {
  const one = all(person, now)[flight];
  if (one?.offer === offer(told)) return one;
  if (one) keep(person, flight, told, null, now);
  return null;
}
