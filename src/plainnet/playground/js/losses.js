// To be written.

import { h } from "./dom.js";

export function lossView(app) {
  return h("section", { class: "panel" }, "losses");
}
