/**
 * Tabs: one line for all of one person; whoever leads, nobody misses or hears twice.
 *
 * Several clients in one process are the tabs of one browser: they share its locks and channels.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HubClient } from "../../hub/web/static/client/hub.js";
import { FakeChannel, change, cursor, greet, picture, row, turn, upsert, world } from "./fakes.js";

let on;
beforeEach(() => {
  on = world({ sharing: true });
});

const part = (claims) => Buffer.from(JSON.stringify(claims)).toString("base64url");
const token = (sub, more = {}) => `h.${part({ iss: "pool", sub, ...more })}.s`;

/** A tab: connected, with a watch of bookings. */
async function tab(sub = "ann", options = {}) {
  const channels = new Set(FakeChannel.all);
  const hub = new HubClient({ getToken: () => token(sub, { at: Math.random() }), transport: "websocket", ...options });
  hub.connect();
  await turn();
  const [channel] = [...FakeChannel.all].filter((one) => !channels.has(one));
  const watch = hub.watch("bookings");
  const told = [];
  watch.onchange = ({ reset, transactions }) => told.push(...(reset ? ["reset"] : transactions.map(({ tx }) => tx)));
  return { hub, watch, told, channel };
}

/** The leader, welcomed, and one that follows; both with their picture. */
async function pair() {
  const first = await tab();
  await greet(on.socket);
  picture(on.socket, "1", [row("a")], { view: "v1" });
  const second = await tab();
  await turn();
  const [id] = on.socket.heard("watch").map(({ id }) => id).filter((id) => id !== "1");
  picture(on.socket, id, [row("a")], { view: "v1" });
  await turn();
  return { first, second, id };
}

const ids = ({ watch }) => [...watch.rows.keys()];

/** A tab that dies: its locks are freed by the browser and its timers, for us, do nothing. */
async function die({ channel }) {
  channel.mute = true;
  const locks = on.locks.names;
  on.sockets.at(-1).onmessage = on.sockets.at(-1).onclose = null;
  for (const name of locks.filter((name) => name === channel.name)) on.locks.break(name);
  await turn();
}

test("there is one socket, and both see the same", async () => {
  const { first, second } = await pair();
  assert.equal(on.sockets.length, 1);
  assert.deepEqual([first.hub.via, second.hub.via], ["websocket", "tab"]);
  assert.deepEqual([first.hub.state, second.hub.state], ["online", "online"]);
  on.socket.tell(change("v1", 101, [upsert("b")]));
  await turn();
  assert.deepEqual([ids(first), ids(second)], [["a", "b"], ["a", "b"]]);
  assert.deepEqual([second.told, second.watch.status], [["reset", "101"], "live"]);
  assert.equal(second.hub.principal.id, "u1");
  on.socket.tell({ type: "ping", cursor: cursor(300), sent: 1, fresh_until: "2030-01-31T15:09:00Z" });
  await turn();
  assert.equal(second.watch.cursor, cursor(300));
  assert.equal(second.hub.freshUntil, first.hub.freshUntil);
  assert.equal(on.socket.heard("pong").length, 1);
});

test("the leader closes: the other resumes from its own cursor, without a gap or a repeat", async () => {
  const { first, second } = await pair();
  on.socket.tell(change("v1", 101, [upsert("b")]));
  await turn();
  first.hub.close();
  await turn();
  await on.clock.pass(0);
  assert.equal(on.sockets.length, 2);
  await greet(on.socket);
  assert.equal(second.hub.via, "websocket");
  assert.equal(on.socket.heard("watch")[0].cursor, cursor(102));
  on.socket.tell(change("v8", 105, [upsert("c")], { id: "1" }));
  on.socket.tell({ type: "live", id: "1", view: "v8", cursor: cursor(106), resumed: true });
  assert.deepEqual([second.told, ids(second)], [["reset", "101", "105"], ["a", "b", "c"]]);
});

test("the leader dies: the next one leads, the third follows it", async () => {
  const { first, second } = await pair();
  const third = await tab();
  await turn();
  await die(first);
  await on.clock.pass(0);
  assert.equal(on.sockets.length, 2);
  await greet(on.socket);
  await turn();
  assert.deepEqual([second.hub.via, third.hub.via, third.hub.state], ["websocket", "tab", "online"]);
  assert.equal(on.socket.heard("watch").length, 2);
});

test("the leader is frozen: it is asked, and robbed; thawed, it follows", async () => {
  const { first, second } = await pair();
  first.channel.mute = true;
  on.locks.onsteal = () => (first.channel.mute = false); // a frozen tab learns of it when it thaws
  await on.clock.pass(30_000);
  on.socket.tell({ type: "ping", cursor: cursor(300), sent: 0, fresh_until: "2030-01-31T15:09:00Z" });
  await on.clock.pass(7_200); // no ping has come round; no answer either
  assert.deepEqual([second.hub.via, first.hub.via, on.sockets.length], ["websocket", "tab", 2]);
  await greet(on.socket);
  assert.deepEqual([second.hub.state, first.hub.state], ["online", "online"]);
  await on.clock.pass(20_000);
  assert.equal(on.sockets.length, 2);
  assert.ok(on.sockets[0].closed);
});

