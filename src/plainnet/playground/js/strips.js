// To be written.

import { h } from "./dom.js";

export function stripsPanel(app) {
  return h("section", { class: "panel" }, "strips");
}
