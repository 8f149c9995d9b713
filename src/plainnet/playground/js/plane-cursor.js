// The crosshair on the plane: where the pointer or the arrow keys are, and what is there in words.

import { SIDE } from "./app.js";
import { h, shown } from "./dom.js";

const REACH = 14; // pixels within which a click means an example
const APART = 12; // pixels between points that are drawn by dragging
const MOST_OUTPUTS = 10; // classes whose probabilities are listed
const PAUSE = 700; // ms between two announcements
const NOWHERE = "Point at the plane, or use the arrow keys, to read what is there.";
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class PlaneCursor {
  constructor(app, { picture, canvas, stage, drawing }) {
    Object.assign(this, { app, picture, canvas, drawing });
    this.at = null; // the point of the plane
    this.last = null; // where dragging drew the last point, in pixels
    this.cross = h("div", { class: "plane-cross", hidden: true });
    this.ring = h("div", { class: "plane-ring", hidden: true });
    this.readout = h("p", { class: "plane-readout" }, NOWHERE);
    this.outputs = h("p", { class: "plane-outputs" });
    this.live = h("div", { class: "visually-hidden", "aria-live": "polite" });
    stage.append(this.cross, this.ring);
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointerup", () => this.release());
    canvas.addEventListener("pointercancel", () => this.release());
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.key(event));
    app.on("select", () => this.place());
    app.on("probe", () => this.showOutputs());
    app.on("examples", ({ low, high, classes }) => {
      this.outputs.hidden = app.isRecording || !classes.length;
      this.outputs.textContent = "";
      if (this.at?.some((value, i) => value < low[i] || value > high[i])) this.at = null;
      this.update();
    });
  }

  // --- pointer -----------------------------------------------------------------------------

  pixelsOf({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  }

  move(event) {
    if (!this.app.examples) return;
    const [x, y] = this.pixelsOf(event);
    this.goTo(this.picture.toPlane(x, y));
    if (!this.last || Math.hypot(x - this.last[0], y - this.last[1]) < APART) return;
    this.last = [x, y];
    this.apply(event.shiftKey);
  }

  press(event) {
    if (event.button !== 0 || !this.app.examples) return;
    const [x, y] = this.pixelsOf(event);
    this.goTo(this.picture.toPlane(x, y));
    if (!this.drawing.isOn) {
      this.select(REACH);
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    this.last = [x, y];
    this.apply(event.shiftKey);
  }

  release() {
    if (!this.last) return;
    this.last = null;
    this.drawing.send();
  }

  leave() {
    if (this.last || this.canvas.matches(":focus-visible")) return;
    this.goTo(null);
  }

  // --- keyboard ----------------------------------------------------------------------------

  key(event) {
    const { key, shiftKey } = event;
    if (!this.app.examples || event.ctrlKey || event.metaKey || event.altKey) return;
    if (MOVES[key]) this.step(MOVES[key], shiftKey ? 8 : 1);
    else if (key === "Enter" && this.drawing.isOn) this.drawHere(shiftKey);
    else if (key === "Enter") this.select(Infinity);
    else if ((key === "Delete" || key === "Backspace") && this.drawing.isOn) this.drawHere(true);
    else return;
    event.preventDefault();
  }

  step([right, up], cells) {
    const { low, high } = this.picture.bounds;
    const from = this.at ?? [0, 1].map((i) => (low[i] + high[i]) / 2);
    this.goTo([right, up].map((sign, i) => {
      const cell = (high[i] - low[i]) / SIDE;
      return Math.min(Math.max(from[i] + sign * cells * cell, low[i]), high[i]);
    }));
  }

  drawHere(erases) {
    if (!this.at) this.step([0, 0], 0);
    this.apply(erases);
    this.drawing.send();
  }

  // --- what happens here -------------------------------------------------------------------

  apply(erases) {
    const [x, y] = this.picture.toPixels(...this.at);
    const isNear = ([u, v]) => {
      const [px, py] = this.picture.toPixels(u, v);
      return Math.hypot(px - x, py - y) <= 10;
    };
    this.drawing.apply(this.at, isNear, erases || this.drawing.tool === "erase");
  }

  select(reach) {
    if (!this.at) this.step([0, 0], 0);
    const { row, distance } = this.picture.nearest(this.at);
    if (row < 0 || distance > reach) return;
    this.app.select({ kind: "example", row });
    this.announce(`Example ${row} is selected.`);
  }

  goTo(point) {
    this.at = point;
    this.app.prober.lookAtPoint(point);
    this.place();
    this.update();
    if (point) this.announce(this.reading = this.words());
  }

  // --- showing -----------------------------------------------------------------------------

  // Put the crosshair, and the ring of the selected example, where they belong.
  place() {
    const { examples, selection } = this.app;
    this.cross.hidden = !this.at;
    if (this.at) moveTo(this.cross, this.picture.toPixels(...this.at));
    const row = selection?.kind === "example" ? selection.row : -1;
    const points = examples?.points ?? [];
    this.ring.hidden = !(2 * row in points) || Boolean(this.picture.drawn);
    if (this.ring.hidden) return;
    moveTo(this.ring, this.picture.toPixels(points[2 * row], points[2 * row + 1]));
  }

  update() {
    const words = this.at ? this.words() : NOWHERE;
    if (this.readout.textContent !== words) this.readout.textContent = words;
    if (!this.at || this.picture.drawn) this.outputs.textContent = "";
  }

  // The session's answer for the point where the crosshair is.
  get probe() {
    const { probe } = this.app;
    const isHere = this.at && !this.picture.drawn && String(probe?.point) === String(this.at);
    return isHere ? probe : null;
  }

  // What the network gives for the point: the session's answer comes a moment later.
  showOutputs() {
    const { probe } = this;
    if (!probe) return;
    this.update();
    const words = this.app.examples.classes.length ? this.outputWords(probe) : "";
    if (this.outputs.textContent !== words) this.outputs.textContent = words;
    if (!this.timer || this.toSay !== this.reading) return; // something else is to be said
    this.toSay = this.reading = `${this.words()} ${words}`.trim();
  }

  // What the network decides here: exactly, or until that is known, in the middle of the cell.
  get decision() {
    const { picture, probe } = this;
    const nearly = picture.decisionAt(this.at);
    const outputs = nearly && probe && ofAllClasses(probe.values.at(-1), this.app.examples.classes);
    if (!outputs) return nearly;
    if (picture.isRegression) return { value: outputs[0] };
    if (!probe.are_probabilities) return nearly;
    const share = Math.max(...outputs);
    return { class: outputs.indexOf(share), share };
  }

  // The probabilities of all classes, or of many those of the most probable.
  outputWords({ values, are_probabilities: areProbabilities }) {
    const { classes } = this.app.examples;
    const outputs = ofAllClasses(values.at(-1), classes);
    if (!outputs) return "";
    const order = outputs.map((_, k) => k);
    const isCut = order.length > MOST_OUTPUTS;
    if (isCut) order.sort((a, b) => outputs[b] - outputs[a]).length = MOST_OUTPUTS;
    const each = order.map((k) => `${classes[k] ?? k}: ${areProbabilities && outputs[k] !== null
      ? `${(100 * outputs[k]).toFixed(1)}%` : shown(outputs[k], 3)}`);
    const what = `${areProbabilities ? "Probabilities" : "Scores"}${isCut ? ", the largest" : ""}`;
    return `${what}: ${each.join(", ")}.`;
  }

  words() {
    const { examples } = this.app;
    const { labels } = this.picture.bounds;
    const here = `${labels[0]} ${shown(this.at[0], 3)}, ${labels[1]} ${shown(this.at[1], 3)}`;
    const decision = this.decision;
    if (!decision || this.picture.drawn) return `${here}.`;
    const { classes, targets } = examples;
    const found = classes.length
      ? `class ${classes[decision.class]}, ${Math.round(100 * decision.share)}% certain`
      : `predicts ${shown(decision.value, 3)}`;
    const { row } = this.picture.nearest(this.at);
    if (row < 0) return `${here}: ${found}.`;
    const target = classes.length ? classes[targets[row]] : shown(targets[row], 3);
    const decided = this.picture.frame.decided[row];
    const said = classes.length ? classes[decided] : shown(decided, 3);
    const isTest = row >= examples.n_train;
    return `${here}: ${found}. Nearest: ${isTest ? "test" : "training"} example ${row}, `
      + `target ${target}, ${classes.length ? "decided" : "predicted"} ${said}.`;
  }

  // Say it to screen readers, the latest only, and not too often.
  announce(words) {
    this.toSay = words;
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.live.textContent !== this.toSay) this.live.textContent = this.toSay;
    }, PAUSE);
  }
}

// The probabilities of both classes where the network gives the second one's alone.
function ofAllClasses(outputs, classes) {
  return outputs?.length === 1 && classes.length === 2 ? [1 - outputs[0], outputs[0]] : outputs;
}

function moveTo(element, [x, y]) {
  element.style.translate = `${x}px ${y}px`;
}
