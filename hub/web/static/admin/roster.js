/**
 * Who there is: all users, read once for all panels and again on demand.
 */
import { everything } from "./parts.js";

const held = new WeakMap(); // by Api: whoever signs in next has another

export const fullName = (user) => `${user.first_name} ${user.last_name}`;

export class Roster {
  /** Begins to read, and calls `ondraw()` when that is done; `eager: false` leaves it to `read()`. */
  constructor(ctx, ondraw = () => {}, { eager = true } = {}) {
    this._ctx = ctx;
    this.rows = held.get(ctx.api) ?? [];
    this._byId = new Map(this.rows.map((row) => [row.id, row]));
    this.loaded = this.rows.length > 0;
    this.ready = eager ? this.read().then(ondraw, () => {}) : Promise.resolve();
  }

  /** Read them all; rejects where the hub cannot be asked. */
  async read() {
    const { api, signal } = this._ctx;
    this.rows = await everything(api, "/users", {}, signal);
    this._byId = new Map(this.rows.map((row) => [row.id, row]));
    this.loaded = true;
    held.set(api, this.rows);
    return this.rows;
  }

  of(role) {
    return this.rows.filter((row) => row.role === role);
  }

  get(id) {
    return this._byId.get(id);
  }

  /** "Jonah Bright", or undefined. */
  name(id) {
    const row = this._byId.get(id);
    return row && fullName(row);
  }
}
