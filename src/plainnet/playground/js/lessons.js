// To be written.

import { h } from "./dom.js";

export function lessonsPanel(app) {
  return h("section", { class: "panel" }, "lessons");
}
