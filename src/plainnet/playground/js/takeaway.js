// To be written.

import { h } from "./dom.js";

export function takeAwayPanel(app) {
  return h("section", { class: "panel" }, "takeaway");
}
