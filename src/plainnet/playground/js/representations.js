// What each layer makes of the examples: its outputs for them, as points of a plane.

import { h, percent, select } from "./dom.js";
import { paperOf } from "./colors.js";
import { AXIS_FONT, colorsOf, drawnOn } from "./canvas.js";
import { drawExample } from "./marks.js";
import { layerName } from "./network-words.js";

const INPUTS = "inputs";
const OF_CLASSES = "The last hidden layer has done its work when straight lines can separate the "
  + "classes, for that is all that the output layer can do.";
const OF_NUMBERS = "The last hidden layer has done its work when the targets change evenly in one "
  + "direction, for a weighted sum is all that the output layer can make.";
const FRAME = { left: 10, top: 22, bottom: 22 }; // pixels around the points

export function representationsPanel(app) {
  const canvas = h("canvas", {
    class: "representation-canvas", role: "img", "aria-label": "Nothing is drawn yet",
  });
  const meaning = h("p", {});
  const words = h("p", { class: "representation-words" });
  const choice = select("Outputs of", {}, () => ask());
  let points = null; // u and v of each example, one after the other
  let units = 0;
  let isAsked = false;
  let isSeen = false; // near the window, in a tab that is open

  const ask = () => {
    if (!app.network || !isSeen) return;
    app.send("represent", { layer: choice.field.value });
    isAsked = true;
  };
  const askOnce = () => { if (!isAsked) ask(); };
  const redraw = drawnOn(app, canvas, (context, width, height) => {
    context.clearRect(0, 0, width, height);
    if (points) drawRepresentation(app, { points, units }, context, width, height);
  });
  app.on("network", (network) => {
    const { columns } = network;
    const before = choice.field.value;
    const values = [INPUTS, ...columns.map(({ name }) => name)];
    const texts = ["Inputs", ...columns.map((_, i) => layerName(network, i))];
    choice.field.replaceChildren(...values.map((value, i) => h("option", { value }, texts[i])));
    choice.field.value = values.includes(before) ? before : values.at(-2);
    [points, isAsked] = [null, false];
    redraw();
  });
  app.on("frame", askOnce);
  app.on("representation", (content) => {
    isAsked = false;
    if (content.layer !== choice.field.value) return;
    ({ points, units } = content);
    words.textContent = inWords(content);
    canvas.setAttribute("aria-label", `${points.length / 2} examples. ${words.textContent}`);
    redraw();
    if (content.step !== app.frame?.step) ask(); // the frame came first
  });
  app.on("refused", ({ what }) => { if (what === "represent") isAsked = false; });
  new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    if (isSeen) askOnce();
  }, { rootMargin: "300px 0px" }).observe(canvas);
  app.on("examples", ({ classes }) => {
    meaning.textContent = "The examples as a layer represents them: its outputs for each of them, "
      + `drawn with the marks of the plane. ${classes.length ? OF_CLASSES : OF_NUMBERS}`;
  });
  return h("section", { class: "representations", "aria-label": "Representations" }, canvas,
    h("div", {}, choice.row, meaning, words));
}

function inWords({ units, share, step }) {
  const what = units === 1 ? "number" : "two numbers";
  if (units <= 2) return `Step ${step}. The axes are the ${what}.`;
  return `Step ${step}. The axes are the first two principal components of ${units} numbers; `
    + `they have ${percent(share)} of the variance.`;
}

function drawRepresentation(app, { points, units }, context, width, height) {
  const inks = colorsOf(app.root, ["ink", "soft", "line"]);
  const paper = paperOf(app.root);
  const { left, top, bottom } = FRAME;
  const across = width - 2 * left;
  const up = height - top - bottom;
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  points.forEach((value, at) => {
    low[at % 2] = Math.min(low[at % 2], value);
    high[at % 2] = Math.max(high[at % 2], value);
  });
  // Both axes have the same scale: distances are those between the representations.
  const scale = 0.94 * Math.min(across / (high[0] - low[0] || 1), up / (high[1] - low[1] || 1));
  context.strokeStyle = inks.line;
  context.strokeRect(left - 0.5, top - 0.5, across + 1, up + 1);
  context.font = AXIS_FONT;
  context.fillStyle = inks.soft;
  const [first, second] = units > 2 ? ["component 1", "component 2"] : ["unit 0", "unit 1"];
  context.textAlign = "right";
  context.fillText(first, width - left, height - 8);
  context.textAlign = "left";
  if (units > 1) context.fillText(second, left, 14);
  const radius = points.length > 1600 ? 2.8 : 4;
  for (let row = points.length / 2 - 1; row >= 0; row -= 1) {
    const x = left + across / 2 + scale * (points[2 * row] - (low[0] + high[0]) / 2);
    const y = top + up / 2 - scale * (points[2 * row + 1] - (low[1] + high[1]) / 2);
    drawExample(app.examples, context, row, x, y, radius, paper, inks);
  }
}
