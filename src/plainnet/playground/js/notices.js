// What the session refuses, and that the connection is gone, in words.

import { h } from "./dom.js";

export function notices(app) {
  const text = h("span", {});
  const box = h("div", { class: "notice", role: "status", hidden: true }, text,
    h("button", { type: "button", "aria-label": "Dismiss", onclick: () => { box.hidden = true; } }, "×"));
  const say = (words) => { text.textContent = words; box.hidden = !words; };
  app.on("refused", ({ why }) => say(why));
  app.on("closed", () => say("The connection to Python has ended. Start plainnet playground again, and reload this page."));
  app.on("state", ({ failed }) => { if (failed) say(failed); });
  return box;
}
