/**
 * Rows: whole frames only, cursors over reconnections, what is counted, one's own writes.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HubClient, visible } from "../../hub/web/static/client/hub.js";
import { change, cursor, greet, picture, row, turn, upsert, world } from "./fakes.js";

let on;
let hub;

beforeEach(async () => {
  on = world();
  hub = new HubClient({ getToken: () => "t", transport: "websocket" });
  hub.connect();
  await turn();
  await greet(on.socket);
});

const ids = (watch) => [...watch.rows.keys()];

/** Cut the line and come back. */
async function again(code = 1006) {
  on.socket.end(code);
  await on.clock.pass(20_000);
  await greet(on.socket);
}

async function live(rows = [row("a")], topic = "bookings") {
  const watch = hub.watch(topic);
  picture(on.socket, on.socket.heard("watch").at(-1).id, rows);
  await watch.ready;
  return watch;
}

test("a picture in pages is shown when it is whole", async () => {
  const flights = hub.watch("bookings", { status: ["AT_RISK"] });
  assert.deepEqual(on.socket.said.at(-1), { type: "watch", id: "1", topic: "bookings", filter: { status: ["AT_RISK"] } });
  const told = [];
  flights.onchange = (change) => told.push(change);
  on.socket.tell({ type: "rows", id: "1", rows: [row("a")], more: true });
  on.socket.tell({ type: "rows", id: "1", rows: [row("b")], more: false });
  // What changed since the picture was read comes before `live`, to this watch.
  on.socket.tell(change("v1", 101, [upsert("c"), { op: "remove", key: "a" }], { id: "1" }));
  assert.deepEqual([ids(flights), flights.status, told.length], [[], "loading", 0]);
  on.socket.tell({ type: "live", id: "1", view: "v1", cursor: cursor(102), resumed: false });
  assert.deepEqual([ids(flights), flights.status, flights.cursor], [["b", "c"], "live", cursor(102)]);
  assert.deepEqual(told, [{ reset: true, transactions: [] }]);
});

test("a change is whole before anybody is told, in order", async () => {
  const flights = await live([row("a"), row("b")]);
  const seen = [];
  flights.onchange = ({ transactions }) => seen.push([ids(flights), transactions.map(({ tx }) => tx)]);
  const swap = change("v1", 101, [upsert("c"), { op: "remove", key: "a" }]);
  swap.transactions.push({ tx: "103", at: "…", items: [upsert("a", { status: "AT_RISK" })] });
  on.socket.tell(swap);
  assert.deepEqual(seen, [[["b", "c", "a"], ["101", "103"]]]);
  assert.equal(flights.rows.get("a").status, "AT_RISK");
});

test("changes of other views, and before live, are not its own", async () => {
  const flights = await live();
  const late = hub.watch("notifications");
  on.socket.tell(change("v2", 101, [upsert("n")]), change("v9", 101, [upsert("x")]));
  assert.deepEqual([ids(flights), ids(late)], [["a"], []]);
});

test("a listener that throws does not break the stream", async () => {
  globalThis.reportError = () => {};
  const flights = await live();
  const heard = [];
  flights.onchange = () => {
    throw new Error("a page's bug");
  };
  flights.on("change", (one) => heard.push(one.transactions[0].tx));
  on.socket.tell(change("v1", 101, [upsert("b")]), change("v1", 102, [upsert("c")]));
  assert.deepEqual([heard, ids(flights)], [["101", "102"], ["a", "b", "c"]]);
});

test("cursors are kept over reconnections, each its own", async () => {
  const flights = await live();
  const notes = await live([], "notifications");
  on.socket.tell(change("v1", 150, [upsert("b")]));
  await again();
  assert.deepEqual(on.socket.heard("watch").map(({ id, cursor }) => [id, cursor]), [["1", cursor(151)], ["2", cursor(100)]]);
  assert.equal(flights.status, "stale");
  const told = [];
  flights.onchange = (one) => told.push(one);
  on.socket.tell(change("v7", 160, [upsert("c")], { id: "1" }));
  on.socket.tell({ type: "live", id: "1", view: "v7", cursor: cursor(161), resumed: true });
  assert.deepEqual([ids(flights), flights.status, told.length], [["a", "b", "c"], "live", 1]);
  on.socket.tell(change("v7", 170, [upsert("d")]));
  assert.deepEqual([ids(flights), ids(notes)], [["a", "b", "c", "d"], []]);
});

