// One picture of what the page shows: network, plane and losses, and a caption beneath.

import { css, paperOf } from "./colors.js";
import { percent, shown } from "./dom.js";

const SCALE = 2; // pixels of the picture for one of the page
const ROOM = 16;
const LINE = 18;
const LEAST = 60; // smaller canvases are symbols
const LABELS = ".net-unit, .net-input, .net-class, .net-many, .net-codes > span";

// The network on the left, and beside it the plane and the losses, one below the other.
export function pictureOf(app) {
  const visible = (selector) => [...app.root.querySelectorAll(selector)].filter(isDrawn);
  const network = visible(".part-network canvas");
  const left = network.length ? [around([...network, ...visible(LABELS)])] : [];
  const right = visible(".part-output canvas").map((canvas) => around([canvas]));
  const lines = captionOf(app);
  const tall = (parts) => parts.reduce((sum, { height }) => sum + height + ROOM, 0);
  const wide = (parts) => Math.max(0, ...parts.map(({ width }) => width + ROOM));
  const width = Math.max(360, ROOM + wide(left) + wide(right));
  const height = ROOM + Math.max(tall(left), tall(right));
  const picture = document.createElement("canvas");
  picture.width = SCALE * width;
  picture.height = SCALE * (height + LINE * lines.length + ROOM);
  const context = picture.getContext("2d");
  context.scale(SCALE, SCALE);
  context.fillStyle = css(paperOf(app.root));
  context.fillRect(0, 0, width, picture.height);
  drawParts(context, left, ROOM);
  drawParts(context, right, ROOM + wide(left));
  const style = getComputedStyle(app.root);
  context.fillStyle = style.color;
  context.textBaseline = "top";
  lines.forEach((line, i) => {
    context.font = `${i ? "" : "600 "}13px ${style.fontFamily}`;
    context.fillText(line, ROOM, height + LINE * i, width - 2 * ROOM);
  });
  return picture;
}

function isDrawn(element) {
  if (!element.checkVisibility()) return false;
  const { width, height } = element.getBoundingClientRect();
  return !(element instanceof HTMLCanvasElement) || (width >= LEAST && height >= LEAST);
}

function around(elements) {
  const boxes = elements.map((element) => element.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const right = Math.max(...boxes.map((box) => box.right));
  const bottom = Math.max(...boxes.map((box) => box.bottom));
  return { elements, boxes, left, top, width: right - left, height: bottom - top };
}

function drawParts(context, parts, x) {
  let y = ROOM;
  for (const { elements, boxes, left, top, height } of parts) {
    elements.forEach((element, i) => {
      const box = new DOMRect(x + boxes[i].x - left, y + boxes[i].y - top,
        boxes[i].width, boxes[i].height);
      if (element instanceof HTMLCanvasElement) {
        context.drawImage(element, box.x, box.y, box.width, box.height);
      } else drawLabel(context, element, box);
    });
    y += height + ROOM;
  }
}

// A box with a text, as the style sheet has it.
function drawLabel(context, element, { x, y, width, height }) {
  const style = getComputedStyle(element);
  const [edge, bar] = [style.borderTopWidth, style.borderLeftWidth].map(parseFloat);
  if (edge) {
    context.lineWidth = edge;
    context.strokeStyle = style.borderTopColor;
    context.setLineDash(style.borderTopStyle === "dashed" ? [4, 3] : []);
    context.strokeRect(x + edge / 2, y + edge / 2, width - edge, height - edge);
  } else if (bar) {
    context.fillStyle = style.borderLeftColor;
    context.fillRect(x, y, bar, height);
  }
  const said = getComputedStyle(element, "::after").content.match(/^"(.+)"$/)?.[1];
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  context.textAlign = edge ? "center" : "left";
  const inset = bar + parseFloat(style.paddingLeft);
  context.fillText(element.textContent.trim() || said || "", edge ? x + width / 2 : x + inset,
    y + height / 2);
  context.textAlign = "left";
}

function captionOf(app) {
  const { settings } = app.state;
  const { choices } = app.welcome;
  const units = settings.layers.map((layer) => layer.units).join("-");
  const hidden = units ? `hidden units ${units}` : "no hidden layer";
  const measures = app.frame?.measures ?? {};
  const numbers = Object.entries({ train: "training", test: "testing" }).flatMap(([rows, word]) => {
    const { loss, accuracy } = measures[rows] ?? {};
    if (loss === undefined) return [];
    const share = accuracy == null ? "" : `, accuracy ${percent(accuracy)}`;
    return [`${word}: loss ${shown(loss)}${share}`];
  });
  return [
    `${choices.data[settings.data]}, ${hidden}, ${choices.optimizer[settings.optimizer]} `
      + `at ${shown(settings.learning_rate)}, step ${app.frame?.step ?? 0}`,
    numbers.join("; "),
    `plainnet playground ${app.welcome.version}`,
  ];
}
