/**
 * The kiosk put together: pair, then show the board until revoked, then pair again; for months.
 *
 * Invariants: an order is obeyed once, also across a reload; a credential is given up only when two
 * doors of the hub refuse it; nothing is asked of the hub in a loop that has no pause.
 */
import { HubClient } from "../client/hub.js";
import { Board } from "./screen.js";
import { Frame } from "./frame.js";
import { Reloading } from "./reloading.js";
import { Time } from "./time.js";
import { firstPicture, isRefused } from "./asking.js";
import { forget, keep, recall } from "./memory.js";
import { hang } from "./wall.js";
import { Showing } from "./showing.js";
import { pair } from "./pairing.js";
import { stay } from "./staying.js";

const TODAY = { from: "today", to: "tomorrow" };
const AGAIN = 60_000; // after a verdict that was none of ours
const SETTLED = 90_000; // longer than boot.js ever waits
const RECENT = 60_000; // an order to show itself that is older than this is of yesterday

// Only then is the next failure to load a file (`boot.js`) the first again, and answered at once.
setTimeout(() => dispatchEvent(new Event("hub:started")), SETTLED);
const time = new Time(recall("board")?.offset);
/** When this page was begun, by the hub's clock. */
let begun = null;
const frame = new Frame(time);
const board = new Board(time);
const reloading = new Reloading(time);
hang(time, document.getElementById("stage"));
time.start();
stay();

for (;;) {
  try {
    const held = recall("token");
    if (held) await run(held);
    else {
      const { token } = await pair((told) => frame.pairing(told), time);
      keep("token", token);
      frame.paired();
    }
  } catch (error) {
    // A fault of this page's own: the wall is not to stay as it is for months.
    console.error(error);
    await new Promise((again) => setTimeout(again, AGAIN));
  }
}

/** Show the board; resolves when the credential is good no more, and is forgotten. */
async function run(token) {
  const kept = recall("board");
  frame.stage("board");
  frame.name(kept?.name, kept?.airport);
  const showing = new Showing({ time, board, frame }, kept);
  const client = new HubClient({ getToken: () => token, shared: false });
  try {
    await follow(token, client, showing);
    forget();
  } finally {
    showing.end();
    client.close();
  }
}

/** Resolves when the hub has said that this screen is none of its own. */
async function follow(token, client, showing) {
  const start = await firstPicture(TODAY, token, time);
  const self = client.watch("devices");
  showing.follow(client, client.watch("board", TODAY, start), self, "rows" in start);
  let met = false;
  client.on("welcome", () => {
    if (met) reloading.suspect();
    met = true;
    begun ??= client.now() - performance.now();
  });
  const obey = () => begun !== null && showing.device && obeyed(showing.device);
  self.on("change", obey);
  client.on("welcome", obey);
  client.connect();
  await new Promise((revoked) => {
    client.on("stopped", async ({ code }) => {
      if ((code === 4001 || code === 4003) && (await isRefused(token, time))) revoked();
      else setTimeout(() => client.connect(), AGAIN * (0.5 + Math.random() / 2));
    });
  });
}

/** What an admin asked of this very screen. */
function obeyed(device) {
  const before = recall("obeyed") ?? {};
  const { identify_at: identify, reload_at: reload } = device;
  const isNew = (at, known) => at !== null && Date.parse(at) > Date.parse(known ?? "1970-01-01");
  const shows = isNew(identify, before.identify) && time.now() - Date.parse(identify) < RECENT;
  // A page that was asked for after the order has obeyed it.
  const loads = isNew(reload, before.reload) && Date.parse(reload) > begun;
  if (identify !== (before.identify ?? null) || reload !== (before.reload ?? null)) keep("obeyed", { identify, reload });
  if (shows) frame.identify(device.name);
  if (loads) reloading.ask();
}
