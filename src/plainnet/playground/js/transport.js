// Play, pause, one step, one epoch, and back and forth in time.

import { h } from "./dom.js";

export function transportBar(app) {
  const play = h("button", {
    type: "button",
    onclick: () => app.send(app.state.status === "playing" ? "pause" : "play"),
  }, "Play");
  const said = h("output", {});
  app.on("state", (state) => { play.textContent = state.status === "playing" ? "Pause" : "Play"; });
  app.on("frame", (frame) => {
    const loss = frame.measures.test?.loss ?? frame.measures.train.loss;
    said.textContent = `epoch ${frame.epoch}, step ${frame.step}, loss ${loss}`;
  });
  return h("header", { class: "transport" }, play, said);
}
