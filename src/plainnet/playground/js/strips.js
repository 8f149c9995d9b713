// Activations, gradients and updates of each layer as small histograms, with the numbers beside.

import { isDark } from "./colors.js";
import { counted, h, newId, s, shown } from "./dom.js";
import { layerName } from "./network-words.js";

const STRIP_KINDS = ["activations", "gradients", "updates"];
const STRIP_TITLES = ["Activations", "Gradients", "Updates"];
const LEAST_DECADE = -8; // of the bars of gradients
const MOST_DECADE = 2;
const RATIO_DECADES = [-6, 0]; // of the small curves
const USUAL_RATIO = [-4, -2];
const MOST_RATIOS = 400;
const CURVE = { width: 120, height: 36 };

// Ratios of updates to weights, [step, one number a layer], up to the newest step of training.
function keepRatios(kept, frame) {
  if (frame.step !== frame.last) return kept;
  const before = kept.filter(([step]) => step < frame.step);
  if (frame.step > 0) before.push([frame.step, frame.sizes.map((each) => each.ratio)]);
  return before.length > MOST_RATIOS ? before.filter((_, i) => i % 2 === 0) : before;
}

// How far along a scale of decades a number is, from 0 to 1.
function alongDecades(value, least, most) {
  if (!(value > 0)) return 0;
  return Math.min(Math.max((Math.log10(value) - least) / (most - least), 0), 1);
}

// Of some units, how many are dead or saturated.
function unitsInWords(share, units, what) {
  const n = Math.round(share * units);
  return `${n} of ${counted(units, "unit")} ${n === 1 ? "is" : "are"} ${what}`;
}

function histogramCell(title, count) {
  const canvas = h("canvas", { width: count * 5, height: 40, "aria-hidden": "true" });
  const range = h("small", {});
  const element = h("div", { class: "strip" }, h("h4", {}, title), canvas, range);
  const draw = (bins, color) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = color;
    for (let i = 0; i < count; i += 1) {
      const height = bins[i] ? Math.max((bins[i] / 255) * canvas.height, 1) : 0;
      context.fillRect(i * 5, canvas.height - height, 4, height);
    }
  };
  const say = ({ low, high, rms }) => {
    const text = low == null ? "not finite"
      : low === high && low === 0 ? "all zero"
        : `${shown(low, 3)} to ${shown(high, 3)}, rms ${shown(rms, 3)}`;
    if (range.textContent !== text) range.textContent = text;
  };
  return { element, draw, say };
}

function ratioCurve() {
  const { width, height } = CURVE;
  const at = (decade) => height * (1 - (decade - RATIO_DECADES[0])
    / (RATIO_DECADES[1] - RATIO_DECADES[0]));
  const path = s("path", { class: "ratio-line" });
  const picture = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "ratio-curve",
    preserveAspectRatio: "none", "aria-hidden": "true" },
  s("rect", { class: "ratio-usual", x: 0, width, y: at(USUAL_RATIO[1]),
    height: at(USUAL_RATIO[0]) - at(USUAL_RATIO[1]) }), path);
  const words = h("small", {});
  const element = h("div", { class: "strip" }, h("h4", {}, "Update / weights"), picture, words);
  const draw = (kept, i, now) => {
    const last = kept.length ? kept[kept.length - 1][0] : 1;
    const points = kept.filter(([, ratios]) => ratios[i] > 0).map(([step, ratios]) => {
      const up = alongDecades(ratios[i], ...RATIO_DECADES);
      return `${((step / last) * width).toFixed(1)} ${(height * (1 - up)).toFixed(1)}`;
    });
    path.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    const text = now > 0 ? shown(now, 2) : "no update";
    if (words.textContent !== text) words.textContent = text;
  };
  return { element, draw };
}

function layerRow(network, i) {
  const { bins } = network, column = network.columns[i];
  const cells = STRIP_TITLES.map((title) => histogramCell(title, bins));
  const curve = ratioCurve();
  const shares = h("small", { class: "shares" });
  const shortened = (code) => code.replace(/, initializer=.*\)$/, ")");
  const code = column.layers.map(([, each]) => shortened(each)).join(" → ");
  const element = h("li", { class: "strip-row", tabindex: -1 },
    h("div", { class: "strip-name" }, h("strong", {}, layerName(network, i)),
      h("small", {}, `${column.name}: ${code}`), shares),
    cells.map((cell) => cell.element), curve.element);
  const update = (frame, kept, colors) => {
    const sizes = frame.sizes[i];
    cells.forEach((cell, j) => {
      const start = (3 * i + j) * bins;
      const isZero = sizes[STRIP_KINDS[j]].rms === 0;
      cell.draw(isZero ? [] : frame.strips.subarray(start, start + bins), colors[j]);
      cell.say(sizes[STRIP_KINDS[j]]);
    });
    curve.draw(kept, i, sizes.ratio);
    const said = [];
    if (sizes.dead) said.push(unitsInWords(sizes.dead, column.units, "dead"));
    if (sizes.saturated) said.push(unitsInWords(sizes.saturated, column.units, "saturated"));
    const text = said.join("; ");
    if (shares.textContent !== text) shares.textContent = text;
    shares.classList.toggle("many", Math.max(sizes.dead, sizes.saturated) >= 0.5);
  };
  return { element, update, name: column.name };
}

