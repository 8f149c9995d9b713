// The middle of the page: the network as a diagram that is live, and that one can change.

import { h, shown } from "./dom.js";
import { Inspector } from "./inspector.js";
import { NetworkPicture } from "./network-picture.js";
import { HiddenHead, PlainHead } from "./network-heads.js";
import { diagramShape } from "./network-shape.js";
import { NetUnits } from "./network-units.js";
import { hasTensor, layerName, parametersOf, pythonName, unitName } from "./network-words.js";
import { isTooLarge } from "./network-words.js";
import { dragLayer, moveUnit, removeUnit } from "./network-order.js";
import { scrolled } from "./network-scroll.js";
import { networkLegend, networkSettings } from "./network-settings.js";
import { NetStructure } from "./network-structure.js";
import { tileOf } from "./probing.js";

export function networkView(app) {
  const diagram = new NetDiagram(app);
  return h("section", { class: "panel network" }, h("h2", {}, "Network"),
    app.isRecording ? null : networkSettings(app, diagram.structure),
    diagram.element, diagram.inspector.element);
}

class NetDiagram {
  constructor(app) {
    this.app = app;
    this.structure = new NetStructure(app);
    this.hovered = this.focused = this.last = null;
    this.heads = [];
    this.boxes = [];
    this.units = new NetUnits(this);
    this.inspector = new Inspector(app, {
      moveUnit: (column, unit, by) => this.moveUnit(column, unit, unit + by, false),
      removeUnit: (column, unit) => this.removeUnit(column, unit),
      leave: () => this.leave(),
    });
    this.inspector.element.addEventListener("focusin", () => {
      if (!app.selection && this.inspector.looked) app.select(this.inspector.looked);
    });
    this.tip = h("div", { class: "net-tip", "aria-hidden": "true", hidden: true });
    this.grid = h("div", {
      class: "net-grid",
      onpointermove: (event) => this.point(event),
      onpointerleave: () => this.look("hovered", null),
      onclick: (event) => this.click(event),
      onfocusin: ({ target }) => this.look("focused", target.matches(":focus-visible")
        ? this.unitOf(target) : null),
      onfocusout: () => this.look("focused", null),
      onkeydown: ({ key }) => { if (key === "Escape") this.leave(); },
    });
    this.scroll = scrolled(this.grid);
    this.element = h("div", { class: "net-diagram" },
      this.scroll.element, networkLegend(app, (vector) => this.showVector(vector)), this.tip);
    new ResizeObserver(() => this.resize()).observe(this.element);
    app.on("network", () => this.take());
    app.on("state", () => this.update());
    app.on("refused", () => this.update()); // fields show again what is
    app.on("frame", (frame) => this.draw(frame));
    app.on("select", () => this.selected());
    app.on("probe", () => this.fits(app.frame) && this.showTip(app.frame));
    app.on("theme", () => {
      this.picture?.recolor();
      this.redraw();
    });
  }

  // --- a new network ---

  take() {
    const { app } = this, { network, examples } = app;
    const { names, classes, image_shape } = examples;
    const key = JSON.stringify([network, names, classes, image_shape]);
    if (key === this.key) return;
    this.key = key;
    this.picture ??= new NetworkPicture(app.root);
    const last = network.columns.length - 1;
    const heads = [-1, ...network.columns.keys()].map((column) => {
      const isPlain = column < 0 || column === last || app.isRecording;
      const Kind = isPlain ? PlainHead : HiddenHead;
      const old = this.heads[column + 1];
      return old instanceof Kind ? old : new Kind(app, column, this.structure);
    });
    heads.forEach((head, c) => {
      if (head === this.heads[c]) return;
      this.boxes[c] = h("div", { class: "net-units-box" });
      head.element = h("div", {
        role: "group", class: "net-column", "aria-label": c ? layerName(network, c - 1) : "Inputs",
      }, head.head, this.boxes[c], head.foot);
      this.heads[c]?.element.remove();
      if (c) this.units.columns[c - 1] = [];
      if (head instanceof HiddenHead) dragLayer(this, head);
    });
    for (const head of this.heads.slice(heads.length)) head.element.remove();
    this.heads = heads;
    this.boxes.length = heads.length;
    this.grid.append(this.picture.canvas);
    heads.forEach(({ element }, c) => {
      element.style.gridColumn = c + 1;
      if (this.grid.children[c] !== element) this.grid.insertBefore(element, this.grid.children[c]);
    });
    this.hovered = this.focused = this.last = null;
    this.showResponse();
    this.inspector.show(null);
    this.place();
    for (const head of heads) head.show();
    if (["unit", "weight"].includes(app.selection?.kind) && !this.selection) app.select(null);
    else this.selected();
  }