test("a leader that is alive is not robbed, though the hub is away", async () => {
  const { first, second } = await pair();
  on.socket.end(1006);
  await turn();
  assert.deepEqual([second.hub.state, second.watch.status], ["waiting", "stale"]);
  assert.equal(second.hub.retryAt, first.hub.retryAt);
  for (let i = 0; i < 20; i++) {
    await on.clock.pass(10_000);
    on.socket.end(1006);
  }
  assert.equal(first.hub.via, "websocket");
  await on.clock.pass(60_000);
  await greet(on.socket);
  await turn();
  assert.deepEqual([second.hub.state, second.hub.via], ["online", "tab"]);
  assert.deepEqual(on.socket.heard("watch").map(({ cursor }) => cursor), [cursor(100), cursor(100)]);
});

test("a tab that leaves or dies takes its watches along", async () => {
  const { second, id } = await pair();
  second.hub.close();
  await turn();
  assert.deepEqual(on.socket.heard("unwatch"), [{ type: "unwatch", id }]);
  const third = await tab();
  await turn();
  third.channel.mute = true;
  for (const name of on.locks.names) if (name.startsWith(`${third.channel.name}/`)) on.locks.break(name);
  await turn();
  assert.ok(on.socket.heard("unwatch").length >= 2);
});

test("what a tab did not hear it asks for again", async () => {
  const { second } = await pair();
  second.channel.mute = true;
  on.socket.tell(change("v1", 101, [upsert("b")]));
  await turn();
  second.channel.mute = false;
  on.socket.tell(change("v1", 102, [upsert("c")]));
  await turn();
  const asked = on.socket.heard("watch").at(-1);
  assert.equal(asked.cursor, cursor(100));
  on.socket.tell(change("v1", 102, [upsert("b"), upsert("c")], { id: asked.id }));
  on.socket.tell({ type: "live", id: asked.id, view: "v1", cursor: cursor(103), resumed: true });
  await turn();
  assert.deepEqual(ids(second), ["a", "b", "c"]);
});

test("joining twice is joining once: no answer to the first is taken for one to the second", async () => {
  const { second, id } = await pair();
  const post = second.channel.postMessage.bind(second.channel);
  second.channel.postMessage = (told) => {
    post(told);
    if (told.joins) post(told);
  };
  second.channel.mute = true;
  on.socket.tell(change("v1", 101, [upsert("b")]));
  await turn();
  second.channel.mute = false;
  on.socket.tell(change("v1", 102, [upsert("c")]), change("v1", 103, [upsert("d")]));
  await turn();
  const asked = on.socket.heard("watch").filter((one) => one.id.endsWith(".1"));
  assert.equal(asked.length, 2); // once for each time that was answered
  // What was on its way to the first is not for it any more.
  on.socket.tell({ type: "live", id, view: "v1", cursor: cursor(104), resumed: true });
  await turn();
  assert.deepEqual([second.watch.status, second.watch.cursor], ["stale", cursor(100)]);
  const last = asked.at(-1).id;
  on.socket.tell(change("v1", 103, [upsert("b"), upsert("c"), upsert("d")], { id: last }));
  on.socket.tell({ type: "live", id: last, view: "v1", cursor: cursor(104), resumed: true });
  await turn();
  assert.deepEqual([ids(second), second.watch.status], [["a", "b", "c", "d"], "live"]);
});

test("a leader whom the browser holds back is nudged when it is time", async () => {
  const { first } = await pair();
  on.socket.tell({ type: "bye", code: 4200, reason: "the hub restarts", retry_after: 2 });
  await turn();
  const left = first.hub.retryAt - on.clock.now;
  const [[held]] = [...on.clock.timers].filter(([, { at }]) => at === on.clock.mono + left);
  on.clock.timers.delete(held);
  await on.clock.pass(2_900);
  assert.equal(on.sockets.length, 1);
  await on.clock.pass(200);
  assert.equal(on.sockets.length, 2);
});

test("one that comes late is told the hub's time as it is, though the machine's clock was set meanwhile", async () => {
  const { first } = await pair();
  on.clock.now -= 3 * 3_600_000;
  const third = await tab();
  await turn();
  assert.equal(third.hub.now(), first.hub.now());
  assert.equal(third.hub.offset, 3 * 3_600_000);
});