// A bar for each layer, on a scale of decades.
function gradientBar(network, i) {
  const bar = h("div", { class: "gradient-bar" });
  const value = h("span", { class: "gradient-value" });
  const element = h("li", {}, h("span", { class: "gradient-name" }, layerName(network, i)),
    h("div", { class: "gradient-track" }, bar), value);
  const update = (rms) => {
    bar.style.width = `${100 * alongDecades(rms, LEAST_DECADE, MOST_DECADE)}%`;
    const text = rms === 0 ? "0" : shown(rms, 3);
    if (value.textContent !== text) value.textContent = text;
  };
  return { element, update };
}

function stripExplanation() {
  return h("details", { class: "strip-help" }, h("summary", {}, "What these strips show"),
    h("p", {}, "Each histogram counts numbers of one layer; its fullest bin is as high as the "
      + "strip. Below it are the least and the greatest number and the root mean square (rms)."),
    h("p", {}, h("strong", {}, "Activations"), " are what the layer hands on for up to 256 "
      + "training examples. They should differ and stay within a moderate range. A single bar "
      + "means that nearly all are the same: units that are 0 for every example are dead, and "
      + "units of tanh or a sigmoid at an end of their range are saturated."),
    h("p", {}, h("strong", {}, "Gradients"), " are those of the weights in the last step. If "
      + "they become smaller and smaller towards the first layer, they vanish, and the first "
      + "layers hardly learn; if they become larger and larger, they explode."),
    h("p", {}, h("strong", {}, "Updates"), " are what the last step added to the weights. Where "
      + "they are larger than usual beside the weights, the learning rate is often too high; "
      + "where they are smaller, it is too low, or there is little left to learn."));
}

export function stripsPanel(app) {
  const gradientId = newId("gradients");
  const bars = h("ul", { class: "gradient-bars" });
  const list = h("ul", { class: "strip-rows" });
  const element = h("section", { class: "strips", "aria-label": "Inside the layers" },
    h("h3", { id: gradientId }, "Gradient of the weights, layer by layer (rms; from line to line "
      + "a hundredfold)"),
    bars, h("h3", {}, "Strips, from the first layer to the last"), list,
    h("p", {}, h("small", {}, "An update of about a thousandth of the weights is usual. The shaded "
      + "band goes from a ten-thousandth to a hundredth; the curve is the course of training.")),
    stripExplanation());
  bars.setAttribute("aria-labelledby", gradientId);
  let rows = [];
  let gradients = [];
  let kept = [];
  let isSeen = false; // near the window, in a tab that is open; asking at each frame costs more
  const stripColors = () => (isDark(app.root)
    ? ["#7db4f0", "#f0a040", "#6fd09a"] : ["#2569be", "#b35c00", "#1b6e3c"]);

  function draw() {
    if (isSeen) drawNow();
  }

  function drawNow() {
    const frame = app.frame;
    if (!frame || frame.sizes.length !== rows.length) return;
    const colors = stripColors();
    rows.forEach((row) => row.update(frame, kept, colors));
    gradients.forEach((bar, i) => bar.update(frame.sizes[i].gradients.rms));
  }

  app.on("network", (network) => {
    const { columns } = network;
    rows = columns.map((_, i) => layerRow(network, i));
    gradients = columns.map((_, i) => gradientBar(network, i));
    list.replaceChildren(...rows.map((row) => row.element));
    bars.replaceChildren(...gradients.map((bar) => bar.element));
    if (kept.length && kept[0][1].length !== columns.length) kept = [];
  });
  app.on("welcome", () => { kept = []; });
  app.on("frame", (frame) => {
    kept = keepRatios(kept, frame);
    draw();
  });
  app.on("theme", draw);
  app.on("select", (selection) => { // a layer comes to the front, such as one that is not well
    for (const row of rows) {
      const isIt = selection?.kind === "layer" && row.name === selection.name;
      row.element.toggleAttribute("data-chosen", isIt);
      if (!isIt) continue;
      element.dispatchEvent(new Event("show"));
      row.element.focus({ preventScroll: true });
      row.element.scrollIntoView({ block: "center" });
    }
  });
  const beforePrint = () => { // paper shows what is not in the window as well
    if (!element.isConnected) removeEventListener("beforeprint", beforePrint);
    else if (element.checkVisibility()) drawNow();
  };
  addEventListener("beforeprint", beforePrint);
  new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    draw();
  }, { rootMargin: "300px 0px" }).observe(element);
  return element;
}
