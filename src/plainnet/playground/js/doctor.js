// To be written.

import { h } from "./dom.js";

export function doctorPanel(app) {
  return h("section", { class: "panel" }, "doctor");
}
