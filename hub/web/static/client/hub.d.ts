/**
 * The hub's client for the browser: one live connection for all tabs, and live collections of rows.
 *
 *     import { HubClient } from "/client/hub.js";
 *     const hub = new HubClient({ getToken: async (why) => (await session(why)).access_token });
 *     const flights = hub.watch("bookings", { from: "today", to: "today+1" });
 *     flights.onchange = () => draw(flights.rows);
 *     hub.connect();
 *
 * Times are RFC 3339 text with `Z`, ids are UUIDs as text, and rows are never changed in place: a
 * changed row is a new object.
 */

/** The client's version; also the `version` of package.json. */
export const VERSION: string;

// ── rows, by topic ────────────────────────────────────────────────────────────────────────────

export type Role = "STUDENT" | "INSTRUCTOR" | "ADMIN";
export type TrainingLevel = "STUDENT_PILOT" | "PRIVATE_PILOT" | "INSTRUMENT_RATED";
export type BookingStatus = "CONFIRMED" | "AT_RISK" | "RESCHEDULING" | "CANCELLED" | "COMPLETED";
export type NotificationType =
  | "WEATHER_ALERT" | "OPTIONS_AVAILABLE" | "DEADLINE_REMINDER" | "CONFIRMATION" | "ESCALATION";

/** A flight. */
export interface Booking {
  readonly id: string;
  readonly student_id: string;
  readonly student_name: string;
  readonly instructor_id: string;
  readonly instructor_name: string;
  readonly aircraft_id: string | null;
  readonly departure_airport: string;
  readonly arrival_airport: string;
  readonly departure_latitude: number;
  readonly departure_longitude: number;
  readonly arrival_latitude: number;
  readonly arrival_longitude: number;
  readonly scheduled_datetime: string;
  readonly status: BookingStatus;
  readonly training_level: TrainingLevel;
  readonly duration_minutes: number;
  readonly original_booking_id: string | null;
  readonly rescheduled_to_datetime: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** One of one's own notifications. */
export interface Notification {
  readonly id: string;
  readonly user_id: string;
  readonly booking_id: string | null;
  readonly type: NotificationType;
  readonly title: string;
  readonly message: string;
  readonly read: boolean;
  readonly created_at: string;
}

/** A time that is offered for a flight. `ai_confidence_score` is 0 to 1. */
export interface RescheduleOption {
  readonly id: string;
  readonly booking_id: string;
  readonly suggested_datetime: string;
  readonly weather_forecast: Readonly<Record<string, unknown>> | null;
  readonly ai_confidence_score: number | null;
  readonly created_at: string;
}

/** An open rescheduling; `id` is the booking's. Nobody's ranks are in it. */
export interface Rescheduling {
  readonly id: string;
  readonly student_id: string;
  readonly instructor_id: string;
  readonly student_name: string;
  readonly instructor_name: string;
  readonly scheduled_datetime: string;
  /** Null until times are on offer. */
  readonly deadline: string | null;
  /** Since when it is for the admins to settle. */
  readonly escalated_at: string | null;
  readonly student_submitted: boolean;
  readonly instructor_submitted: boolean;
  readonly options: readonly RescheduleOption[];
}

/** A departure as a kiosk may show it: no surname, nobody's id. `departs` ends in `Z`. */
export interface Departure {
  readonly id: string;
  readonly departs: string;
  readonly minutes: number;
  readonly tail: string | null;
  readonly from: string;
  readonly to: string;
  readonly status: BookingStatus;
  readonly pilot: string;
  readonly instructor: string;
  readonly rescheduled_to: string | null;
}

/** A paired kiosk. A device sees exactly its own row, an admin all. */
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly airport: string | null;
  readonly created_at: string;
  /** When it fetched its credential; null until then. */
  readonly paired_at: string | null;
  readonly identify_at: string | null;
  readonly reload_at: string | null;
  readonly revoked_at: string | null;
}

export interface Rows {
  bookings: Booking;
  notifications: Notification;
  reschedule: Rescheduling;
  board: Departure;
  devices: Device;
}

