// The picture of the plane: what the network decides everywhere, the examples, and the axes.

import { SIDE, TILE } from "./app.js";
import { classRGB, classTable, css, paperOf, signedTable } from "./colors.js";
import { AXIS_FONT, colorsOf, ticksOf } from "./canvas.js";
import { shown } from "./dom.js";
import { tileOf } from "./probing.js";
import { drawExample, drawMark, drawNumber, largestTarget } from "./marks.js";

const PLANE_ROOM = { left: 38, right: 10, top: 18, bottom: 30 }; // around the square
const DRAWN_PLANE = { low: [-1.2, -1.2], high: [1.2, 1.2], labels: ["x₁", "x₂"] };
const SURE = 217; // the shade of hard regions

export class PlanePicture {
  constructor(app) {
    this.app = app;
    this.showsTest = true;
    this.isHard = false;
    this.drawn = null; // points [x1, x2, class] that are drawn by hand, instead of the examples
    this.isBlank = false; // where the examples are not of the plane that points are drawn in
    this.unit = null; // {column, unit} whose output is shown instead
    this.drawsNumbers = false; // whether the points drawn by hand have numbers instead of classes
    this.frame = null;
    this.width = this.height = 1;
    this.cells = document.createElement("canvas");
    this.cells.width = this.cells.height = SIDE;
    this.layer = document.createElement("canvas");
    this.forget();
  }

  // Draw everything anew the next time.
  forget() {
    this.inks = this.tables = this.layerKey = this.signed = null;
  }

  get isRegression() {
    return !this.app.examples?.classes.length;
  }

  // Where the output that is shown instead of the decisions lies in the frame, or -1.
  get tile() {
    const { unit, frame, app } = this;
    const tile = unit && frame ? tileOf(app.network, unit.column, unit.unit) : -1;
    return tile < (frame?.scales.length ?? 0) - 1 ? tile : -1;
  }

  // The ranges of the axes and their names; drawn points have a plane of their own.
  get bounds() {
    return this.isBlank ? DRAWN_PLANE : this.app.examples;
  }

  // --- places ------------------------------------------------------------------------------

  get inside() {
    const { left, right, top, bottom } = PLANE_ROOM;
    return { left, top, width: this.width - left - right, height: this.height - top - bottom };
  }

  toPixels(u, v) {
    const { left, top, width, height } = this.inside;
    const { low, high } = this.bounds;
    return [
      left + width * (u - low[0]) / (high[0] - low[0]),
      top + height * (high[1] - v) / (high[1] - low[1]),
    ];
  }

  // The point of the plane at a pixel, kept inside.
  toPlane(x, y) {
    const { left, top, width, height } = this.inside;
    const { low, high } = this.bounds;
    const across = Math.min(Math.max((x - left) / width, 0), 1);
    const down = Math.min(Math.max((y - top) / height, 0), 1);
    return [low[0] + across * (high[0] - low[0]), high[1] - down * (high[1] - low[1])];
  }

  // What the network decides in the cell of a point: {class, share} or {value}.
  decisionAt([u, v]) {
    const { frame } = this;
    if (!frame || this.isBlank) return null;
    const { low, high } = this.bounds;
    const column = Math.min(Math.floor(SIDE * (u - low[0]) / (high[0] - low[0])), SIDE - 1);
    const row = Math.min(Math.floor(SIDE * (high[1] - v) / (high[1] - low[1])), SIDE - 1);
    const cell = row * SIDE + column;
    if (!this.isRegression) {
      return { class: frame.regions[cell], share: frame.confidence[cell] / 255 };
    }
    return { value: (frame.regions[cell] - 128) / 127 * frame.scales.at(-1) };
  }

  // The index of the example that is seen nearest to a point, and its distance in pixels.
  nearest([u, v]) {
    const { points, n_train: nTrain } = this.app.examples;
    const [x, y] = this.toPixels(u, v);
    let found = { row: -1, distance: Infinity };
    const last = this.showsTest ? points.length / 2 : nTrain;
    for (let row = 0; row < last; row++) {
      const [px, py] = this.toPixels(points[2 * row], points[2 * row + 1]);
      const distance = Math.hypot(px - x, py - y);
      if (distance < found.distance) found = { row, distance };
    }
    return found;
  }

  // --- drawing -----------------------------------------------------------------------------

