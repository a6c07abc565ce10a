/**
 * The story of what just changed: the last few changes of the day in view, the newest first.
 */
import { clear, flash, h, icon, keyed } from "./dom.js";
import { SAY, clock, clockSeconds, happened, statusOf, tail } from "./words.js";

const LINES = 6;

export class Story {
  constructor() {
    this._count = 0;
    this._list = h("ol", { class: "story-list" });
    this.element = h("section", { class: "story", "aria-labelledby": "story-name" }, h("h2", { id: "story-name" }, SAY.justChanged), this._list);
    this.clear();
  }

  /** Another day has another story. */
  clear() {
    this._lines = [];
    clear(this._list);
    this.element.hidden = true;
  }

  /** Add what happened: [{key, row, before, changed, gone}], at `at` (ms). */
  tell(happenings, at) {
    const lines = happenings.map(({ key, row, gone, ...change }) => ({ key, row, at, words: gone ? [SAY.gone] : happened({ row, ...change }) }));
    if (lines.length === 0) return;
    for (const line of lines) line.id = this._count += 1;
    this._lines = [...lines.reverse(), ...this._lines].slice(0, LINES);
    this.element.hidden = false;
    keyed(this._list, this._lines, (line) => line.id, (line) => this._line(line), () => {});
  }

  _line({ row, words, at }) {
    const what = words.length === 2 ? `${words[0]} → ${words[1]}` : words[0];
    const item = h("li", {},
      h("time", { class: "quiet" }, clockSeconds(at)),
      h("span", { class: "story-flight" }, `${clock(Date.parse(row.scheduled_datetime))} ${tail(row)}`),
      h("span", { class: "story-what", "data-status": row.status }, icon(statusOf(row).icon), what),
    );
    flash(item, "is-new");
    return item;
  }
}
