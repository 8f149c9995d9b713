// The buttons for drawing points: the class that is drawn, the eraser, and Clear.

import { keptByLesson } from "./allowed.js";
import { h, newId } from "./dom.js";
import { sliderField } from "./fields.js";
import { markIcon } from "./marks.js";

export function drawingTools(app, drawing) {
  const toggle = h("button", {
    type: "button", "aria-pressed": false, hidden: app.isRecording,
    onclick: () => drawing.turn(!drawing.isOn),
  }, "Draw points");
  const name = newId("tool");
  const choice = (tool, ...inside) => {
    const field = h("input", {
      type: "radio", name, value: tool, checked: tool === drawing.tool,
      onchange: () => drawing.take(tool),
    });
    return h("label", { class: "tool" }, field, ...inside);
  };
  const ofNumbers = choice("number", "Number");
  let classes = [];
  app.on("welcome", ({ choices }) => {
    for (const each of classes) each.remove();
    classes = Array.from({ length: choices.limits.classes.most }, (_, k) => choice(k, markIcon(k),
      h("span", {}, h("span", { class: "visually-hidden" }, "class "), `${k}`)));
    ofNumbers.before(...classes);
  });
  const value = sliderField("Target", { least: -1, most: 1 }, (number) => {
    drawing.value = number;
  }, 0.05);
  value.set(drawing.value);
  value.row.classList.add("plane-target");
  const words = h("small", { role: "status" });
  const row = h("div", { class: "plane-tools", hidden: true },
    h("fieldset", { class: "row" }, h("legend", { class: "visually-hidden" }, "What is drawn"),
      ofNumbers, choice("erase", "Eraser"),
      h("button", { type: "button", onclick: () => drawing.clear() }, "Clear")), value.row, words);
  const update = () => {
    toggle.setAttribute("aria-pressed", drawing.isOn);
    row.hidden = !drawing.isOn;
    value.row.hidden = !drawing.isNumber;
    for (const field of row.querySelectorAll("input[type=radio]")) {
      field.checked = field.value === String(drawing.tool);
    }
    const count = drawing.isOn ? drawing.begin().length : 0;
    words.textContent = drawing.words
      || `${count} of at most ${drawing.choices?.most_drawn} points. Click or drag; Shift removes.`;
  };
  app.on("state", ({ fixed }) => {
    toggle.hidden = Boolean(app.isRecording || fixed?.data);
    toggle.title = keptByLesson(app, "drawn");
    toggle.disabled = Boolean(toggle.title);
  });
  app.on("draw points", () => {
    if (!drawing.isOn) drawing.turn(true);
    toggle.scrollIntoView({ block: "nearest" });
    toggle.focus();
  });
  return { toggle, row, update };
}
