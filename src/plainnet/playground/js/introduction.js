// The first sentence for a newcomer, until it is dismissed; a browser remembers that.

import { h } from "./dom.js";

const SEEN = "plainnet-playground-introduced";

export function introduction(app) {
  const box = h("div", { class: "introduction", hidden: true },
    h("p", {}, "This neural network learns from the points in the plane: press ",
      h("strong", {}, "Play"), " and watch. Point at any unit or link to see its numbers; change "
      + "the data, the layers, or any weight."),
    h("button", {
      type: "button", "aria-label": "Dismiss the introduction", title: "Do not show this again",
      onclick: () => {
        box.remove();
        remember();
        app.root.focus();
      },
    }, "×"));
  app.on("state", ({ fixed, step }) => {
    if (box.isShown || isRemembered() || fixed?.data || fixed?.layers || step) return;
    box.isShown = true;
    box.hidden = false;
  });
  return box;
}

// A page may not be allowed to keep anything.
function isRemembered() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(SEEN, "yes");
  } catch { /* then it comes again */ }
}
