/**
 * Which flights hang where: nothing ahead is left out or shown twice, whatever the day and the height.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { arranged, paged, phase } from "../../hub/web/static/kiosk/flights.js";

const NOW = Date.parse("2031-05-06T12:00:00Z");
const flight = (id, minutes, status = "CONFIRMED", long = 60) => ({
  id,
  departs: new Date(NOW + minutes * 60_000).toISOString(),
  minutes: long,
  status,
});
const keys = (slots) => slots.map(({ row, over }) => row?.id ?? `over ${over}`);

test("a flight keeps its place for ten minutes after its time, then recedes", () => {
  assert.equal(phase(flight("a", 1), NOW), "ahead");
  assert.equal(phase(flight("a", -5), NOW), "late");
  assert.equal(phase(flight("a", -11), NOW), "out");
  assert.equal(phase(flight("a", -60), NOW), "over");
  assert.equal(phase(flight("a", 5, "COMPLETED"), NOW), "over");
  assert.equal(phase(flight("a", -1, "CANCELLED"), NOW), "over");
  assert.equal(phase(flight("a", 1, "CANCELLED"), NOW), "ahead");
});

test("who must act is first, what is over last, and the next departure is one that will leave", () => {
  const found = arranged(
    [
      flight("d", 90),
      flight("c", 30, "RESCHEDULING"),
      flight("b", 40, "AT_RISK"),
      flight("a", -90),
      flight("e", 20, "CANCELLED"),
      flight("f", -20),
      flight("g", -20, "AT_RISK"),
    ],
    NOW,
  );
  assert.deepEqual(keys(found.attention), ["g", "c", "b"]);
  assert.deepEqual(keys(found.ahead), ["e", "d"]);
  assert.deepEqual(keys(found.over), ["f", "a"]);
  assert.equal(found.next.id, "b");
});

test("nothing: one page, empty", () => {
  assert.deepEqual(paged(arranged([], NOW), 10), [[]]);
});

test("what fits on one page is on one page, whoever must act", () => {
  const at = (count, status) => Array.from({ length: count }, (_, n) => flight(`${status} ${n}`, 10 + n, status));
  const count = (rows, capacity) => paged(arranged(rows, NOW), capacity).map((page) => page.length);
  assert.deepEqual(count(at(10, "AT_RISK"), 11), [10]);
  assert.deepEqual(count([...at(10, "AT_RISK"), ...at(1, "CONFIRMED")], 11), [11]);
  assert.deepEqual(count([...at(7, "RESCHEDULING"), flight("out", -20), flight("over", -120)], 11), [10]);
  // Where it does not, they have what those ahead do not need, and what is over waits.
  assert.deepEqual(count([...at(10, "AT_RISK"), ...at(3, "CONFIRMED")], 11), [11, 11]);
  assert.deepEqual(count([...at(10, "AT_RISK"), flight("out", -20), flight("over", -120)], 11), [10]);
});

test("every page fits, and each flight that is ahead is on exactly one, those who must act on enough", () => {
  for (let trial = 0; trial < 2000; trial += 1) {
    const dice = (most) => Math.floor(Math.random() * most);
    const rows = Array.from({ length: dice(70) }, (_, n) =>
      flight(`${n}`, dice(900) - 400, ["CONFIRMED", "CONFIRMED", "AT_RISK", "RESCHEDULING", "COMPLETED", "CANCELLED"][dice(6)]),
    );
    const capacity = 2 + dice(16);
    const found = arranged(rows, NOW);
    const pages = paged(found, capacity);
    const shown = new Map();
    for (const page of pages) {
      assert.ok(page.length <= capacity);
      assert.equal(new Set(keys(page)).size, page.length);
      assert.ok(page.at(-1)?.over === undefined, "a heading with nothing below it");
      for (const key of keys(page)) shown.set(key, (shown.get(key) ?? 0) + 1);
    }
    const sum = found.attention.length + found.ahead.length + (found.over.length ? 1 + found.over.length : 0);
    if (sum <= capacity) assert.equal(pages.length, 1);
    for (const { row } of found.attention) assert.ok(shown.get(row.id) >= 1);
    for (const { row } of found.ahead) assert.ok(shown.get(row.id) >= 1);
    // Where those who must act have room, they are on every page.
    if (found.attention.length <= Math.floor(capacity / 2)) {
      for (const page of pages) assert.deepEqual(keys(page).slice(0, found.attention.length), keys(found.attention));
      for (const { row } of found.ahead) assert.equal(shown.get(row.id), 1);
    }
  }
});