test("one that comes late is told until when the hub vouches now, not when the line was opened", async () => {
  const { first } = await pair();
  for (const at of [25, 50]) {
    await on.clock.pass(25_000);
    const fresh_until = new Date(Date.parse("2030-01-31T15:00:33Z") + at * 1000).toISOString();
    on.socket.tell({ type: "ping", cursor: cursor(300), sent: 0, fresh_until });
  }
  const third = await tab();
  await turn();
  assert.deepEqual([third.hub.fresh, third.hub.freshUntil], [true, first.hub.freshUntil]);
  // And measures the time by the pings that come, as the leader does.
  await on.clock.pass(25_000);
  on.socket.tell({ type: "ping", cursor: cursor(301), sent: 0, fresh_until: "2030-01-31T15:01:48.000Z" });
  await turn();
  assert.equal(third.hub.now(), first.hub.now());
});

test("one that sees that the machine slept calls nothing live, and has the leader ask the hub", async () => {
  const { first, second } = await pair();
  for (const [id, timer] of on.clock.timers) if (timer.at < on.clock.mono + 2_000) on.clock.timers.delete(id);
  on.clock.now += 3_600_000;
  on.page.dispatchEvent(new Event("visibilitychange"));
  assert.notEqual(second.watch.status, "live");
  await on.clock.pass(300);
  assert.equal(on.sockets.length, 2);
  const [time, fresh_until] = [0, 33_000].map((ms) => new Date(first.hub.now() + ms).toISOString());
  await greet(on.socket, { time, fresh_until });
  assert.deepEqual([first.hub.state, second.hub.state, second.hub.fresh], ["online", "online", true]);
});

test("tabs of two people do not meet, nor those of two hubs", async () => {
  await tab("ann");
  await tab("bob");
  await tab("ann", { url: "https://other.example" });
  assert.equal(on.sockets.length, 3);
  await tab("ann");
  assert.equal(on.sockets.length, 3);
});

test("whoever signs in as another leaves, and nothing of the first is shown", async () => {
  let who = "ann";
  const one = await tab();
  await greet(on.socket);
  picture(on.socket, "1", [row("a")]);
  const channels = new Set(FakeChannel.all);
  const two = { hub: new HubClient({ getToken: () => token(who), transport: "websocket" }) };
  two.hub.connect();
  two.watch = two.hub.watch("bookings");
  await turn();
  picture(on.socket, on.socket.heard("watch").at(-1).id, [row("a")], { view: "v1" });
  await turn();
  assert.equal(ids(two).length, 1);
  who = "bob";
  two.hub.close();
  two.hub.connect();
  await turn();
  assert.equal(on.sockets.length, 2);
  await greet(on.socket, { principal: { kind: "user", id: "u2", role: "STUDENT", name: "Bo" } });
  assert.deepEqual([ids(two), ids(one)], [[], ["a"]]);
  assert.ok(channels.size);
});

test("a reconnection as somebody else leaves the tabs of the first", async () => {
  let who = "ann";
  const hub = new HubClient({ getToken: () => token(who), transport: "websocket" });
  hub.connect();
  await turn();
  await greet(on.socket);
  who = "bob";
  on.socket.end(1006);
  await on.clock.pass(1000);
  assert.equal(hub.state, "connecting");
  const other = await tab("ann"); // her own line, not his
  assert.deepEqual([other.hub.via, on.sockets.length], ["websocket", 3]);
});

test("signing out in one tab ends all, and their rows are gone", async () => {
  const { first, second } = await pair();
  second.hub.signOut();
  await turn();
  assert.deepEqual([first.hub.state, first.hub.stopped.code, ids(first)], ["stopped", 4001, []]);
  assert.deepEqual([second.hub.state, ids(second), second.hub.principal], ["idle", [], null]);
  await on.clock.pass(60_000);
  assert.equal(on.sockets.length, 1);
});

test("no room for its watches on the shared line: a tab gets its own", async () => {
  const { second, id } = await pair();
  on.socket.tell({ type: "error", id, code: "too_many_watches", message: "at most 32", temporary: false });
  await turn();
  assert.equal(on.sockets.length, 2);
  await greet(on.socket);
  assert.deepEqual([second.hub.via, second.hub.state], ["websocket", "online"]);
});

test("frames that were lost are doubted by every tab", async () => {
  console.warn = () => {};
  const { second } = await pair();
  on.socket.tell(change("v1", 140, [upsert("c")]));
  await turn();
  assert.equal(second.watch.cursor, cursor(141));
  on.socket.tell({ type: "ping", cursor: cursor(150), sent: 2, fresh_until: "2030-01-31T15:05:00Z" });
  await turn();
  assert.equal(second.watch.cursor, cursor(100));
});

test("a wake in any tab is the leader's", async () => {
  const { first, second } = await pair();
  on.socket.end(1006);
  await turn();
  assert.equal(first.hub.state, "waiting");
  second.hub.connect();
  await turn();
  assert.equal(on.sockets.length, 2);
});

test("where locks or channels are missing each tab has its own socket", async () => {
  on = world({ sharing: false });
  await tab();
  await tab();
  assert.equal(on.sockets.length, 2);
});
