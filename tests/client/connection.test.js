/**
 * The connection: when it comes back, when it stops, how it knows that nobody is there.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HubClient, SignInNeeded } from "../../hub/web/static/client/hub.js";
import { delay, verdict } from "../../hub/web/static/client/backoff.js";
import { WELCOME, cursor, greet, picture, row, turn, world } from "./fakes.js";

let on;
let asked;
let hub;

beforeEach(() => {
  on = world();
  asked = [];
  hub = new HubClient({ getToken: (why) => (asked.push(why), `t${asked.length}`), transport: "websocket" });
});

async function online(welcome) {
  hub.connect();
  await turn();
  await greet(on.socket, welcome);
}

test("says hello with a fresh token and tells who it is", async () => {
  const states = [];
  hub.on("state", (state) => states.push(state));
  await online();
  assert.equal(on.socket.url, "wss://hub.example/api/v1/ws");
  assert.equal(on.socket.protocol, "hub.v1");
  assert.deepEqual(on.socket.said, [{ type: "hello", token: "t1" }]);
  assert.deepEqual(states, ["connecting", "online"]);
  assert.equal(hub.principal.name, "Ada A");
  assert.deepEqual(asked, ["connect"]);
});

test("the server's clock is told by half the round trip", async () => {
  hub.connect();
  await turn();
  on.socket.open();
  await on.clock.pass(200);
  on.socket.tell({ ...WELCOME, time: "2030-01-31T15:01:00.100Z" });
  assert.equal(hub.offset, 60_000);
  assert.equal(hub.now(), on.clock.now + 60_000);
});

test("a verdict is the range of the code", () => {
  const of = { 4000: "stop", 4099: "stop", 4100: "back off", 4199: "back off", 4200: "now", 4299: "now" };
  for (const [code, what] of Object.entries(of)) assert.equal(verdict(Number(code)), what);
  for (const code of [1000, 1001, 1006, 1011, 3999, 4300]) assert.equal(verdict(code), "retry");
});

test("waits grow, with full jitter, to a limit; what the hub asks for is kept", () => {
  const waits = (what) => [0, 1, 2, 5, 10, 5000].map((failures) => delay(what, failures));
  assert.deepEqual(waits("retry"), [500, 1000, 2000, 15_000, 15_000, 15_000]);
  assert.deepEqual(waits("back off"), [2000, 4000, 8000, 30_000, 30_000, 30_000]);
  assert.deepEqual(waits("now"), [125, 1000, 2000, 15_000, 15_000, 15_000]);
  assert.equal(delay("now", 7, 3.4), 3400);
  assert.equal(delay("retry", 0, 0), 0);
  Math.random = () => 0;
  assert.equal(delay("retry", 9), 0);
});

test("a bye's retry_after is obeyed to the millisecond, and kept though the page wakes", async () => {
  await online();
  on.socket.tell({ type: "bye", code: 4200, reason: "the hub restarts", retry_after: 3.4 });
  assert.equal(hub.state, "waiting");
  assert.equal(hub.retryAt, on.clock.now + 3400);
  on.window("online");
  await on.clock.pass(3399);
  assert.equal(on.sockets.length, 1);
  await on.clock.pass(1);
  assert.equal(on.sockets.length, 2);
});

test("stops with the reason at 4000 to 4099, and begins again when asked", async () => {
  const told = [];
  hub.on("stopped", (stopped) => told.push(stopped));
  await online();
  on.socket.end(4003, "this user is gone");
  assert.equal(hub.state, "stopped");
  assert.deepEqual(told, [{ code: 4003, reason: "this user is gone" }]);
  on.window("online");
  await on.clock.pass(3_600_000);
  assert.equal(on.sockets.length, 1);
  hub.connect();
  await turn();
  assert.equal(hub.stopped, null);
  assert.equal(on.sockets.length, 2);
});

test("a refused token is replaced once, then it stops", async () => {
  hub.connect();
  await turn();
  on.socket.open();
  on.socket.tell({ type: "bye", code: 4001, reason: "bad token" });
  await turn();
  assert.deepEqual(asked, ["connect", "refused"]);
  on.socket.open();
  assert.equal(on.socket.said[0].token, "t2");
  on.socket.end(4001, "bad token");
  await turn();
  assert.deepEqual([hub.state, hub.stopped.code], ["stopped", 4001]);
  assert.equal(on.sockets.length, 2);
});

test("after a welcome a refused token is replaced again", async () => {
  await online();
  for (let i = 0; i < 3; i++) {
    on.socket.end(4001);
    await turn();
    await greet(on.socket);
  }
  assert.equal(hub.state, "online");
});

test("an expired token is replaced before coming back", async () => {
  await online();
  on.socket.end(4203);
  await on.clock.pass(250);
  assert.deepEqual(asked, ["connect", "refused"]);
});

test("an expiring token is renewed in place", async () => {
  await online();
  on.socket.tell({ type: "expiring", in: 60 });
  await turn();
  assert.deepEqual(on.socket.said.at(-1), { type: "auth", token: "t2" });
  assert.deepEqual(asked, ["connect", "expiring"]);
  assert.equal(on.sockets.length, 1);
});

test("without a token there is no line: SignInNeeded stops, anything else is tried again", async () => {
  const errors = [new Error("the provider is down"), new SignInNeeded("sign in")];
  hub = new HubClient({ getToken: () => Promise.reject(errors.shift()), transport: "websocket" });
  hub.connect();
  await turn();
  assert.equal(hub.state, "waiting");
  await on.clock.pass(600);
  assert.deepEqual([hub.state, hub.stopped.code, hub.stopped.reason], ["stopped", 4001, "sign in"]);
  assert.equal(on.sockets.length, 0);
});

test("tries for ever", async () => {
  hub.connect();
  for (let i = 0; i < 40; i++) {
    await turn();
    assert.equal(on.sockets.length, i + 1);
    on.socket.end(1006);
    assert.equal(hub.state, "waiting");
    await on.clock.pass(hub.retryAt - on.clock.now);
  }
});

test("no answer to the upgrade, or to hello, is a failure after 12 s", async () => {
  hub.connect();
  await on.clock.pass(11_999);
  assert.equal(hub.state, "connecting");
  on.socket.open();
  await on.clock.pass(1);
  assert.equal(hub.state, "waiting");
  assert.ok(on.socket.closed);
});

for (const [name, wake] of Object.entries({
  online: () => on.window("online"),
  visible: () => on.page.dispatchEvent(new Event("visibilitychange")),
  pageshow: () => on.window("pageshow"),
})) {
  test(`comes back at once: ${name}`, async () => {
    await online();
    on.socket.end(1006);
    assert.equal(hub.state, "waiting");
    wake();
    await turn();
    assert.equal(on.sockets.length, 2);
  });
}

test("a page that is hidden is no reason", async () => {
  await online();
  on.socket.end(1006);
  on.page.visibilityState = "hidden";
  on.page.dispatchEvent(new Event("visibilitychange"));
  await turn();
  assert.equal(on.sockets.length, 1);
});

test("while certainly offline nothing is tried, and nothing is asked for", async () => {
  await online();
  navigator.onLine = false;
  on.socket.end(1006);
  await on.clock.pass(3_600_000);
  assert.equal(on.sockets.length, 1);
  assert.deepEqual([hub.state, hub.retryAt, asked.length], ["waiting", null, 1]);
  navigator.onLine = true;
  on.window("online");
  await turn();
  assert.equal(on.sockets.length, 2);
});

test("a hub on this machine needs no network", async () => {
  navigator.onLine = false;
  hub = new HubClient({ url: "http://127.0.0.1:8080", getToken: () => "t" });
  hub.connect();
  await turn();
  assert.equal(on.socket.url, "ws://127.0.0.1:8080/api/v1/ws");
});

test("pings are answered; silence beyond the interval and 8 s is a dead line", async () => {
  await online();
  await on.clock.pass(25_000);
  on.socket.tell({ type: "ping", cursor: cursor(5), sent: 0, fresh_until: "2030-01-31T15:00:58Z" });
  assert.deepEqual(on.socket.said.at(-1), { type: "pong" });
  await on.clock.pass(32_900);
  assert.equal(hub.state, "online");
  await on.clock.pass(200);
  assert.equal(hub.state, "waiting");
  assert.ok(on.sockets[0].closed);
});

test("a machine that slept looks at once", async () => {
  await online();
  on.clock.now += 3_600_000; // no timer ran
  on.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(hub.state, "waiting");
});

const HOURS = 3 * 3_600_000;
const at = (ms) => new Date(Date.parse(WELCOME.time) + ms).toISOString();

test("a clock that is set ahead: the hub is asked at once, and nothing is called stale meanwhile", async () => {
  const told = [];
  const flights = hub.watch("bookings");
  await online();
  picture(on.socket, "1", [row("a")]);
  hub.on("fresh", ({ fresh }) => told.push(fresh));
  on.clock.now += HOURS;
  await on.clock.pass(1_400);
  assert.equal(on.sockets.length, 2);
  assert.equal(hub.now(), Date.parse(at(1_400)));
  assert.ok(hub.now() < hub.freshUntil);
  await greet(on.socket, { time: at(1_400), fresh_until: at(34_400) });
  on.socket.tell({ type: "live", id: "1", view: "v2", cursor: cursor(100), resumed: true });
  assert.deepEqual([hub.state, hub.fresh, flights.status, hub.offset], ["online", true, "live", -HOURS]);
  await on.clock.pass(20_000);
  assert.deepEqual([on.sockets.length, hub.fresh, flights.status], [2, true, "live"]);
});

test("a clock that is set back: what the hub vouched for ends when it said, and silence is silence", async () => {
  const flights = hub.watch("bookings");
  await online({ fresh_until: at(10_000) });
  picture(on.socket, "1", [row("a")]);
  on.clock.now -= HOURS;
  await on.clock.pass(9_000);
  assert.deepEqual([on.sockets.length, hub.now(), hub.offset, flights.status], [1, Date.parse(at(9_000)), HOURS, "live"]);
  await on.clock.pass(1_100);
  assert.equal(flights.status, "stale");
  await on.clock.pass(22_500);
  assert.equal(hub.state, "online");
  await on.clock.pass(500);
  assert.equal(hub.state, "waiting");
});

test("a machine that slept and finds no hub: nothing is live, and soon the night counts", async () => {
  const flights = hub.watch("bookings");
  await online();
  picture(on.socket, "1", [row("a")]);
  on.clock.now += HOURS; // and performance.now() stood still
  assert.equal(hub.fresh, false);
  await on.clock.pass(1_000);
  assert.deepEqual([hub.state, flights.status], ["waiting", "stale"]);
  await on.clock.pass(5_000);
  assert.equal(hub.now(), Date.parse(at(HOURS + 6_000)));
  assert.ok(hub.now() > hub.freshUntil);
});

test("a machine whose performance.now() went on in its sleep: silence, and no leap", async () => {
  await online();
  on.clock.now += HOURS;
  on.clock.mono += HOURS;
  assert.equal(hub.fresh, false);
  on.page.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([hub.state, hub.now()], ["waiting", Date.parse(at(HOURS))]);
});

test("each ping tells the time: a clock that drifts is set right, one that was held up misleads nobody", async () => {
  await online();
  let sent = 0;
  const ping = (late = 0) => {
    on.socket.tell({ type: "ping", cursor: cursor(5), sent: 0, fresh_until: at((sent += 25_000) + 33_000 - late) });
  };
  // This machine's seconds are a per mill too long: it has counted less than has passed.
  for (let beat = 0; beat < 4; beat += 1) {
    await on.clock.pass(24_975);
    ping();
    assert.equal(hub.now(), Date.parse(at(sent)));
  }
  await on.clock.pass(25_000);
  ping(6_000);
  assert.equal(hub.now(), Date.parse(at(sent)));
  // And too short: what came in the last minutes counts, the best of it.
  for (let beat = 0; beat < 12; beat += 1) {
    await on.clock.pass(25_025);
    ping();
    assert.ok(hub.now() - Date.parse(at(sent)) <= 100, `${hub.now() - Date.parse(at(sent))}`);
  }
  assert.equal(on.sockets.length, 1);
});

test("what the hub does not vouch for is not called live, and is again when it does", async () => {
  const told = [];
  const flights = hub.watch("bookings");
  hub.on("fresh", ({ fresh }) => told.push(fresh));
  await online({ fresh_until: "2030-01-31T15:00:10.000Z", ping: 100 });
  picture(on.socket, "1", [row("a")]);
  assert.equal(flights.status, "live");
  await on.clock.pass(10_100);
  assert.equal(flights.status, "stale");
  assert.deepEqual(told, [true, false]);
  on.socket.tell({ type: "ping", cursor: cursor(200), sent: 0, fresh_until: "2030-01-31T15:00:40Z" });
  assert.deepEqual([flights.status, hub.fresh], ["live", true]);
});

test("a page in the back/forward cache lets go, and comes back as it was", async () => {
  const flights = hub.watch("bookings");
  await online();
  picture(on.socket, "1", [row("a")]);
  on.window("pagehide");
  assert.deepEqual([on.socket.closed, hub.state, flights.status], [true, "waiting", "stale"]);
  await on.clock.pass(3_600_000);
  assert.equal(on.sockets.length, 1);
  on.window("pageshow");
  await turn();
  await greet(on.socket);
  assert.equal(on.socket.heard("watch")[0].cursor, cursor(100));
});

test("close ends it; a token that comes late opens nothing", async () => {
  let give;
  hub = new HubClient({ getToken: () => new Promise((resolve) => (give = resolve)), transport: "websocket" });
  hub.connect();
  await turn();
  hub.close();
  give("late");
  await on.clock.pass(60_000);
  assert.deepEqual([hub.state, on.sockets.length], ["idle", 0]);
});

test("a line that held for 10 s was a good one: back-off starts anew", async () => {
  hub.connect();
  for (let i = 0; i < 6; i++) {
    await turn();
    on.socket.end(1006);
    await on.clock.pass(hub.retryAt - on.clock.now);
  }
  await greet(on.socket);
  await on.clock.pass(10_000);
  on.socket.end(1006);
  assert.equal(hub.retryAt - on.clock.now, 500);
});

test("a listener that throws harms nobody", async () => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  hub.on("welcome", () => {
    throw new Error("a page's bug");
  });
  hub.on("welcome", () => reported.push("second"));
  await online();
  assert.deepEqual(reported, ["a page's bug", "second"]);
  assert.equal(hub.state, "online");
});