test("a catch-up in pages is one change; cut between them, nothing was told", async () => {
  const flights = await live();
  const told = [];
  flights.onchange = (one) => told.push(one.transactions.map(({ tx }) => tx));
  await again();
  const page = (tx, more) => ({ ...change("v2", tx, [upsert(`n${tx}`)], { id: "1" }), ...(more && { more, cursor: cursor(100) }) });
  on.socket.tell(page(101, true), page(102, true));
  await again();
  assert.deepEqual([told, on.socket.heard("watch")[0].cursor], [[], cursor(100)]);
  on.socket.tell(page(101, true), page(102, true), page(103, false));
  on.socket.tell({ type: "live", id: "1", view: "v2", cursor: cursor(104), resumed: true });
  assert.deepEqual([told, ids(flights)], [[["101", "102", "103"]], ["a", "n101", "n102", "n103"]]);
});

test("a ping's cursor is good for every live watch, and for no other", async () => {
  const flights = await live();
  const notes = hub.watch("notifications");
  on.socket.tell({ type: "ping", cursor: cursor(500), sent: 0, fresh_until: "2030-01-31T15:05:00Z" });
  assert.deepEqual([flights.cursor, notes.cursor], [cursor(500), null]);
});

test("frames that were lost are noticed once and asked for again, and nothing is told twice", async () => {
  const warned = [];
  console.warn = (text) => warned.push(text);
  const flights = await live();
  const told = [];
  flights.onchange = (one) => told.push(one.transactions.flatMap(({ items }) => items.map(({ key }) => key)));
  on.socket.tell({ type: "ping", cursor: cursor(120), sent: 0, fresh_until: "2030-01-31T15:05:00Z" });
  // A change with tx 130 never came.
  on.socket.tell(change("v1", 140, [upsert("c")]));
  on.socket.tell({ type: "ping", cursor: cursor(150), sent: 2, fresh_until: "2030-01-31T15:05:00Z" });
  assert.equal(hub.state, "waiting");
  assert.equal(warned.length, 1);
  await on.clock.pass(250);
  await greet(on.socket);
  assert.equal(on.socket.heard("watch")[0].cursor, cursor(120));
  const missed = change("v2", 140, [upsert("c")], { id: "1" });
  missed.transactions.unshift({ tx: "130", at: "…", items: [upsert("b")] });
  on.socket.tell(missed, { type: "live", id: "1", view: "v2", cursor: cursor(150), resumed: true });
  on.socket.tell({ type: "ping", cursor: cursor(151), sent: 1, fresh_until: "2030-01-31T15:05:00Z" });
  assert.deepEqual([ids(flights), told, hub.state], [["a", "c", "b"], [["c"], ["b"]], "online"]);
});

test("a reset leaves the old rows until the new picture is whole", async () => {
  const flights = await live([row("a"), row("b")]);
  const said = [];
  flights.on("status", (status) => said.push(status));
  on.socket.tell({ type: "reset", id: "1", reason: "retention" });
  on.socket.tell({ type: "rows", id: "1", rows: [row("c")], more: false });
  assert.deepEqual([ids(flights), flights.status], [["a", "b"], "loading"]);
  on.socket.tell({ type: "live", id: "1", view: "v1", cursor: cursor(200), resumed: false });
  assert.deepEqual([ids(flights), said], [["c"], ["loading", "live"]]);
});

test("cut in the middle of a picture: the old rows stay, the picture begins anew", async () => {
  const flights = await live([row("a")]);
  on.socket.tell({ type: "reset", id: "1", reason: "retention" });
  on.socket.tell({ type: "rows", id: "1", rows: [row("half")], more: true });
  await again();
  assert.equal("cursor" in on.socket.heard("watch")[0], false);
  assert.deepEqual(ids(flights), ["a"]);
  picture(on.socket, "1", [row("z")]);
  assert.deepEqual(ids(flights), ["z"]);
});

