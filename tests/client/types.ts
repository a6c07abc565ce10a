/**
 * A page that uses the contract, for TypeScript to judge: what holds must compile, what does not must not.
 */
import {
  HubClient,
  SignInNeeded,
  VERSION,
  visible,
  type Booking,
  type Change,
  type Departure,
  type Watch,
} from "../../hub/web/static/client/hub.js";

const hub = new HubClient({
  url: "https://hub.school.example",
  getToken: async (why) => {
    if (why === "refused") throw new SignInNeeded("sign in");
    return "token";
  },
  transport: "auto",
  shared: true,
});
const undo: () => void = hub.on("stopped", ({ code, reason }) => console.log(code, reason));
hub.on("fresh", ({ fresh, until }) => console.log(fresh && until > hub.now()));
hub.on("state", (state) => state === "waiting" && console.log(hub.retryAt));
// @ts-expect-error: there is no such event
hub.on("nothing", () => {});

const flights = hub.watch("bookings", { from: "today", to: "today+1", status: ["AT_RISK"] });
const first: Booking | undefined = flights.rows.get("id");
const tail: string | null | undefined = first?.aircraft_id;
flights.onchange = ({ reset, transactions }: Change<Booking>) => {
  for (const { tx, items } of transactions) {
    for (const item of items) {
      if (item.op === "upsert") console.log(tx, item.row.status, item.changed?.includes("status"));
      // @ts-expect-error: what was removed has no row
      else console.log(item.row);
    }
  }
  console.log(reset);
};
// @ts-expect-error: a filter's members are known
hub.watch("bookings", { colour: "red" });
// @ts-expect-error: topics are known
hub.watch("weather");
// @ts-expect-error: rows are read only
flights.rows.set("id", first!);

const board: Watch<Departure> = hub.watch("board", { airport: "KPAO" });
for (const row of board.rows.values()) {
  console.log(row.pilot);
  // @ts-expect-error: the board names nobody in full
  console.log(row.student_name);
}
// @ts-expect-error: and says nobody's id
hub.watch("board", { student_id: "…" });

const open = hub.watch("reschedule", { escalated: true });
for (const row of open.rows.values()) console.log(row.options.map((one) => one.ai_confidence_score));
// @ts-expect-error: a search is found by its booking's id, by that name
hub.watch("reschedule", { bookng_id: "…" });
const kiosks = hub.watch("devices", { revoked: false });
for (const row of kiosks.rows.values()) {
  console.log(row.paired_at);
  // @ts-expect-error: who paired it is for REST to say
  console.log(row.created_by);
}

const known = [{} as Booking];
const resumed = hub.watch("bookings", {}, { cursor: "E.1:1:", rows: known });
resumed.on("status", (status) => status === "stale");

export async function story(): Promise<void> {
  await flights.ready;
  for await (const change of flights) console.log(change.transactions.length);
  await hub.seen("733", { timeout: 5000 });
  await hub.seen((await fetch("/api/v1/bookings")).headers.get("Hub-Transaction"));
  const passed: boolean = visible(733n, flights.cursor);
  console.log(VERSION, passed, tail, undo);
  hub.signOut();
}
