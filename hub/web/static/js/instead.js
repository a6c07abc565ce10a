/**
 * What stands where flights would: a picture of waiting, a refusal, or an empty day.
 */
import { h, icon } from "./dom.js";
import { SAY } from "./words.js";

/** `flights` is the day's watch, `asked` when (performance.now) it was begun. */
export function instead(flights, client, asked) {
  if (flights.error) return empty("stopped", "This day cannot be shown", flights.error.message);
  if (flights.ready) return empty("confirmed", SAY.noFlights, SAY.noFlightsMore);
  const waiting = ["waiting", "stopped"].includes(client.state.phase);
  if (waiting && client.heardAt !== null) return empty("waiting", SAY.cannotLoad, "");
  // A quick answer should not flicker through a picture of waiting.
  return performance.now() - asked < 150 ? h("div") : skeleton();
}

function empty(sign, words, more) {
  return h("div", { class: "empty", "data-what": words }, icon(sign), h("b", {}, words), h("span", { class: "quiet" }, more));
}

function skeleton() {
  const bars = Array.from({ length: 6 }, () => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i")));
  return h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": "Loading the day" }, bars);
}
