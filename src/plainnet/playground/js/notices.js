// What the session refuses, and that the connection is gone, in words.

import { h } from "./dom.js";

const ENDED = "The connection to Python has ended. Start plainnet playground again, and open the "
  + "address that it prints; what follows the # in the address above holds your settings.";

const ASKED_BY_THE_PAGE = ["probe", "represent"]; // of a network that may be another by then

export function notices(app) {
  const text = h("span", {});
  const box = h("div", { class: "notice", role: "status", hidden: true }, text,
    h("button", {
      type: "button", "aria-label": "Dismiss", onclick: () => { box.hidden = true; },
    }, "×"));
  const say = (words) => { text.textContent = asSentence(words); box.hidden = !words; };
  let told = ""; // how training has failed, which is said once
  app.on("welcome", () => say(told = "")); // another link: what was refused before is gone
  app.on("refused", ({ what, why }) => { if (!ASKED_BY_THE_PAGE.includes(what)) say(why); });
  let isFull = false;
  app.on("refused", ({ what }) => { isFull ||= what === "connect"; });
  app.on("closed", () => { if (!isFull) say(ENDED); });
  app.on("state", ({ failed }) => {
    if (failed !== told && (failed || text.textContent === asSentence(told))) say(failed);
    told = failed;
  });
  return box;
}

// With a capital, unless it begins with a name of the code, and a full stop.
function asSentence(words) {
  const text = words.replace(/^[a-z]+(?= )/, (word) => word[0].toUpperCase() + word.slice(1));
  return !text || text.endsWith(".") ? text : `${text}.`;
}
