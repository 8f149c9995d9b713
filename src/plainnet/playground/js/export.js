// An exported page: the pictures of a recorded training, without Python.

import { App } from "./app.js";
import { h } from "./dom.js";
import { followTheme } from "./theme.js";
import { spacePlays, transportBar } from "./transport.js";
import { networkView } from "./network.js";
import { planeView } from "./plane.js";
import { lossView } from "./losses.js";
import { notices } from "./notices.js";
import { aboutRecording } from "./about.js";
import { RecordingModel } from "./recording.js";

export function replay(el, recording) {
  const model = new RecordingModel(recording);
  const app = new App(model);
  app.isRecording = true;
  const root = h("div", { class: "plainnet-playground is-recording" });
  app.root = root;
  root.app = app; // for tests, and for whoever looks inside
  followTheme(root, () => app.emit("theme", root.dataset.theme));
  el.replaceChildren(root);
  root.append(
    transportBar(app),
    notices(app),
    h("div", { class: "parts" },
      h("div", { class: "part-network" }, networkView(app)),
      h("div", { class: "part-output" }, planeView(app), lossView(app))),
    aboutRecording(app),
  );
  spacePlays(app);
  model.send({ do: "hello" });
  return model;
}
