/**
 * What is on the board and how true it is: from the live watch or, until it is, from memory.
 *
 * Invariants: "Live" is the watch's own word and "Stale since" the end of the hub's promise, never a
 * guess; what is from memory is stale, whatever this machine's clock says; what was known stays until
 * something newer is; only what was vouched for is remembered.
 */
import { keep } from "./memory.js";
import { SAY } from "./words.js";

const NONE = new Map();
const OPENING = 10_000; // ms
const SAVE = 3_000; // ms in which changes are gathered before they are kept

export class Showing {
  #time;
  #board;
  #frame;
  #kept;
  #client = null;
  #watch = null;
  #self = null;
  #saving = null;
  #ended = false;
  /** Until when the hub vouched for these rows, ms by its clock. Null: it never did. */
  #vouched;
  /** This screen's own row, or null. */
  device = null;

  constructor({ time, board, frame }, kept) {
    this.#time = time;
    this.#board = board;
    this.#frame = frame;
    this.#kept = Array.isArray(kept?.rows) ? new Map(kept.rows.map((row) => [row.id, row])) : null;
    this.#vouched = this.#kept && (kept.vouched ?? this.#time.now());
    this.#render();
    this.#time.second(this.#second);
    this.#time.minute(this.#save);
  }

  /** `isRead`: the rows were read from the hub just now. */
  follow(client, watch, self, isRead) {
    this.#client = client;
    // What was just read is not called stale while the stream is being opened; nor is it called live.
    if (isRead) this.#vouched = this.#time.now() + OPENING;
    this.#watch = watch;
    this.#self = self;
    client.on("welcome", () => this.#time.follow(client));
    for (const name of ["state", "fresh"]) client.on(name, () => this.#render());
    watch.on("status", () => this.#render());
    watch.on("change", ({ transactions }) => {
      this.#render(new Set(transactions.flatMap(({ items }) => items.map(({ key }) => key))));
      this.#saving ??= setTimeout(this.#save, SAVE);
    });
    self.on("change", () => this.#named());
    this.#render();
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#saving);
    this.#time.forget(this.#second, this.#save);
    this.#board.show(new Map(), { known: false, stale: false });
    this.#frame.link("connecting", null);
    this.#frame.name("", "");
  }

  #second = () => this.#render();

  #named() {
    this.device = [...this.#self.rows.values()][0] ?? null;
    if (!this.device) return;
    this.#frame.name(this.device.name, this.device.airport);
    this.#saving ??= setTimeout(this.#save, SAVE);
  }

  get #isWhole() {
    return this.#watch !== null && (this.#watch.status === "live" || this.#watch.status === "stale");
  }

  #render(changed = null) {
    if (this.#ended) return;
    const client = this.#client;
    const isLive = this.#watch?.status === "live";
    if (isLive) this.#vouched = client.freshUntil;
    if (this.#isWhole) this.#kept = null;
    const rows = this.#isWhole ? this.#watch.rows : (this.#kept ?? this.#watch?.rows ?? NONE);
    // With other rights there is nothing until the new picture is there, which is not "no departures".
    const known = this.#isWhole || this.#kept !== null || rows.size > 0;
    const isRecalled = this.#kept !== null;
    const isStale = !isLive && (isRecalled || (this.#vouched !== null && this.#time.now() > this.#vouched));
    const state = client?.state ?? "connecting";
    const kind = isLive ? "live" : isStale ? "stale" : state === "waiting" || state === "stopped" ? "waiting" : "connecting";
    this.#frame.link(kind, isStale ? this.#vouched : null);
    if (known) this.#frame.wait("");
    else if (kind === "waiting") this.#frame.wait(SAY.unknown, SAY.unknownMore);
    else this.#frame.wait(SAY.first);
    this.#draw(rows, { known, stale: isStale, changed });
  }

  #drawn = [];
  /** Not each second, only when there is something to draw. */
  #draw(rows, { known, stale, changed }) {
    const what = [rows, rows.size, known, stale];
    if (changed === null && what.every((one, at) => one === this.#drawn[at])) return;
    this.#drawn = what;
    this.#board.show(rows, { known, stale, changed });
  }

  /** Only what the hub vouches for is kept, so that what is recalled has a true age. */
  #save = () => {
    this.#saving = null;
    if (this.#ended || this.#watch?.status !== "live") return;
    keep("board", {
      rows: [...this.#watch.rows.values()],
      vouched: this.#time.now(), // what is true now; nobody will know of later
      offset: this.#client.offset,
      name: this.device?.name ?? "",
      airport: this.device?.airport ?? "",
    });
  };
}
