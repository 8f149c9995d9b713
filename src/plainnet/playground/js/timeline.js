// The slider of time: every recorded step from the first weights to the last step.

import { h, s } from "./dom.js";

export function timeline(app) {
  const slider = h("input", {
    type: "range", min: 0, max: 0, value: 0, disabled: true, "aria-label": "Step that is shown",
    oninput: () => wish(Number(slider.value)),
  });
  const arrow = (label, d, by) => h("button", {
    type: "button", class: "arrow", disabled: true, "aria-label": label, title: label,
    onclick: () => go(by),
  }, s("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    s("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 2 })));
  const back = arrow("A step back", "M10.5 3L5.5 8L10.5 13", -1);
  const forward = arrow("A step forward", "M5.5 3L10.5 8L5.5 13", 1);

  let wished = null; // the step that is to be shown next
  let isAsked = false; // a frame is awaited; until it is drawn, only the last wish counts
  const ask = () => {
    if (wished === null || isAsked) return;
    app.send("show", { step: wished });
    wished = null;
    isAsked = true;
  };
  const wish = (step) => {
    wished = step;
    ask();
  };
  const go = (by) => {
    if (app.isRecording && by > 0) {
      app.send("advance", { steps: 1 }); // to the next of the steps that were kept
      return;
    }
    const { every } = app.state;
    const from = wished ?? app.frame.step;
    const place = by < 0 ? Math.ceil(from / every) : Math.floor(from / every);
    const step = (place + by) * every;
    wish(Math.min(Math.max(step, slider.min), app.frame.last));
  };

  app.on("frame", ({ step, epoch, last }) => {
    isAsked = false;
    slider.min = app.state?.first ?? 0; // a recording may begin later
    slider.max = last;
    slider.disabled = slider.min === slider.max;
    if (wished === null) slider.value = step;
    back.disabled = step <= slider.min;
    forward.disabled = step >= last;
    slider.setAttribute("aria-valuetext", `step ${step} of ${last}, epoch ${epoch}`);
    ask();
  });
  app.on("refused", () => { isAsked = false; });
  return h("div", { class: "timeline" }, back, slider, forward);
}