  draw(context, width, height) {
    [this.width, this.height] = [width, height];
    context.clearRect(0, 0, width, height);
    if (!this.app.examples) return;
    this.inks ??= colorsOf(this.app.root, ["ink", "soft", "line"]);
    const { inside } = this;
    if (this.frame && !this.isBlank) {
      this.drawCells();
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.cells, inside.left, inside.top, inside.width, inside.height);
    }
    this.drawLayer(context.canvas);
    context.drawImage(this.layer, 0, 0, width, height);
    const hasDecisions = this.frame && !this.drawn && !this.isRegression;
    if (hasDecisions && this.tile < 0) this.drawWrong(context);
  }

  drawCells() {
    const { frame } = this;
    const context = this.cells.getContext("2d");
    this.image ??= context.createImageData(SIDE, SIDE);
    const pixels = new Uint32Array(this.image.data.buffer);
    this.tables ??= this.tablesNow();
    const { tile } = this;
    if (tile >= 0) this.fillResponse(pixels, frame.tiles, tile * TILE * TILE);
    else if (this.isRegression) {
      const table = this.shadesOf(frame.scales.at(-1));
      for (let i = 0; i < pixels.length; i++) pixels[i] = table[frame.regions[i]];
    } else {
      const { tables } = this;
      const { regions, confidence } = frame;
      for (let i = 0; i < pixels.length; i++) pixels[i] = tables[regions[i]][confidence[i]];
    }
    context.putImageData(this.image, 0, 0);
  }

  // A tile has every second cell.
  fillResponse(pixels, tiles, start) {
    const table = this.signed ??= signedTable(paperOf(this.app.root));
    for (let i = 0; i < pixels.length; i++) {
      const row = Math.floor(i / SIDE);
      pixels[i] = table[tiles[start + (row >> 1) * TILE + ((i - row * SIDE) >> 1)]];
    }
  }

  tablesNow() {
    const paper = paperOf(this.app.root);
    if (this.isRegression) return signedTable(paper);
    const { length } = this.app.examples.classes;
    return Array.from({ length }, (_, k) => {
      const table = classTable(k, length, paper);
      return this.isHard ? table.fill(table[SURE]) : table;
    });
  }

  // The frame's shades as colours of the scale that the examples have, too; hard ones in bands.
  shadesOf(scale) {
    const { tables, isHard } = this, largest = largestTarget(this.app.examples);
    return Uint32Array.from({ length: 256 }, (_, shade) => {
      let value = Math.min(Math.max((shade - 128) / 127 * scale / largest, -1), 1);
      if (isHard) value = Math.round(value * 5) / 5;
      return tables[Math.round(128 + 127 * value)];
    });
  }

  // Axes and examples stay the same from frame to frame: they are drawn once.
  drawLayer({ width, height }) {
    const key = [width, height, this.showsTest, this.drawn, this.isBlank, this.drawsNumbers];
    if (this.layerKey?.every((each, i) => each === key[i])) return;
    this.layerKey = key;
    Object.assign(this.layer, { width, height });
    const context = this.layer.getContext("2d");
    const scale = width / this.width;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.drawAxes(context);
    const { inside } = this;
    context.beginPath();
    context.rect(inside.left - 5, inside.top - 5, inside.width + 10, inside.height + 10);
    context.clip();
    const paper = paperOf(this.app.root);
    const full = this.isRegression ? largestTarget(this.app.examples) : 1;
    for (const [u, v, k] of this.drawn ?? []) {
      const [x, y] = this.toPixels(u, v);
      if (this.drawsNumbers) drawNumber(context, k / full, x, y, 4, paper, this.inks, false);
      else drawMark(context, k, x, y, 4, css(classRGB(k)), css(paper), false);
    }
    if (!this.drawn) this.drawExamples(context, paper);
  }

  drawExamples(context, paper) {
    const { examples } = this.app, { points, targets, n_train: nTrain } = examples;
    const radius = targets.length > 800 ? 2.8 : 4;
    for (let row = this.showsTest ? targets.length - 1 : nTrain - 1; row >= 0; row--) {
      const [x, y] = this.toPixels(points[2 * row], points[2 * row + 1]);
      drawExample(examples, context, row, x, y, radius, paper, this.inks);
    }
  }

  drawAxes(context) {
    const { left, top, width, height } = this.inside;
    const { low, high, labels } = this.bounds;
    context.font = AXIS_FONT;
    context.fillStyle = this.inks.soft;
    context.strokeStyle = this.inks.line;
    context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const u of ticksOf(low[0], high[0], 4)) {
      context.fillText(shown(u), this.toPixels(u, 0)[0], top + height + 4);
    }
    context.textAlign = "right";
    context.fillText(labels[0], left + width, top + height + 16, width);
    context.textBaseline = "middle";
    for (const v of ticksOf(low[1], high[1], 4)) {
      context.fillText(shown(v), left - 5, this.toPixels(0, v)[1], left - 6);
    }
    context.textAlign = "left";
    context.fillText(labels[1], left, top - 10, width);
  }

  // A cross over each example that the network decides wrongly.
  drawWrong(context) {
    const { points, targets, n_train: nTrain } = this.app.examples;
    const { decided } = this.frame;
    const last = Math.min(this.showsTest ? targets.length : nTrain, decided.length);
    const size = targets.length > 800 ? 2 : 2.5;
    context.beginPath();
    for (let row = 0; row < last; row++) {
      if (decided[row] === targets[row]) continue;
      const [x, y] = this.toPixels(points[2 * row], points[2 * row + 1]);
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
    }
    context.lineWidth = 1.2;
    context.strokeStyle = this.inks.ink;
    context.stroke();
  }
}
