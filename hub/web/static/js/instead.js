/**
 * What stands where flights would: a picture of waiting, a refusal, or an empty day.
 */
import { h, icon } from "./dom.js";
import { SAY } from "./words.js";
import { DAY } from "./words/day.js";

/** `picture` is what should be shown (picture.js), `none` what to say where there is nothing. */
export function instead(picture, client, none = [SAY.noFlights, SAY.noFlightsMore]) {
  if (picture.error) return empty("stopped", SAY.refused, picture.error.message);
  if (picture.whole) return empty("plane", ...none);
  if (["waiting", "stopped"].includes(client.state)) return empty("waiting", SAY.cannotLoad, "");
  // A quick answer should not flicker through a picture of waiting.
  return performance.now() - picture.asked < 150 ? h("div") : skeleton();
}

export function empty(sign, words, more, ...rest) {
  return h("div", { class: "empty", "data-what": words }, icon(sign), h("b", {}, words), h("span", { class: "quiet" }, more), rest);
}

function skeleton() {
  const bars = Array.from({ length: 6 }, () => h("div", { class: "wait-lane" }, h("i"), h("i"), h("i")));
  return h("div", { class: "skeleton", "data-what": "wait", role: "img", "aria-label": DAY.loading }, bars);
}
