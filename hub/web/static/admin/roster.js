/**
 * Who there is: all users, read once for all panels and again on demand.
 *
 * Invariant: nobody's first picture waits for them. A panel asks for them (`need()`) once it shows something,
 * or when somebody wants to choose among them.
 */
import { everything } from "./parts.js";

const held = new WeakMap(); // by Api: whoever signs in next has another

export const fullName = (user) => `${user.first_name} ${user.last_name}`;

export class Roster {
  /** `ondraw()` is called when `need()` has brought them. */
  constructor(ctx, ondraw = () => {}) {
    this._ctx = ctx;
    this._ondraw = ondraw;
    this._needed = null;
    this.rows = held.get(ctx.api) ?? [];
    this._byId = new Map(this.rows.map((row) => [row.id, row]));
    this.loaded = this.rows.length > 0;
  }

  /** Reads them, once for this panel; rejects where they cannot be had, and asks anew the next time. */
  need() {
    this._needed ??= this.read().then(this._ondraw, (error) => {
      this._needed = null;
      throw error;
    });
    return this._needed;
  }

  /** The same, for what can do without. */
  want() {
    this.need().catch(() => {});
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