  resize() {
    const width = this.element.clientWidth;
    if (!width || width === this.width || !this.key) return;
    this.place();
    this.redraw();
  }

  // Find places for everything in the present width.
  place() {
    const { app } = this;
    this.width = this.element.clientWidth;
    this.shape = diagramShape(app.network, app.examples, this.width, app.isRecording);
    const { columns, height } = this.shape;
    this.grid.style.gridTemplateColumns = columns.map(({ width }) => `${width}px`).join(" ");
    this.grid.style.gridTemplateRows = `auto ${height}px auto`;
    const { activeElement } = document, wasUnit = this.unitOf(activeElement) !== null;
    this.units.take(this.boxes);
    if (wasUnit && !activeElement.isConnected) this.units.focus(...this.units.at);
    this.picture.take(app.network, this.shape, app.examples.mean_image);
    this.scroll.update();
  }

  update() {
    if (!this.key || this.structure.pending) return;
    for (const head of this.heads) head.update();
    const { wanted, isOpen } = this.structure;
    if (!wanted || !isOpen || wanted[0] >= this.structure.layers.length) return;
    this.structure.wanted = null;
    this.heads[wanted[0] + 1].focus?.(wanted[1]);
  }

  // --- frames ---

  fits(frame) {
    return frame && this.shape && frame.parameters.length === this.app.network.parameters;
  }

  draw(frame) {
    if (!this.fits(frame) || !this.element.offsetParent) return;
    this.picture.draw(frame, this.active);
    this.units.describe(frame, this.app.state?.status !== "playing");
    this.inspector.update(frame);
    this.showTip(frame);
  }

  // Let lines and dots show the parameters, or the gradients.
  showVector(vector) {
    this.picture.vector = vector;
    this.redraw();
  }

