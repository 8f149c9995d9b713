// The plane: what the network decides at every point of it, and the examples.

import { h, shown } from "./dom.js";
import { classRGB, css, paperOf, signedRGB } from "./colors.js";
import { drawnOn } from "./canvas.js";
import { checkBox } from "./fields.js";
import { largestTarget, markIcon } from "./marks.js";
import { Drawing } from "./drawing.js";
import { drawingTools } from "./drawing-tools.js";
import { unitName } from "./network-words.js";
import { PlaneCursor } from "./plane-cursor.js";
import { PlanePicture } from "./plane-picture.js";

export function planeView(app) {
  const picture = new PlanePicture(app);
  const title = h("h2", {}, "Decision regions");
  const canvas = h("canvas", { class: "plane-canvas", role: "application", tabindex: 0 });
  const stage = h("div", { class: "plane-stage" }, canvas);
  const legend = h("div", { class: "plane-legend" });
  const redraw = drawnOn(app, canvas, (...size) => {
    picture.draw(...size);
    cursor.place();
  });
  const drawing = new Drawing(app, () => {
    picture.drawn = drawing.points;
    picture.isBlank = Boolean(drawing.points) && (drawing.isElsewhere || drawing.isOtherKind);
    picture.drawsNumbers = drawing.isNumber;
    legend.hidden = picture.isBlank;
    canvas.classList.toggle("draws", drawing.isOn);
    tools.update();
    redraw();
  });
  const tools = drawingTools(app, drawing);
  const cursor = new PlaneCursor(app, { picture, canvas, stage, drawing });
  const response = h("div", { class: "plane-response", hidden: true });
  // While a unit is pointed at, its output is shown instead, with its name and scale.
  const showUnit = () => {
    const { tile } = picture;
    const { examples, network } = app;
    if (!examples || !network) return;
    const isUnit = tile >= 0;
    if (response.hidden === isUnit) {
      legend.style.minHeight = "";
      const height = legend.offsetHeight; // nothing below moves
      if (isUnit) response.style.minHeight = `${height}px`;
      response.hidden = !isUnit;
      legend.hidden = isUnit || picture.isBlank;
    }
    const usual = examples.classes.length ? "Decision regions" : "Predictions";
    const name = isUnit ? unitName(app, picture.unit.column, picture.unit.unit) : "";
    const text = name ? name[0].toUpperCase() + name.slice(1) : usual;
    if (title.textContent !== text) title.textContent = text;
    const most = isUnit ? picture.frame.scales[tile] : null;
    if (!isUnit || (response.most === most && response.name === name)) return;
    Object.assign(response, { most, name });
    const words = most === 0 ? "is 0 all over the plane" : "on its own scale";
    response.replaceChildren(most === 0 ? "" : valueLegend(app, most),
      h("p", { class: "plane-meanings" }, `The unit’s output ${words}.`));
  };
  app.on("look at unit", (unit) => {
    if (picture.unit === unit) return;
    picture.unit = unit;
    showUnit();
    redraw();
  });
  const redrawAll = () => {
    picture.forget();
    redraw();
  };
  const test = checkBox("Test points", true, (isOn) => {
    picture.showsTest = isOn;
    redraw();
  });
  const hard = checkBox("Hard regions", false, (isOn) => {
    picture.isHard = isOn;
    redrawAll();
  });

  app.on("examples", (examples) => {
    picture.frame = null; // the last one was of other examples
    title.textContent = examples.classes.length ? "Decision regions" : "Predictions";
    canvas.setAttribute("aria-label", labelOf(examples, app.isRecording));
    hard.row.lastChild.textContent = examples.classes.length ? "Hard regions" : "In bands";
    test.row.hidden = examples.n_train === examples.targets.length;
    legend.replaceChildren(...legendOf(app, picture));
    redrawAll();
  });
  app.on("theme", () => {
    response.most = null;
    if (!app.examples) return;
    legend.replaceChildren(...legendOf(app, picture));
    redrawAll();
  });
  app.on("frame", (frame) => {
    picture.frame = frame;
    redraw();
    cursor.update();
    if (picture.unit) showUnit();
  });
  return h("section", { class: "panel plane" },
    h("div", { class: "row plane-head" }, title, tools.toggle), tools.row, stage,
    cursor.readout, cursor.outputs,
    h("div", { class: "row" }, test.row, hard.row), legend, response, cursor.live);
}

function labelOf({ labels, classes }, isRecording) {
  const what = classes.length ? "Decision regions" : "Predictions";
  return `${what} over ${labels[0]} and ${labels[1]}. Arrow keys move a crosshair, with Shift `
    + `faster; Enter selects the nearest example${isRecording ? "." : ", or draws a point; Delete removes one."}`;
}

// The names and counts of the classes, or the colours of values, and what the marks mean.
function legendOf(app, picture) {
  const { classes, targets, n_train: nTrain } = app.examples;
  const hasTest = nTrain < targets.length;
  const counts = hasTest ? `${nTrain} for training, ${targets.length - nTrain} for testing`
    : `${nTrain} for training`;
  const meanings = h("p", { class: "plane-meanings" }, `${counts}. `,
    hasTest ? (classes.length ? "Hollow: test. " : "Ringed: test. ") : null,
    classes.length ? "Crossed out: misclassified. Fainter: less certain." : null);
  return [classes.length ? classLegend(app.examples) : valueLegend(app, largestTarget(app.examples)), meanings];
}

function classLegend({ classes, targets, n_train: nTrain }) {
  const training = classes.map(() => 0);
  const testing = classes.map(() => 0);
  targets.forEach((k, row) => { (row < nTrain ? training : testing)[k] += 1; });
  const items = classes.map((name, k) => {
    const label = h("span", { class: "plane-class" }, name);
    label.style.borderColor = css(classRGB(k));
    const count = nTrain < targets.length ? `${training[k]} + ${testing[k]}` : training[k];
    return h("li", {}, markIcon(k), label, h("small", {}, count));
  });
  return h("ul", { "aria-label": "Classes and their counts" }, items);
}

function valueLegend(app, largest) {
  const paper = paperOf(app.root);
  const colors = [-1, -0.5, 0, 0.5, 1].map((value) => css(signedRGB(value, paper)));
  const bar = h("div", { class: "plane-scale" });
  bar.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return h("div", {}, bar, h("div", { class: "plane-values" },
    ...[-largest, 0, largest].map((value) => h("span", {}, shown(value, 3)))));
}
