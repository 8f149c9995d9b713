// To be written.

import { h } from "./dom.js";

export function steppingPanel(app) {
  return h("section", { class: "panel" }, "stepping");
}