  // Draw the same frame once more before the browser paints.
  redraw() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      if (this.app.frame) this.draw(this.app.frame);
    });
  }

  // --- looking ---

  get active() {
    return this.hovered ?? this.focused ?? this.selection;
  }

  get selection() {
    return this.isThere(this.app.selection) ? this.app.selection : null;
  }

  isThere(looked) {
    const { network } = this.app;
    if (looked?.kind === "unit") return looked.unit < (network.columns[looked.column]?.units ?? 0);
    return looked?.kind === "weight" && hasTensor(network, looked.tensor, looked.index);
  }

  look(how, looked) {
    if (JSON.stringify(this[how]) === JSON.stringify(looked)) return;
    this[how] = looked;
    this.last = looked ?? this.last;
    this.inspector.show(this.selection ?? this.last);
    this.grid.classList.toggle("net-pointing", this.hovered?.kind === "weight");
    this.showResponse();
    this.redraw();
  }

  // Let the plane show the output of the unit that is pointed at, or focused.
  showResponse() {
    const looked = this.hovered ?? this.focused;
    const unit = looked?.kind === "unit" ? looked : null;
    this.app.prober.lookAtUnit(Boolean(unit));
    this.app.emit("look at unit", unit);
  }

  selected() {
    if (!this.key) return;
    this.last = this.selection ?? null;
    this.units.mark(this.selection);
    this.heads.forEach(({ element }, c) => element.classList.toggle("net-chosen",
      this.app.selection?.kind === "layer"
        && this.app.network.columns[c - 1]?.name === this.app.selection.name));
    this.inspector.show(this.selection);
    this.redraw();
  }

  leave() {
    const { looked, element } = this.inspector, isInside = element.contains(document.activeElement);
    this.app.select(null);
    if (!isInside) return;
    if (looked?.kind === "unit") this.units.focus(looked.column, looked.unit);
    else this.units.focus(...this.units.at);
  }

  enter() {
    this.inspector.enter();
  }

  unitOf(target) {
    const place = target.closest?.(".net-unit")?.place;
    return place ? { kind: "unit", column: place[0], unit: place[1] } : null;
  }

  point(event) {
    if (!this.shape || this.units.drag?.ghost) return;
    const box = this.picture.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    this.pointer = [event.clientX, event.clientY];
    const isOutside = y < 0 || y > box.height;
    this.look("hovered", this.unitOf(event.target) ?? (isOutside ? null
      : this.picture.links.at(x, y)));
    if (this.hovered && this.fits(this.app.frame)) this.showTip(this.app.frame);
  }

  click(event) {
    if (event.target.closest("button, input, select, label")) return;
    if (this.hovered?.kind === "weight") this.app.select(this.hovered);
    else if (event.target.closest(".net-units-box")) this.app.select(null);
  }

  // The numbers of what is under the mouse, beside it; or of the unit that the keyboard is at.
  showTip(frame) {
    const { tip } = this, looked = this.hovered ?? this.focused;
    tip.hidden = !looked || !this.isThere(looked);
    if (tip.hidden) return;
    const text = this.tipText(frame, looked);
    if (tip.textContent !== text) tip.textContent = text;
    const box = this.element.getBoundingClientRect();
    const [x, y] = this.hovered ? this.pointer : this.cornerOf(looked);
    const left = Math.min(x - box.left + 14, box.width - tip.offsetWidth - 4);
    tip.style.transform = `translate(${Math.max(0, left)}px, ${y - box.top + 16}px)`;
  }

  // The lower right corner of a unit in the window.
  cornerOf({ column, unit }) {
    const box = this.units.columns[column][unit].getBoundingClientRect();
    return [box.right - 10, box.bottom - 10];
  }

  tipText(frame, looked) {
    const { app } = this;
    const numbers = (tensor, index) => {
      const [value, gradient] = [frame.parameters, frame.gradients]
        .map((vector) => shown(app.element(tensor, index, vector)));
      return app.isRecording ? value : `${value}, gradient ${gradient}`;
    };
    if (looked.kind === "weight") {
      const name = pythonName(looked.tensor, looked.index);
      return `${name}\n= ${numbers(looked.tensor, looked.index)}`;
    }
    const { column, unit } = looked;
    const isDead = this.picture.isDead(frame, column, unit);
    const dead = isDead ? ": dead, the same for every example" : "";
    const lines = [unitName(app, column, unit) + dead];
    const [first] = parametersOf(app.network, column, unit);
    if (first?.[1].length === 1) lines.push(`bias ${numbers(...first)}`);
    lines.push(...app.prober.linesOf(column, unit));
    const tile = tileOf(app.network, column, unit);
    const scale = frame.scales[tile];
    if (scale === 0) lines.push("0 all over the plane");
    else if (tile >= 0) lines.push(`full colour at ±${shown(scale, 3)}`);
    else if (isTooLarge(app.network.columns[column])) {
      lines.push(`no picture: its layer has more than ${app.network.most_tiles} units`);
    }
    return lines.join("\n");
  }

  // --- another order ---

  moveUnit(column, unit, end, isFocused = true) {
    if (moveUnit(this.app, column, unit, end) && isFocused) this.units.focus(column, end);
  }

  removeUnit(column, unit) {
    const isInside = this.element.parentElement.contains(document.activeElement);
    if (!removeUnit(this.app, column, unit) || !isInside) return;
    this.units.focus(column, Math.min(unit, this.app.network.columns[column].units - 2));
  }
}