// ── filters, by topic ─────────────────────────────────────────────────────────────────────────

/** A moment (RFC 3339 with an offset), or a day of the school's own calendar, which moves at midnight. */
export type When =
  | "today" | "tomorrow" | "yesterday" | `today+${number}` | `today-${number}`
  | (string & {}); // any moment; the others are still offered

/** `from` is inclusive, `to` exclusive; `airport` is either end. */
export interface BookingFilter {
  from?: When;
  to?: When;
  student_id?: string;
  instructor_id?: string;
  aircraft_id?: string;
  airport?: string;
  status?: BookingStatus | readonly BookingStatus[];
}

export interface NotificationFilter {
  read?: boolean;
}

export interface RescheduleFilter {
  booking_id?: string;
  escalated?: boolean;
}

export interface DeviceFilter {
  revoked?: boolean;
}

export interface BoardFilter {
  from?: When;
  to?: When;
  airport?: string;
  status?: BookingStatus | readonly BookingStatus[];
}

export interface Filters {
  bookings: BookingFilter;
  notifications: NotificationFilter;
  reschedule: RescheduleFilter;
  board: BoardFilter;
  devices: DeviceFilter;
}

export type Topic = keyof Rows;

// ── changes ───────────────────────────────────────────────────────────────────────────────────

export type Item<R> =
  | { readonly op: "upsert"; readonly key: string; readonly row: R; readonly changed?: readonly (keyof R & string)[] }
  | { readonly op: "remove"; readonly key: string };

/** What one database transaction did to what is watched. `tx` is what `Hub-Transaction` names. */
export interface Transaction<R> {
  readonly tx: string;
  readonly at: string;
  readonly items: readonly Item<R>[];
}

/**
 * What happened to `rows`; all of it is applied before anybody is told. With `reset` the rows were
 * replaced as a whole (a first picture, or one made anew): look at `rows`, `transactions` is empty.
 */
export interface Change<R> {
  readonly reset: boolean;
  readonly transactions: readonly Transaction<R>[];
}

// ── a watch ───────────────────────────────────────────────────────────────────────────────────

/**
 * - `loading`: a picture is on its way (older rows, if there are any, stay until it is whole);
 * - `live`: `rows` follows the schedule at this moment;
 * - `stale`: `rows` is whole but perhaps old: the connection is away, or the hub has not vouched
 *   for it since `freshUntil`;
 * - `failed`: the hub refuses this watch, see `error`.
 */
export type Status = "loading" | "live" | "stale" | "failed";

export interface WatchError {
  readonly code: string;
  readonly message: string;
  /** The client asks again by itself. */
  readonly temporary: boolean;
}

/** A live collection. Equal watches (topic and filter) of one client are one underneath. */
export interface Watch<R> extends AsyncIterable<Change<R>> {
  readonly topic: string;
  readonly filter: Readonly<Record<string, unknown>>;
  /** Rows by key (their `id`), as of `cursor`. Always the same Map; read it, do not write it. */
  readonly rows: ReadonlyMap<string, R>;
  /** Settles once: with the first whole and live picture, or with the refusal, which may be older than the watch. */
  readonly ready: Promise<void>;
  readonly status: Status;
  /** What the rows are as of (`EPOCH.SNAPSHOT`, opaque); null before the first picture. */
  readonly cursor: string | null;
  readonly error: WatchError | null;
  onchange: ((change: Change<R>) => void) | null;
  on(event: "change", fn: (change: Change<R>) => void): () => void;
  on(event: "status", fn: (status: Status) => void): () => void;
  /** Changes from the moment of the call; ends with `close()`, throws when the watch fails or has failed. */
  [Symbol.asyncIterator](): AsyncIterator<Change<R>, undefined>;
  close(): void;
}

/** Where to begin: the `Hub-Cursor` of a REST read, and the rows it answered with. */
export interface Start<R> {
  cursor?: string;
  rows?: Iterable<R> | ReadonlyMap<string, R>;
}

// ── the client ────────────────────────────────────────────────────────────────────────────────

/** `connect`: before each connection; `expiring`: the token ends within a minute; `refused`: it ended, or was not believed. */
export type Why = "connect" | "expiring" | "refused";