test("other rights: what was seen with the old ones goes at once", async () => {
  const flights = await live([row("a")]);
  on.socket.tell({ type: "reset", id: "1", reason: "rights" });
  assert.deepEqual(ids(flights), []);
});

test("another person is welcomed: nothing of the first is left, and no cursor", async () => {
  const flights = await live([row("a")]);
  on.socket.end(1006);
  await on.clock.pass(20_000);
  await greet(on.socket, { principal: { kind: "user", id: "u2", role: "STUDENT", name: "Bo B" } });
  assert.deepEqual([ids(flights), flights.status], [[], "loading"]);
  assert.equal("cursor" in on.socket.heard("watch")[0], false);
});

test("a REST read's cursor and rows are a beginning", async () => {
  const flights = hub.watch("bookings", {}, { cursor: cursor(90), rows: [row("a"), row("b")] });
  assert.equal(on.socket.said.at(-1).cursor, cursor(90));
  assert.deepEqual([ids(flights), flights.status], [["a", "b"], "stale"]);
  on.socket.tell({ type: "live", id: "1", view: "v1", cursor: cursor(95), resumed: true });
  await flights.ready;
  assert.equal(flights.status, "live");
});

test("equal watches are one underneath; the last that closes ends it", async () => {
  const one = hub.watch("bookings", { from: "today", airport: "KPAO" });
  const two = hub.watch("bookings", { airport: "KPAO", from: "today", to: undefined });
  assert.equal(on.socket.heard("watch").length, 1);
  picture(on.socket, "1", [row("a")]);
  const three = hub.watch("bookings", { airport: "KPAO", from: "today" });
  await Promise.all([one.ready, two.ready, three.ready]);
  assert.equal(two.rows, one.rows);
  let heard = 0;
  two.onchange = () => (heard += 1);
  one.close();
  three.close();
  on.socket.tell(change("v1", 101, [upsert("b")]));
  assert.equal(heard, 1);
  assert.equal(on.socket.heard("unwatch").length, 0);
  two.close();
  two.close();
  assert.deepEqual(on.socket.heard("unwatch"), [{ type: "unwatch", id: "1" }]);
});

test("a refused watch says so; a temporary refusal is asked again", async () => {
  const told = [];
  hub.on("error", ({ code, topic }) => told.push([code, topic]));
  const devices = hub.watch("devices");
  on.socket.tell({ type: "error", id: "1", code: "forbidden", message: "not yours to watch", temporary: false });
  await assert.rejects(devices.ready, { code: "forbidden" });
  assert.deepEqual([devices.status, devices.error.code], ["failed", "forbidden"]);
  const flights = hub.watch("bookings");
  on.socket.tell({ type: "error", id: "2", code: "unavailable", message: "later", temporary: true });
  assert.equal(flights.status, "loading");
  await on.clock.pass(5000);
  assert.equal(on.socket.heard("watch").filter(({ id }) => id === "2").length, 2);
  assert.deepEqual(told, [["forbidden", "devices"], ["unavailable", "bookings"]]);
});

test("a watch of what was refused before says so at once, and its iteration ends with it", async () => {
  const first = hub.watch("devices");
  on.socket.tell({ type: "error", id: "1", code: "forbidden", message: "not yours to watch", temporary: false });
  for (const watch of [first, hub.watch("devices")]) {
    const reader = watch[Symbol.asyncIterator]();
    const ends = reader.next();
    assert.deepEqual(await Promise.all([isDone(watch.ready), isDone(ends)]), [true, true]);
    await assert.rejects(watch.ready, { code: "forbidden", message: "not yours to watch" });
    await assert.rejects(ends, { code: "forbidden" });
    assert.deepEqual(await reader.next(), { value: undefined, done: true });
  }
});

