// To be written.

import { h } from "./dom.js";

export function networkView(app) {
  return h("section", { class: "panel" }, "network");
}
