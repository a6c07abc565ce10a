/**
 * What was said of the times that are offered: as it is hoped for, as the hub has it, and whether the two are
 * one. Pure; `told` is GET options, `mine` one's ranking in it, `said` the body of a PUT preferences.
 */

/** Which options these are, in whatever order. */
export const ids = (options) => String(options.map((one) => one.id).sort());

/** Whether `told` is of another moment than `row`, the topic's. */
export function overtaken(row, told) {
  if (!row || !told) return false;
  return (
    !Object.is(Date.parse(row.deadline), Date.parse(told.deadline)) || // none, or "infinity", is NaN
    row.student_submitted !== told.submitted.student ||
    row.instructor_submitted !== told.submitted.instructor ||
    ids(row.options) !== ids(told.items)
  );
}

/** `told` as it is to be once the hub has `said`. */
export function hoped(told, said, now) {
  const none_work = Boolean(said.none_work);
  const mine = none_work
    ? { option1_id: null, option2_id: null, option3_id: null, unavailable_option_ids: told.items.map((one) => one.id), none_work, submitted_at: null }
    : { ...said, none_work, submitted_at: new Date(now).toISOString() };
  return { ...told, escalated: told.escalated || none_work, mine: { ...told.mine, ...mine } };
}

/** Whether `mine` is what was `said`. */
export function stored(mine, said) {
  if (!mine || said.none_work) return Boolean(mine?.none_work);
  const away = (one) => String([...(one.unavailable_option_ids ?? [])].sort());
  const rank = (one, n) => one[`option${n}_id`] ?? null;
  return Boolean(mine.submitted_at) && [1, 2, 3].every((n) => rank(mine, n) === rank(said, n)) && away(mine) === away(said);
}