test("a watch is iterated: whatever came while nobody read, then as it comes, then the end", async () => {
  const flights = await live();
  const reader = flights[Symbol.asyncIterator]();
  on.socket.tell(change("v1", 101, [upsert("b")]), change("v1", 102, [upsert("c")]));
  const tx = async () => (await reader.next()).value.transactions[0].tx;
  assert.deepEqual([await tx(), await tx()], ["101", "102"]);
  const next = tx();
  on.socket.tell(change("v1", 103, [upsert("d")]));
  assert.equal(await next, "103");
  const last = reader.next();
  flights.close();
  assert.deepEqual(await last, { value: undefined, done: true });
});

test("an iterator that nobody reads does not grow: it is told to look at the rows", async () => {
  const flights = await live();
  const reader = flights[Symbol.asyncIterator]();
  for (let tx = 101; tx < 101 + 1001; tx++) on.socket.tell(change("v1", tx, [upsert("b", { tx })]));
  assert.equal((await reader.next()).value.reset, true);
});

test("visible is PostgreSQL's", () => {
  for (const [tx, at, is] of [
    [9, "e.10:20:12,15", true],
    [10, "e.10:20:12,15", true],
    [12, "e.10:20:12,15", false],
    ["13", "e.10:20:12,15", true],
    [15n, "e.10:20:12,15", false],
    [19, "e.10:20:12,15", true],
    [20, "e.10:20:12,15", false],
    ["9223372036854775808", "e.9223372036854775807:9223372036854775809:", true],
    ["9223372036854775809", "e.9223372036854775807:9223372036854775809:", false],
    [1, null, false],
    [1, "nonsense", false],
    [1, "10:20:", false],
  ]) {
    assert.equal(visible(tx, at), is, `${tx} in ${at}`);
  }
});

/** Whether a promise is settled by now. */
async function isDone(promise) {
  let done = false;
  const settled = () => (done = true);
  promise.then(settled, settled);
  await turn();
  return done;
}

test("seen: every watch must have passed it", async () => {
  await live();
  await live([], "notifications");
  await hub.seen(null); // a write that changed nothing
  await hub.seen(99); // both pictures are younger
  const seen = hub.seen("120");
  on.socket.tell(change("v1", 110, [upsert("b")]));
  await on.clock.pass(100);
  assert.equal(await isDone(seen), false);
  // The frames of one batch come in one write: after this one, the other watch's would have come too.
  on.socket.tell(change("v1", 120, [upsert("b")]));
  assert.equal(await isDone(seen), false);
  await on.clock.pass(50);
  assert.equal(await isDone(seen), true);
});

test("seen: a watch that is on its way has not passed it, whatever another was told", async () => {
  await live();
  hub.watch("notifications");
  const seen = hub.seen(120);
  on.socket.tell(change("v1", 120, [upsert("b")]));
  await on.clock.pass(200);
  assert.equal(await isDone(seen), false);
  picture(on.socket, "2", [], { at: 121 });
  assert.equal(await isDone(seen), true);
});

test("seen: a ping that has passed it will do, a transaction under way will not", async () => {
  await live();
  const seen = hub.seen(130n);
  const fresh_until = "2030-01-31T15:05:00Z";
  on.socket.tell({ type: "ping", cursor: "e1.130:140:130", sent: 0, fresh_until });
  await on.clock.pass(100);
  assert.equal(await isDone(seen), false);
  on.socket.tell({ type: "ping", cursor: "e1.140:140:", sent: 0, fresh_until });
  assert.equal(await isDone(seen), true);
});

test("seen: over a reconnection, and with a limit", async () => {
  await live();
  const [seen, late] = [hub.seen(130), hub.seen(9999, { timeout: 60_000 })];
  late.catch(() => {});
  await again();
  on.socket.tell(change("v1", 130, [upsert("b")], { id: "1" }));
  on.socket.tell({ type: "live", id: "1", view: "v1", cursor: cursor(131), resumed: true });
  assert.equal(await isDone(seen), true);
  await on.clock.pass(60_000);
  await assert.rejects(late, { name: "TimeoutError" });
  await assert.rejects(hub.seen("no number"));
});