export interface Options {
  /** The hub, such as `https://hub.school.example`; default: this page's origin. */
  url?: string;
  /** Throw `SignInNeeded` when only the person can help; any other error is tried again later. */
  getToken: (why: Why) => string | Promise<string>;
  transport?: "auto" | "websocket" | "sse";
  /** One connection for all tabs of the same person (default); needs Web Locks and BroadcastChannel. */
  shared?: boolean;
}

/**
 * - `idle`: `connect()` was not called, or `close()` was;
 * - `waiting`: until `retryAt`, or (null) until the network or the page comes back;
 * - `stopped`: for good, see `stopped`; `connect()` begins again.
 */
export type State = "idle" | "connecting" | "online" | "waiting" | "stopped";

export interface Principal {
  readonly kind: "user" | "device" | "integration" | string;
  readonly id: string;
  readonly role: Role | null;
  readonly name: string;
  readonly [member: string]: unknown;
}

export interface Welcome {
  readonly type: "welcome";
  readonly session: string;
  readonly node: string;
  readonly time: string;
  readonly ping: number;
  readonly fresh_until?: string;
  readonly expires?: string | null;
  readonly principal: Principal;
}

export interface Bye {
  readonly type: "bye";
  readonly code: number;
  readonly reason?: string;
  readonly retry_after?: number;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly temporary: boolean;
  /** The watch it was said of, where it was said of one. */
  readonly topic?: string;
}

/** `code` is a close code: 4001 no (good) token, 4003 no longer allowed, 4009 too many connections. */
export interface Stopped {
  readonly code: number;
  readonly reason: string;
}

export interface Events {
  state: State;
  welcome: Welcome;
  /** At each sign of life, when `until` (ms, server's clock) passes without one, and when the machine may have slept. */
  fresh: { readonly fresh: boolean; readonly until: number };
  error: Fault;
  bye: Bye;
  stopped: Stopped;
}

export class HubClient {
  constructor(options: Options);
  /** Begin; after that it keeps itself connected until `close()` or `stopped`. Again: try at once. */
  connect(): void;
  /** End this page's part; watches keep their rows and go on with the next `connect()`. */
  close(): void;
  /** `close()`, and forget the rows, in every tab of this person: those stop with code 4001. */
  signOut(): void;
  readonly state: State;
  /** How it is connected, or tries to be: `tab` through another tab's connection. */
  readonly via: "websocket" | "sse" | "tab";
  readonly principal: Principal | null;
  /** When it tries again, ms by this machine's clock (`Date.now()`); null if not waiting for a time. */
  readonly retryAt: number | null;
  readonly stopped: Stopped | null;
  /** Until when what is shown may be called current, ms by the server's clock; null before the first welcome. */
  readonly freshUntil: number | null;
  /** Whether that moment is still ahead; false while the machine may have slept and the hub was not asked yet. */
  readonly fresh: boolean;
  /**
   * Now, ms by the server's clock: anchored to what the hub says, measured again at each of its pings.
   * Before the first welcome, this machine's own. A machine's clock that is set moves it neither way.
   */
  now(): number;
  /** Server's clock minus this machine's at this moment, ms. */
  readonly offset: number;
  on<E extends keyof Events>(event: E, fn: (value: Events[E]) => void): () => void;
  watch<T extends Topic>(topic: T, filter?: Filters[T], start?: Start<Rows[T]>): Watch<Rows[T]>;
  /**
   * Read your writes: resolves once every watch has passed a transaction (the `Hub-Transaction` of
   * a write's answer; at once for null, which says that nothing was changed); rejects with a `TimeoutError` after `timeout` ms (default 30,000).
   */
  seen(transaction: string | number | bigint | null, options?: { timeout?: number }): Promise<void>;
}

/** Thrown by `getToken` when only the person can help: the client stops with code 4001. */
export class SignInNeeded extends Error {}

/** Whether a transaction had ended when a cursor was taken. False for what is no cursor. */
export function visible(transaction: string | number | bigint, cursor: string | null): boolean;
