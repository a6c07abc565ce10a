/**
 * Pairing against a hub that is played: what is shown, how often it is asked, and that it never hurries.
 */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { pair } from "../../hub/web/static/kiosk/pairing.js";

const BEGUN = {
  device_code: "secret",
  user_code: "BCDF-GHJK",
  expires_in: 600,
  interval: 5,
  verification_uri: "https://hub.example/#devices",
};
let asked; // [ms, path]
let shown;
let answers; // path → () => [status, body, headers] | throws
let now;
let told; // [Date, ms]
const time = { hear: (answer, trip) => told.push([answer.headers.get("Date"), trip]) };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  now = 0;
  asked = [];
  shown = [];
  told = [];
  mock.method(performance, "now", () => now);
  mock.method(AbortSignal, "timeout", () => undefined);
  globalThis.fetch = async (path) => {
    asked.push([now, path]);
    const [status, body = {}, headers = {}] = answers(path);
    return new Response(JSON.stringify(body), { status, headers });
  };
});

async function pass(ms) {
  for (const end = now + ms; now < end; ) {
    now += 100;
    mock.timers.tick(100);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    await new Promise(setImmediate);
  }
}

const begins = () => asked.filter(([, path]) => path.endsWith("pairings"));

test("it asks every interval until it is approved", async () => {
  let approved = false;
  answers = (path) =>
    path.endsWith("claim") ? (approved ? [200, { token: "hubd_x", device: {} }] : [202, { pending: true }]) : [201, BEGUN];
  const found = pair((told) => shown.push(told), time);
  await pass(61_000);
  assert.equal(asked.length, 1 + 12);
  approved = true;
  await pass(5_000);
  assert.equal((await found).token, "hubd_x");
  assert.ok(shown[0].code === "BCDF-GHJK" && shown[0].where === BEGUN.verification_uri);
  assert.ok(shown.at(-1).taken);
  assert.ok(!JSON.stringify(shown).includes("secret"));
});

test("each answer tells the time, and how long it took", async () => {
  const Date = "Thu, 31 Jan 2030 15:00:00 GMT";
  answers = (path) => (path.endsWith("claim") ? [503, {}, { Date }] : [201, BEGUN, { Date }]);
  pair((what) => shown.push(what), time);
  await pass(6_000);
  assert.deepEqual(told.map(([date]) => date), [Date, Date]);
  assert.ok(told.every(([, trip]) => trip >= 0 && trip <= 100));
});

test("a code that is over is replaced, and a hub that refuses each at once is not hurried", async () => {
  answers = (path) => (path.endsWith("claim") ? [202, {}] : [201, BEGUN]);
  pair((told) => shown.push(told), time);
  await pass(1_300_000);
  assert.equal(begins().length, 3);

  asked = [];
  answers = (path) => (path.endsWith("claim") ? [410] : [201, { ...BEGUN, interval: 0 }]);
  await pass(3_600_000);
  assert.ok(begins().length < 130, `${begins().length} codes an hour`);
});

test("without a hub it tries ever more slowly, for ever, and says when", async () => {
  answers = () => {
    throw new TypeError("no network");
  };
  pair((told) => shown.push(told), time);
  await pass(3_600_000);
  const gaps = asked.slice(1).map(([at], place) => at - asked[place][0]);
  assert.ok(Math.min(...gaps) >= 2_000);
  assert.ok(Math.max(...gaps) <= 60_200);
  assert.ok(asked.length > 60 && asked.length < 140, `${asked.length} tries an hour`);
  assert.ok(shown.every(({ offline, retryAt }) => offline && retryAt > 0));
});

test("what the hub wishes is kept", async () => {
  answers = () => [429, {}, { "Retry-After": "300" }];
  pair((told) => shown.push(told), time);
  await pass(3_600_000);
  assert.ok(asked.length <= 13, `${asked.length}`);
});

test("while the hub is away the code stays", async () => {
  let away = false;
  answers = (path) => {
    if (away) throw new TypeError("no network");
    return path.endsWith("claim") ? [202, {}] : [201, BEGUN];
  };
  pair((told) => shown.push(told), time);
  await pass(10_000);
  away = true;
  await pass(60_000);
  assert.ok(shown.at(-1).offline && shown.at(-1).code === "BCDF-GHJK");
  away = false;
  await pass(60_000);
  assert.ok(!shown.at(-1).offline && shown.at(-1).code === "BCDF-GHJK");
  assert.equal(begins().length, 1);
});
