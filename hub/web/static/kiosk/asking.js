/**
 * What the kiosk asks of the hub by REST: its first picture, and whether it is still known there.
 *
 * Invariants: the credential is in a header; a first picture is whole or none, however many pages it
 * has; whatever is answered also tells the time.
 */
const PATIENCE = 8_000; // ms for one answer
const LIMIT = "1000"; // rows a page: more than a day has, so that it is one
const PAGES = 20; // beyond, the watch brings them

/**
 * Rows and their cursor; {} where they are not to be had, and the watch brings them. What changed
 * between two pages is told by the stream, which begins at the first page's cursor.
 */
export async function firstPicture(filter, token, time) {
  try {
    const rows = new Map();
    let cursor = null;
    let after = null;
    for (let page = 0; page < PAGES; page += 1) {
      const asked = new URLSearchParams({ ...filter, limit: LIMIT, ...(after === null ? {} : { after }) });
      const answer = await ask(`/api/v1/board?${asked}`, token, time);
      cursor ??= answer.headers.get("Hub-Cursor");
      if (!answer.ok || !cursor) return {};
      const { items, next } = await answer.json();
      for (const row of items) rows.set(row.id, row);
      if (next === null) return { cursor, rows };
      after = next;
    }
  } catch {
    // The hub is away.
  }
  return {};
}

/** Whether the hub knows the credential no more; where it does not say, it does. */
export async function isRefused(token, time) {
  try {
    const { status } = await ask("/api/v1/devices/me", token, time);
    return status === 401;
  } catch {
    return false;
  }
}

async function ask(path, token, time) {
  const begun = performance.now();
  const answer = await fetch(path, {
    headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
  });
  time.hear(answer, performance.now() - begun);
  return answer;
}
