/**
 * Keeps the kiosk's page, so that a screen that is loaded while the hub is away shows the last known
 * board and not the browser's own excuse. A service worker whose scope is `/kiosk` and nothing else.
 *
 * Invariants: the hub is asked first; a page is kept, and shown, only with all of its files, so no
 * screen ever runs half of a release; nothing under `/api/` passes through here; one page is kept.
 */
const CACHE = "kiosk";
const PAGE = "/kiosk";
const PATIENCE = 8_000; // ms for the whole page

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(take());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === PAGE) event.respondWith(page());
  else if (pathname.startsWith("/static/") || pathname === "/boot.js") event.respondWith(file(request));
});

/** The hub's page if it can be had whole, else the one that is kept. */
async function page() {
  try {
    return await take();
  } catch (error) {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(PAGE);
    if (kept) return kept;
    return fetch(PAGE);
  }
}

/** What the page loads: kept files first, since they lie under their release's name. */
async function file(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  // A script of letters that a name needed: part of this page from now on.
  if (answer.ok && request.url.includes("/kiosk/font/")) await cache.put(request.url, answer.clone());
  return answer;
}

/** Fetch the page and all its files; keep them in place of the old ones; answer with the page. */
async function take() {
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(PAGE, { cache: "no-cache", signal });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const text = await answer.clone().text();
  const paths = new Set(["/boot.js", ...[...text.matchAll(/"(\/static\/[^"]+)"/g)].map((found) => found[1])]);
  if (paths.size < 2) throw new Error("not the kiosk's page");
  const cache = await caches.open(CACHE);
  const files = await Promise.all(
    [...paths].map(async (path) => {
      if (path !== "/boot.js" && (await cache.match(path))) return null;
      const one = await fetch(path, { signal });
      if (!one.ok) throw new Error(`${path}: ${one.status}`);
      // Read to its end before anything is kept: a file that breaks off is no file.
      return [path, new Response(await one.blob(), { headers: one.headers })];
    }),
  );
  for (const found of files) if (found) await cache.put(...found);
  await cache.put(PAGE, answer.clone());
  const release = [...paths].find((path) => path.startsWith("/static/")).split("/")[2];
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname.startsWith("/static/") && pathname.split("/")[2] !== release) await cache.delete(url);
  }
  return answer;
}
