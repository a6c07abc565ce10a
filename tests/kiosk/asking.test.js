/**
 * The first picture: whole or none, however many pages it has, and from the first page's cursor on.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { firstPicture, isRefused } from "../../hub/web/static/kiosk/asking.js";

const TODAY = { from: "today", to: "tomorrow" };
const row = (id, status = "CONFIRMED") => ({ id, status });
let asked;
let heard;
let answers; // what is answered, in turn: [status, body, headers], or an Error
const time = { hear: (answer) => heard.push(answer.status) };

beforeEach(() => {
  asked = [];
  heard = [];
  globalThis.fetch = async (path, { headers }) => {
    asked.push(path);
    assert.equal(headers.Authorization, "Bearer hubd_x");
    assert.ok(!path.includes("hubd_x"));
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    const [status, body, more = {}] = answer;
    return new Response(JSON.stringify(body), { status, headers: more });
  };
});

test("a busy day is one read", async () => {
  const items = Array.from({ length: 120 }, (_, n) => row(`${n}`));
  answers = [[200, { items, next: null }, { "Hub-Cursor": "e.1:1:" }]];
  const { cursor, rows } = await firstPicture(TODAY, "hubd_x", time);
  assert.deepEqual([cursor, rows.size], ["e.1:1:", 120]);
  assert.deepEqual(asked, ["/api/v1/board?from=today&to=tomorrow&limit=1000"]);
  assert.deepEqual(heard, [200]);
});

test("pages are followed, and the stream begins where the first was read", async () => {
  answers = [
    [200, { items: [row("a"), row("b")], next: "p=" }, { "Hub-Cursor": "e.1:1:" }],
    [200, { items: [row("b", "AT_RISK"), row("c")], next: null }, { "Hub-Cursor": "e.9:9:" }],
  ];
  const { cursor, rows } = await firstPicture(TODAY, "hubd_x", time);
  assert.deepEqual([cursor, [...rows.values()]], ["e.1:1:", [row("a"), row("b", "AT_RISK"), row("c")]]);
  assert.ok(asked[1].endsWith("&after=p%3D"));
});

test("half a picture is none", async () => {
  const page = [200, { items: [row("a")], next: "p" }, { "Hub-Cursor": "e.1:1:" }];
  for (const then of [new TypeError("no network"), [503, {}], [200, "no page"]]) {
    answers = [page, then];
    assert.deepEqual(await firstPicture(TODAY, "hubd_x", time), {});
  }
  answers = [[200, { items: [], next: null }]];
  assert.deepEqual(await firstPicture(TODAY, "hubd_x", time), {});
  answers = Array.from({ length: 100 }, () => page);
  assert.deepEqual(await firstPicture(TODAY, "hubd_x", time), {});
  assert.ok(asked.length < 40, "it asks for ever");
});

test("only a hub that says so knows a screen no more", async () => {
  answers = [[401, {}], [200, {}], [503, {}], new TypeError("no network")];
  const told = [];
  for (let door = 0; door < 4; door += 1) told.push(await isRefused("hubd_x", time));
  assert.deepEqual(told, [true, false, false, false]);
});
