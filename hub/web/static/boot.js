/**
 * Before all else: if a file of the page cannot be had (the hub was upgraded between the page and its
 * files, or is just starting), the page is loaded anew, ever more slowly. No module, and no import:
 * it must run when they cannot. Once the page runs, a file it lacks is its own business: whoever is offline
 * keeps what is on the screen.
 */
(() => {
  const KEY = "hub.boot";
  let tab;
  try {
    tab = sessionStorage;
  } catch {
    // A browser that keeps nothing cannot count: rather slowly, then.
  }
  const tries = Number(tab ? tab.getItem(KEY) : 4);
  let running = false;
  addEventListener("error", ({ target }) => {
    if (running) return;
    if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    if (target.rel === "icon" || document.documentElement.dataset.failed !== undefined) return;
    document.documentElement.dataset.failed = "";
    tab?.setItem(KEY, tries + 1);
    setTimeout(() => location.reload(), Math.min(500 * 2 ** tries, 60_000) * (0.5 + Math.random() / 2));
  }, true);
  addEventListener("hub:started", () => {
    tab?.removeItem(KEY);
    running = true;
  });
})();

/**
 * What the identity provider sends back with the person (RFC 6749, section 4.1.2) is taken out of the
 * address before anything else can see it; `signin.js` finds it in this tab's storage, once.
 */
(() => {
  const { pathname, search, hash } = location;
  if (pathname !== "/" || !/[?&](code|error|state)=/.test(search)) return;
  if (!document.querySelector('meta[name="hub:sign-in"]')?.dataset.domain) return;
  history.replaceState(null, "", pathname + hash);
  try {
    sessionStorage.setItem("hub.signin.back", search);
  } catch {
    // A browser that keeps nothing: the door says so.
  }
})();

/**
 * The modules of the place the page is opened at, fetched along with the shell's: an admin's panel, else the
 * schedule, which is the way home from everywhere (and stays there for whoever is offline by then).
 */
(() => {
  const place = location.hash === "#devices" ? "admin/devices" : location.hash.replace(/^#\/?/, "");
  const [name, panel] = place.split("/");
  const wanted = name === "admin" ? ["admin", `admin/${panel || "bookings"}`] : ["schedule"];
  for (const { dataset, content } of document.querySelectorAll("template[data-ahead]")) {
    if (wanted.includes(dataset.ahead)) document.head.append(content);
  }
})();
