// To be written.

import { h } from "./dom.js";

export function dataPanel(app) {
  return h("section", { class: "panel" }, "data");
}
