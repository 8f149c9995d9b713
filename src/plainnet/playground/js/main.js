// The view of a playground, with the interface of an anywidget.

import { App } from "./app.js";
import { h } from "./dom.js";
import { followTheme } from "./theme.js";
import { transportBar } from "./transport.js";
import { dataPanel } from "./data.js";
import { learningPanel } from "./learning.js";
import { networkView } from "./network.js";
import { planeView } from "./plane.js";
import { lossView } from "./losses.js";
import { doctorPanel } from "./doctor.js";
import { tabs } from "./tabs.js";
import { stripsPanel } from "./strips.js";
import { representationsPanel } from "./representations.js";
import { steppingPanel } from "./stepping.js";
import { lessonsPanel } from "./lessons.js";
import { takeAwayPanel } from "./takeaway.js";
import { notices } from "./notices.js";
import { introduction } from "./introduction.js";

// Fill `el` with a playground whose session is behind `model`.
export function render({ model, el }) {
  const app = new App(model);
  const root = h("div", { class: "plainnet-playground" });
  app.root = root;
  root.app = app; // for tests, and for whoever looks inside
  const stop = followTheme(root, () => app.emit("theme", root.dataset.theme));
  el.replaceChildren(root);
  root.append(
    transportBar(app),
    notices(app),
    introduction(app),
    h("div", { class: "parts" },
      h("div", { class: "part-data" }, dataPanel(app), learningPanel(app)),
      h("div", { class: "part-network" }, networkView(app), doctorPanel(app)),
      h("div", { class: "part-output" }, planeView(app), lossView(app)),
      h("div", { class: "part-below" }, tabs("More", {
        "Inside the layers": stripsPanel(app),
        Representations: representationsPanel(app),
        "One example, step by step": steppingPanel(app),
        Lessons: lessonsPanel(app),
        "Take away": takeAwayPanel(app),
      }))),
  );
  return () => {
    stop();
    app.close();
    el.replaceChildren();
  };
}
