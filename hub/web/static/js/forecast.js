/**
 * An offered time with its forecast and its confidence, as a person reads them. What a monitor did not say is left out, never guessed.
 */
import { h } from "./dom.js";
import { CATEGORY, SAY, clock, date, weekday, zone, zulu } from "./words.js";

const number = (value) => typeof value === "number" && Number.isFinite(value);
const format = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

/** "310° at 12 kt, gusts 19", "calm", or null. */
function wind({ direction_deg: from, speed_kt: speed, gust_kt: gust } = {}) {
  if (!number(speed)) return null;
  if (speed === 0) return SAY.calm;
  const gusts = number(gust) ? `, ${SAY.gusts(gust)}` : "";
  return `${number(from) ? `${String(from).padStart(3, "0")}° ` : ""}${speed} kt${gusts}`;
}

/** The forecast of an option: category by letters and colour, words, and figures. */
export function forecast(told) {
  if (!told) return h("p", { class: "quiet" }, SAY.noForecast);
  const category = CATEGORY[told.flight_category];
  const figures = [
    [SAY.wind, wind(told.wind ?? {})],
    [SAY.visibility, number(told.visibility_sm) ? `${format.format(told.visibility_sm)} sm` : null],
    [SAY.ceiling, number(told.ceiling_ft) ? `${format.format(told.ceiling_ft)} ft` : "ceiling_ft" in told ? SAY.noCeiling : null],
    [SAY.temperature, number(told.temperature_c) ? `${told.temperature_c} °C` : null],
  ].filter(([, value]) => value !== null);
  return h("div", { class: "forecast" },
    h("p", { class: "forecast-head" },
      category ? h("abbr", { class: "category", "data-category": told.flight_category, title: category }, told.flight_category) : null,
      typeof told.conditions === "string" ? h("span", {}, told.conditions) : null,
      typeof told.station === "string" ? h("span", { class: "quiet" }, `at ${told.station}`) : null),
    h("dl", { class: "figures" }, figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}

/** How sure the machine is: a bar for the eye, a word and a figure for everybody. */
export function confidence(score) {
  if (!number(score)) return h("p", { class: "confidence quiet" }, SAY.noConfidence);
  const percent = Math.round(score * 100);
  const meter = h("span", { class: "meter", "aria-hidden": "true" }, h("span"));
  meter.firstElementChild.style.setProperty("--part", score.toFixed(2));
  return h("p", { class: "confidence" }, meter, h("span", {}, SAY.confidence(percent, score >= 0.85 ? "high" : score >= 0.6 ? "fair" : "low")));
}

/** An option → {name, body}: what it is called where it is moved, and what is shown of it. */
export function offered(option) {
  const at = Date.parse(option.suggested_datetime);
  return {
    name: `${weekday(at)}, ${date(at)}, ${clock(at)}`,
    body: h("div", { class: "option-words" },
      h("h2", { class: "option-time" }, h("b", {}, clock(at)), h("span", {}, `${weekday(at)}, ${date(at)}`)),
      h("p", { class: "quiet" }, `${zone(at)} · ${zulu(at)}`),
      forecast(option.weather_forecast),
      confidence(option.ai_confidence_score)),
  };
}
