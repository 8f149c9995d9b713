// To be written.

import { h } from "./dom.js";

export function learningPanel(app) {
  return h("section", { class: "panel" }, "learning");
}
