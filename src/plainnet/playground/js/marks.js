// The marks of examples: a class has a shape as well as a colour, and test examples are hollow.

import { s } from "./dom.js";
import { classRGB, css, SHAPES, signedRGB } from "./colors.js";

const MARK_OUTLINES = {
  circle: "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z",
  square: "M-.88-.88H.88V.88H-.88Z",
  triangle: "M0-1.15L1.1.8H-1.1Z",
  diamond: "M0-1.3L1.1 0L0 1.3L-1.1 0Z",
  cross: "M-.42-1.15H.42V-.42H1.15V.42H.42V1.15H-.42V.42H-1.15V-.42H-.42Z",
};
const MARK_PATHS = {};

function markOutline(k) {
  return MARK_OUTLINES[SHAPES[k % SHAPES.length]];
}

// Draw the mark of class k at (x, y); hollow ones in the colour around paper.
export function drawMark(context, k, x, y, radius, color, paper, isHollow) {
  const path = (MARK_PATHS[k % SHAPES.length] ??= new Path2D(markOutline(k)));
  context.save();
  context.translate(x, y);
  context.scale(radius, radius);
  context.lineWidth = (isHollow ? 1.7 : 1) / radius;
  context.fillStyle = isHollow ? paper : color;
  context.strokeStyle = isHollow ? color : paper;
  context.fill(path);
  context.stroke(path);
  context.restore();
}

// The largest target in size, which has the fullest colour in regression.
export function largestTarget(examples) {
  examples.largest ??= examples.targets.reduce((size, y) => Math.max(size, Math.abs(y)), 0) || 1;
  return examples.largest;
}

// Draw an example by its row: the mark of its class, or a disc in the colour of its target, with a
// ring if it is for testing.
export function drawExample(examples, context, row, x, y, radius, paper, inks) {
  const { targets, classes, n_train: nTrain } = examples;
  const [target, isTest] = [targets[row], row >= nTrain];
  if (classes.length) {
    drawMark(context, target, x, y, radius, css(classRGB(target)), css(paper), isTest);
  } else {
    drawNumber(context, target / largestTarget(examples), x, y, radius, paper, inks, isTest);
  }
}

// Draw a number from -1 to 1 as a disc in its colour.
export function drawNumber(context, share, x, y, radius, paper, inks, isTest) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = css(signedRGB(share, paper));
  context.fill();
  context.lineWidth = isTest ? 1.8 : 0.8;
  context.strokeStyle = isTest ? inks.ink : inks.soft;
  context.stroke();
}

// The same as a picture in a text.
export function markIcon(k, { isHollow = false, color = css(classRGB(k)) } = {}) {
  return s("svg", { class: "mark", viewBox: "-1.6 -1.6 3.2 3.2", "aria-hidden": "true" },
    s("path", {
      d: markOutline(k), fill: isHollow ? "none" : color, stroke: color, "stroke-width": 0.35,
    }));
}
