/**
 * The weeks behind: flights of long ago, read when they are asked for.
 *
 * No watch tells of them, and they do not change much. Invariant: what is changed here is shown as the hub
 * answered it.
 */
const MOST = 50; // pages that are read

export class Past {
  /** `ondraw()` is called when there is another row to draw. */
  constructor(ctx, ondraw) {
    this._ctx = ctx;
    this._ondraw = ondraw;
    /** By id; null until they were read. */
    this.rows = null;
  }

  /** Read what began between two moments (ms). */
  async read(from, to) {
    const { api, signal } = this._ctx;
    const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const rows = new Map();
    let read = 0;
    for await (const { body } of api.pages("/bookings", query, { signal })) {
      for (const row of body.items) rows.set(row.id, row);
      if ((read += 1) === MOST) break;
    }
    this.rows = rows;
    this._to = to;
  }

  /** Let `edit` (flight-edit.js) change one of them; only if it is to be where a watch looks is that waited for. */
  edit(edit, row) {
    let known = row;
    const settled = async (answer) => {
      known = Date.parse(answer.body.scheduled_datetime) < this._to ? answer.body : null;
      if (!known) await this._ctx.settled(answer);
    };
    edit({ ...this._ctx, settled }, row, (hoped) => {
      const shown = hoped ?? known;
      if (shown) this.rows.set(row.id, shown);
      else this.rows.delete(row.id);
      this._ondraw();
    });
  }
}
