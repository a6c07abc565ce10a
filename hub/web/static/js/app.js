/**
 * The page put together: whoever is signed in gets a shell; whoever leaves, the door.
 */
import { enter } from "./door.js";
import { Shell } from "./shell.js";

dispatchEvent(new Event("hub:started"));

for (;;) {
  const session = await enter();
  await new Promise((leave) => {
    const shell = new Shell(session, { onleave: () => (shell.stop(), leave()) });
    shell.start();
    session.over?.then(() => shell.onleave());
  });
}
