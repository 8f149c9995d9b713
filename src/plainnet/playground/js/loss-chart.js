// The chart of losses or accuracies over steps.

import { colorsOf, Labels, powersOf, ticksOf } from "./canvas.js";
import { percent, shown } from "./dom.js";
import { rangeOf, ThinCurve } from "./thinning.js";

export const LOSS_COLUMNS = [1, 2]; // of app.curves
export const ACCURACY_COLUMNS = [3, 4];
const CHART_ROOM = { left: 44, right: 16, top: 8, bottom: 32 };

// A loss that fits beside the axis: 1e24, not 1.0e+24.
function tickInWords(value) {
  return shown(value, 3).replace("e+", "e").replace(".0e", "e");
}

export class LossChart {
  constructor(app) {
    this.app = app;
    this.thin = new ThinCurve();
    this.columns = LOSS_COLUMNS;
    this.isLog = false;
    this.read = null; // the row of app.curves under the cursor
    this.inks = null;
    this.labels = new Labels();
  }

  get last() {
    return Math.max(this.app.frame?.last ?? 0, this.app.curves.at(-1)?.[0] ?? 0, 1);
  }

  // The measured row nearest to a pixel across; null before there is one.
  rowAt(x) {
    const { left, right } = CHART_ROOM;
    return this.rowNear(this.last * (x - left) / (this.width - left - right));
  }

  rowNear(step) {
    const { curves } = this.app;
    let [from, to] = [0, curves.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (curves[middle][0] < step) from = middle + 1;
      else to = middle;
    }
    const [before, after] = [curves[from - 1], curves[from]];
    return before && step - before[0] < after[0] - step ? before : after ?? null;
  }

  draw(context, width, height) {
    this.width = width;
    const { left, right, top, bottom } = CHART_ROOM;
    const inside = { left, top, width: width - left - right, height: height - top - bottom };
    context.clearRect(0, 0, width, height);
    this.inks ??= colorsOf(this.app.root, ["ink", "soft", "line", "positive", "negative", "panel"]);
    const groups = this.thin.follow(this.app.curves);
    const range = this.rangeNow(groups);
    if (!range) return;
    const { last } = this;
    const place = this.isLog ? Math.log : (value) => value;
    const [least, most] = range.map(place);
    const toX = (step) => left + inside.width * step / last;
    const toY = (value) => top + inside.height * (1 - (place(value) - least) / (most - least));
    this.drawAxes(context, inside, range, toX, toY);
    context.save();
    context.beginPath();
    context.rect(left, top - 2, inside.width + 2, inside.height + 4);
    context.clip();
    const [train, test] = this.columns;
    this.drawCurve(context, groups, test, this.inks.negative, [5, 3], toX, toY);
    this.drawCurve(context, groups, train, this.inks.positive, [], toX, toY);
    context.restore();
    this.drawNow(context, inside, toX);
    if (this.read) this.drawRead(context, inside, toX, toY);
  }

  // What the axis reaches over: all that was measured, and 0 to 1 of accuracies.
  rangeNow(groups) {
    const range = rangeOf(groups, this.columns, this.isLog ? 0 : undefined);
    if (!range) return null;
    const [least, most] = range;
    if (this.isLog) return least < most ? range : [least / 2, most * 2];
    if (this.columns === ACCURACY_COLUMNS) return [0, 1];
    return [Math.min(least, 0), most > 0 ? most * 1.04 : 1];
  }

  drawAxes(context, { left, top, width, height }, range, toX, toY) {
    const color = this.inks.soft;
    const written = this.columns === ACCURACY_COLUMNS ? percent : tickInWords;
    context.strokeStyle = this.inks.line;
    context.lineWidth = 1;
    context.beginPath();
    for (const value of (this.isLog ? powersOf : ticksOf)(...range, 4)) {
      const y = Math.round(toY(value)) + 0.5;
      context.moveTo(left, y);
      context.lineTo(left + width, y);
      this.labels.draw(context, written(value), left - 5, y, { align: "right", color });
    }
    context.stroke();
    for (const step of ticksOf(0, this.last, 4).filter(Number.isInteger)) {
      this.labels.draw(context, step, toX(step), top + height + 10, { color });
    }
    this.labels.draw(context, "step", left + width, top + height + 24, { align: "right", color });
  }

  // A line through the groups; within one, from its least value to its greatest.
  drawCurve(context, groups, column, color, dash, toX, toY) {
    context.beginPath();
    let isDown = false;
    for (const { step, low, high } of groups) {
      if (low[column] == null || (this.isLog && low[column] <= 0)) {
        isDown = false;
        continue;
      }
      const x = toX(step);
      const y = toY(low[column]);
      if (isDown) context.lineTo(x, y);
      else context.moveTo(x, y);
      if (high[column] !== low[column]) context.lineTo(x, toY(high[column]));
      isDown = true;
    }
    context.lineWidth = 1.8;
    context.strokeStyle = color;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  // A line at the step that is shown; what came after it is pale.
  drawNow(context, { left, top, width, height }, toX) {
    const step = this.app.frame?.step;
    if (step == null) return;
    const x = toX(step);
    context.globalAlpha = 0.65;
    context.fillStyle = this.inks.panel;
    context.fillRect(x, top - 2, left + width + 3 - x, height + 3);
    context.globalAlpha = 1;
    context.strokeStyle = this.inks.ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
  }

  drawRead(context, { top, height }, toX, toY) {
    const x = toX(this.read[0]);
    context.setLineDash([2, 2]);
    context.strokeStyle = this.inks.soft;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
    context.setLineDash([]);
    this.columns.forEach((column, i) => {
      const value = this.read[column];
      if (value == null || (this.isLog && value <= 0)) return;
      context.beginPath();
      context.arc(x, toY(value), 3, 0, 2 * Math.PI);
      context.fillStyle = i ? this.inks.negative : this.inks.positive;
      context.fill();
    });
  }
}
