// To be written.

import { h } from "./dom.js";

export function planeView(app) {
  return h("section", { class: "panel" }, "plane");
}
