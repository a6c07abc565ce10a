/**
 * What to mind of a departure before it is saved, in one line at its field: that it is past, or that somebody
 * cannot fly then. It holds nobody back: the hub's rules decide, and it may be meant.
 *
 * Invariant: nothing is said of what could not be read, nor of a time that was typed over meanwhile.
 */
import { h, setText } from "./dom.js";
import { EDIT } from "./words/editing.js";

const PAUSE = 300; // ms without a key
const MINUTE = 60_000;
const LAST = 8.64e15; // ms: no moment is later (ECMA-262, 21.4.1.1)

/**
 * The line for the field of `input`, as an element. `asked()` gives what is typed: {at, moved, minutes, people, pair},
 * `moved` where the time is another than it was, or null where there is nothing to mind; it is asked whenever one of
 * `controls` has changed. `people` ([[id, name]]) are those whose hours the reader may read; `pair` ({student,
 * instructor, name}) two of whom one, called `name`, is not.
 */
export function caution(ctx, input, controls, asked) {
  const element = h("p", { class: "caution", role: "status", id: `${input.id}-caution` });
  input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby")} ${element.id}`);
  let timer;
  let turn = 0;
  const look = async () => {
    const mine = (turn += 1);
    const what = asked();
    const said = what ? await minded(ctx, what) : "";
    if (mine === turn) setText(element, said);
  };
  for (const one of controls) {
    one.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, PAUSE);
    });
  }
  return element;
}

async function minded({ api, clock, signal }, { at, moved, minutes, people, pair = null }) {
  if (moved && at < clock.now()) return EDIT.past;
  const until = at + minutes * MINUTE;
  if (!(until > at && until < LAST)) return "";
  const span = { from: new Date(at).toISOString(), to: new Date(until).toISOString() };
  const whole = (windows) => windows.some((one) => Date.parse(one.from) <= at && until <= Date.parse(one.to));
  const free = (path, query = {}) => api.get(path, { ...span, ...query }, { signal }).then(({ body }) => whole(body.windows ?? body.slots), () => true);
  const found = await Promise.all(people.map(async ([id, name]) => ((await free(`/availability/${id}`, pair ? { subtract: "bookings" } : {})) ? "" : name)));
  const away = found.filter(Boolean);
  if (away.length) return pair ? EDIT.taken(away[0]) : EDIT.away(away);
  if (!pair) return "";
  const { name, ...two } = pair;
  return (await free("/availability/common", { ...two, duration: minutes })) ? "" : EDIT.taken(name);
}
