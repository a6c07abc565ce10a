/**
 * The stream: the same frames where no WebSocket gets through; when it is tried, how it resumes.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HubClient } from "../../hub/web/static/client/hub.js";
import { WELCOME, change, cursor, greet, row, turn, upsert, world } from "./fakes.js";

let on;
let streams;
let answer; // what the hub answers to a request: a status, or null for a stream

beforeEach(() => {
  on = world();
  streams = [];
  answer = () => null;
  globalThis.fetch = async (url, { method, headers, signal }) => {
    const watches = new URL(url).searchParams.getAll("watch").map((text) => JSON.parse(text));
    const refusal = answer({ method, watches, headers });
    if (refusal) return new Response(method === "HEAD" ? null : "{}", refusal);
    if (method === "HEAD") return new Response(null);
    let pen;
    const body = new ReadableStream({ start: (controller) => void (pen = controller) });
    signal.addEventListener("abort", () => {
      stream.aborted = true;
      pen.error(signal.reason);
    });
    const stream = {
      url,
      watches,
      headers,
      write: (text) => pen.enqueue(new TextEncoder().encode(text)),
      tell: (...frames) => {
        for (const frame of frames) stream.write(`event: ${frame.type}\nid: x\ndata: ${JSON.stringify(frame)}\n\n`);
      },
      end: () => pen.close(),
    };
    streams.push(stream);
    return new Response(body);
  };
});

const last = () => streams.at(-1);
const live = (id, at = 100, resumed = false) => ({ type: "live", id, view: `v${id}`, cursor: cursor(at), resumed });

async function open(options = {}) {
  const hub = new HubClient({ getToken: () => "secret", transport: "sse", ...options });
  const flights = hub.watch("bookings");
  hub.connect();
  await on.clock.pass(1);
  last().tell(WELCOME, { type: "rows", id: "1", rows: [row("a")], more: false }, live("1"));
  await turn();
  return { hub, flights };
}

test("rows, changes and pings as over a socket; the token in no address", async () => {
  const { hub, flights } = await open();
  assert.deepEqual([hub.state, hub.via, flights.status, streams.length], ["online", "sse", "live", 1]);
  assert.equal(last().headers.Authorization, "Bearer secret");
  assert.equal(last().url.includes("secret"), false);
  last().tell(change("v1", 101, [upsert("b")]));
  last().write(": still here\n\nevent: ping\nda");
  last().write(`ta: ${JSON.stringify({ type: "ping", cursor: cursor(200), sent: 1, fresh_until: WELCOME.fresh_until })}\n`);
  last().write("\n");
  await turn();
  assert.deepEqual([[...flights.rows.keys()], flights.cursor], [["a", "b"], cursor(200)]);
});

test("a new watch is a new stream, in which the others resume", async () => {
  const { hub, flights } = await open();
  last().tell(change("v1", 101, [upsert("b")]));
  await turn();
  const notes = hub.watch("notifications", { read: false });
  await on.clock.pass(1);
  assert.equal(streams.length, 2);
  assert.ok(streams[0].aborted);
  assert.deepEqual(last().watches, [
    { id: "1", topic: "bookings", filter: {}, cursor: cursor(102) },
    { id: "2", topic: "notifications", filter: { read: false } },
  ]);
  last().tell({ ...WELCOME, session: "2" }, change("v5", 103, [upsert("c")], { id: "1" }));
  last().tell({ ...live("1", 104, true), view: "v5" }, { type: "rows", id: "2", rows: [], more: false }, live("2", 104));
  last().tell(change("v5", 105, [upsert("d")]));
  await turn();
  assert.deepEqual([[...flights.rows.keys()], notes.status, hub.state], [["a", "b", "c", "d"], "live", "online"]);
});

test("in a new stream neither a ping nor a change counts before live", async () => {
  const { hub, flights } = await open();
  hub.watch("notifications");
  await on.clock.pass(1);
  assert.equal(flights.status, "stale");
  // The view's name lives on in the hub; what is said to it now comes before what was missed.
  last().tell(WELCOME, change("v1", 400, [upsert("x")]));
  last().tell({ type: "ping", cursor: cursor(500), sent: 1, fresh_until: WELCOME.fresh_until });
  await turn();
  hub.watch("devices");
  await on.clock.pass(1);
  assert.deepEqual([streams.length, last().watches[0].cursor], [3, cursor(100)]);
  last().end();
  await on.clock.pass(1000);
  assert.deepEqual([streams.length, last().watches[0].cursor], [4, cursor(100)]);
  assert.deepEqual([...flights.rows.keys()], ["a"]);
});

test("the stream ends: it resumes from the cursors it has", async () => {
  const { hub, flights } = await open();
  last().end();
  await turn();
  assert.deepEqual([hub.state, flights.status], ["waiting", "stale"]);
  await on.clock.pass(1000);
  assert.equal(last().watches[0].cursor, cursor(100));
});

test("a bye is obeyed", async () => {
  const { hub } = await open();
  last().tell({ type: "bye", code: 4200, reason: "the hub restarts", retry_after: 2.5 });
  await turn();
  assert.equal(hub.retryAt, on.clock.now + 2500);
});

test("an expiring token means a new stream with the new one", async () => {
  let count = 0;
  const { hub } = await open({ getToken: () => `secret${++count}` });
  last().tell({ type: "expiring", in: 60 });
  await on.clock.pass(1);
  assert.deepEqual([streams.length, last().headers.Authorization, hub.state], [2, "Bearer secret2", "online"]);
});

test("what the hub answers is a verdict", async () => {
  const outcomes = [];
  for (const [status, headers] of [[401], [403], [503, { "Retry-After": "7" }], [429, { "Retry-After": "3" }], [502]]) {
    answer = () => ({ status, headers });
    const hub = new HubClient({ getToken: () => "t", transport: "sse" });
    hub.connect();
    await on.clock.pass(3);
    outcomes.push([status, hub.state, hub.stopped?.code ?? hub.retryAt - on.clock.now]);
    hub.close();
  }
  assert.deepEqual(outcomes.map(([, state]) => state), ["stopped", "stopped", "waiting", "waiting", "waiting"]);
  assert.deepEqual(outcomes.slice(0, 2).map(([, , code]) => code), [4001, 4003]);
  assert.ok(outcomes[2][2] > 6990 && outcomes[3][2] > 2990 && outcomes[4][2] <= 500);
});

test("one watch that is refused costs that watch, not the stream", async () => {
  answer = ({ watches }) => (watches.some(({ topic }) => topic === "devices") ? { status: 403 } : null);
  const hub = new HubClient({ getToken: () => "t", transport: "sse" });
  const flights = hub.watch("bookings");
  const devices = hub.watch("devices");
  hub.connect();
  await on.clock.pass(3);
  assert.deepEqual(last().watches.map(({ topic }) => topic), ["bookings"]);
  assert.deepEqual([devices.status, devices.error.code], ["failed", "forbidden"]);
  last().tell(WELCOME);
  await on.clock.pass(3);
  assert.deepEqual(last().watches.map(({ topic }) => topic), ["bookings"]);
  last().tell(WELCOME, { type: "rows", id: "1", rows: [row("a")], more: false }, live("1"));
  await turn();
  assert.deepEqual([flights.status, devices.status, hub.state], ["live", "failed", "online"]);
});

test("auto: a stream is tried after two sockets that never opened, and kept while it works", async () => {
  const hub = new HubClient({ getToken: () => "t" });
  hub.connect();
  await turn();
  for (let i = 0; i < 2; i++) {
    assert.equal(hub.via, "websocket");
    on.socket.end(1006);
    await on.clock.pass(1000);
  }
  assert.deepEqual([on.sockets.length, streams.length, hub.via], [2, 1, "sse"]);
  last().tell(WELCOME);
  await turn();
  assert.equal(hub.state, "online");
  last().end();
  await on.clock.pass(5000);
  assert.deepEqual([on.sockets.length, streams.length], [2, 2]);
});

test("auto: while nothing answers, both are tried in turn; a socket that opened is preferred", async () => {
  answer = () => {
    throw new TypeError("network error");
  };
  const hub = new HubClient({ getToken: () => "t" });
  hub.connect();
  for (let i = 0; i < 6; i++) {
    await turn();
    if (hub.via === "websocket") on.socket.end(1006);
    await on.clock.pass(31_000);
  }
  assert.ok(on.sockets.length >= 4, String(on.sockets.length));
  while (hub.via !== "websocket" || hub.state !== "connecting") await on.clock.pass(500);
  await greet(on.socket);
  on.socket.end(1006);
  await on.clock.pass(1000);
  assert.equal(hub.via, "websocket");
});
