/**
 * Which flights hang where: pure, so that the whole board follows from rows, a moment and a height.
 *
 * Invariants: whoever must act (at risk, rescheduling) is at the top of every page; what has
 * departed or is over recedes behind what is ahead; nothing is shown twice on a page, and nothing ahead is left out.
 */

/** The most pages' worth of what is over: nobody waits at a wall for this morning's flights. */
const OVER_PAGES = 1;

/** How long a flight keeps its place after its time, ms: whoever comes late looks for it there. */
const LATE = 10 * 60_000;

/** "ahead", "late" (its time has just come), "out" (its time is running) or "over". */
export function phase(row, now) {
  if (row.status === "COMPLETED") return "over";
  const departs = Date.parse(row.departs);
  if (departs > now) return "ahead";
  if (row.status === "CANCELLED" || departs + row.minutes * 60_000 <= now) return "over";
  return departs + LATE > now ? "late" : "out";
}

const byTime = (a, b) => (a.departs < b.departs ? -1 : a.departs > b.departs ? 1 : a.id < b.id ? -1 : 1);

/** → {attention, ahead, over: slots, next: row | null}; a slot is {row, phase}. */
export function arranged(rows, now) {
  const attention = [];
  const ahead = [];
  const over = [];
  let next = null;
  for (const row of [...rows].sort(byTime)) {
    const slot = { row, phase: phase(row, now) };
    const { status } = row;
    if (slot.phase === "ahead" && !next && (status === "CONFIRMED" || status === "AT_RISK")) next = row;
    const isUrgent = status === "AT_RISK" || status === "RESCHEDULING";
    if (slot.phase === "over" || (slot.phase === "out" && !isUrgent)) over.unshift(slot);
    else if (isUrgent) attention.push(slot);
    else ahead.push(slot);
  }
  return { attention, ahead, over, next };
}

/** The pages of a board with room for `capacity` rows; each is its slots, {over: count} a heading. */
export function paged({ attention, ahead, over }, capacity) {
  const room = Math.max(2, capacity);
  // Half of a page is theirs, and what the flights ahead leave: what is over takes no room from them.
  const pinned = Math.min(attention.length, Math.max(Math.floor(room / 2), room - ahead.length));
  const each = room - pinned;
  const rest = cut(ahead, each);
  if (over.length) {
    if (!rest.length) rest.push([]);
    let page = rest.at(-1);
    const most = rest.length + OVER_PAGES;
    let isHeaded = false;
    for (const slot of over) {
      // A heading with nothing below it would be the last thing on a page.
      if (page.length + (isHeaded ? 1 : 2) > each) {
        if (rest.length === most || each < 2) break;
        rest.push((page = []));
        isHeaded = false;
      }
      if (!isHeaded) page.push({ over: over.length });
      isHeaded = true;
      page.push(slot);
    }
  }
  const tops = full(attention, pinned);
  const count = Math.max(tops.length, rest.length, 1);
  const pages = [];
  for (let at = 0; at < count; at += 1) {
    const top = tops.length ? tops[at % tops.length] : [];
    pages.push([...top, ...(rest.length ? rest[at % rest.length] : [])]);
  }
  return pages;
}

/** As `cut`, but the last is as long as the others: it begins with what the one before it ended with. */
function full(slots, size) {
  return cut(slots, size).map((piece, at) => (at ? slots.slice(Math.min(at * size, slots.length - size)).slice(0, size) : piece));
}

function cut(slots, size) {
  const pieces = [];
  for (let at = 0; at < slots.length; at += size) pieces.push(slots.slice(at, at + size));
  return pieces;
}
