/**
 * The hub's time by the Date of an answer: right to the second, and left alone while it is not contradicted.
 */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Time } from "../../hub/web/static/kiosk/time.js";

const NOW = Date.parse("2030-01-31T15:00:00Z");
const HOURS = 3 * 3_600_000;
let mono;
let wall;

beforeEach(() => {
  mono = 0;
  wall = NOW - HOURS;
  mock.method(performance, "now", () => mono);
  mock.method(Date, "now", () => wall);
});

const pass = (ms) => {
  mono += ms;
  wall += ms;
};
const answer = (at) => new Response("", { headers: at === null ? {} : { Date: new Date(at).toUTCString() } });

test("until the hub is heard it is the machine's clock and what is remembered of it", () => {
  assert.equal(new Time().now(), wall);
  assert.equal(new Time(HOURS).now(), NOW);
  const time = new Time(HOURS);
  time.hear(answer(null), 10);
  assert.equal(time.now(), NOW);
});

test("a Date sets it to the second, and is not followed up and down within that", () => {
  const time = new Time();
  for (let beat = 0; beat < 50; beat += 1) {
    pass(5_137);
    const real = NOW + mono;
    time.hear(answer(Math.floor(real / 1000) * 1000), 40);
    const before = time.now();
    assert.ok(Math.abs(before - real) <= 1_000, `${before - real}`);
    pass(100);
    assert.equal(time.now(), before + 100);
  }
  wall -= HOURS;
  const before = time.now();
  pass(1_000);
  assert.equal(time.now(), before + 1_000);
});

test("a clock that was set ahead is taken for a sleep until the hub says otherwise", () => {
  const time = new Time();
  time.hear(answer(NOW), 0);
  wall += HOURS;
  assert.equal(time.now(), NOW + 500);
  pass(6_000);
  assert.equal(time.now(), NOW + HOURS + 6_500);
  time.hear(answer(NOW + 6_000), 0);
  assert.equal(time.now(), NOW + 6_500);
});
