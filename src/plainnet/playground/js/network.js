// The middle of the page: the network as a diagram that is live, and that one can change.

import { h, select, shown } from "./dom.js";
import { Inspector } from "./inspector.js";
import { NetworkPicture } from "./netcanvas.js";
import { HiddenHead, PlainHead, layerCount } from "./netheads.js";
import { NetStructure, netAllow } from "./netheads.js";
import { diagramShape } from "./netshape.js";
import { NetUnits } from "./netunits.js";
import { tileOf } from "./probing.js";
import { columnOfTensor, hasTensor, layerName, parametersOf } from "./networds.js";
import { pythonName, unitName } from "./networds.js";

const NET_AS_GIVEN = { "": "As given" };

export function networkView(app) {
  const diagram = new NetDiagram(app);
  return h("section", { class: "panel network" }, h("h2", {}, "Network"),
    app.isRecording ? null : networkSettings(app, diagram.structure),
    diagram.element, diagram.inspector.element);
}

// Initialization, loss, seed, and how many layers.
function networkSettings(app, structure) {
  const start = select("Initialization", {}, (initialization) => app.change({ initialization }));
  const loss = select("Loss", {}, (value) => app.change({ loss: value }));
  const seed = h("input", {
    type: "number", min: 0, step: 1, "aria-label": "Seed of the weights",
    onchange: () => app.change({ network_seed: Number(seed.value) }),
  });
  const anew = h("button", {
    type: "button", title: "Draw other first weights",
    onclick: () => app.change({ network_seed: Math.floor(Math.random() * 10000) }),
  }, "New weights");
  const offer = ({ field }, options) => field.replaceChildren(
    ...Object.entries(options).map(([value, text]) => h("option", { value }, text)));
  const update = () => {
    if (!app.state || !app.examples) return;
    const { choices } = app.welcome, { state } = app, { settings } = state;
    const suitable = app.examples.classes.length ? choices.of_classes : choices.of_numbers;
    const isGiven = Boolean(state.fixed?.[1]); // then the settings do not say what they are
    offer(start, isGiven ? NET_AS_GIVEN : choices.initialization);
    offer(loss, isGiven ? NET_AS_GIVEN
      : Object.fromEntries(suitable.map((name) => [name, choices.loss[name]])));
    start.field.value = isGiven ? "" : settings.initialization;
    loss.field.value = isGiven ? "" : settings.loss;
    if (document.activeElement !== seed) seed.value = settings.network_seed;
    if (structure.pending) return;
    netAllow([start.field, seed, anew], structure.isOpen, structure.whyClosed);
    netAllow([loss.field], !isGiven, isGiven ? structure.whyClosed : "");
  };
  app.on("state", update);
  app.on("refused", update);
  return h("div", { class: "net-settings" }, layerCount(app, structure), start.row, loss.row,
    h("div", { class: "field" }, h("span", { class: "net-label" }, "Seed"),
      h("div", { class: "row net-seed" }, seed, anew)));
}

function netLegend() {
  const line = (kind, text) => h("span", {}, h("i", { class: kind, "aria-hidden": "true" }), text);
  return h("p", { class: "net-legend" }, line("net-line", "above zero"),
    line("net-line net-negative", "below zero"), h("span", {}, "thickness: size of a weight"),
    line("net-dot", "bias"), h("span", {}, "picture: a unit’s output over the plane, each on its own scale (point at it)"));
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
    this.element = h("div", { class: "net-diagram" },
      h("div", { class: "net-scroll" }, this.grid), netLegend(), this.tip);
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
      if (head instanceof HiddenHead) this.dragLayer(head);
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
    this.units.take(this.boxes);
    this.picture.take(app.network, this.shape);
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
    const lines = [unitName(app, column, unit) + (isDead ? ": dead, the same for every example" : "")];
    const [first] = parametersOf(app.network, column, unit);
    if (first?.[1].length === 1) lines.push(`bias ${numbers(...first)}`);
    lines.push(...app.prober.linesOf(column, unit));
    const tile = tileOf(app.network, column, unit);
    if (tile >= 0) lines.push(`full colour at ±${shown(frame.scales[tile], 3)}`);
    return lines.join("\n");
  }

  // --- another order ---

  // Give a unit another place in its layer; what is selected and focused goes with it.
  moveUnit(column, unit, end, isFocused = true) {
    const { app } = this, { network, selection } = app;
    const isHidden = column < network.columns.length - 1 && network.columns[column].is_dense;
    if (app.isRecording || !isHidden || end < 0 || end >= network.columns[column].units || end === unit) return;
    app.send("move", { layer: network.columns[column].name, start: unit, end });
    const now = (u) => (u === unit ? end : unit < u && u <= end ? u - 1 : end <= u && u < unit
      ? u + 1 : u);
    if (selection?.kind === "unit" && selection.column === column) {
      app.select({ ...selection, unit: now(selection.unit) });
    } else if (selection?.kind === "weight") {
      const at = columnOfTensor(network, selection.tensor), [output, ...input] = selection.index;
      if (at === column) app.select({ ...selection, index: [now(output), ...input] });
      if (at === column + 1) app.select({ ...selection, index: [output, ...input.map(now)] });
    }
    if (isFocused) this.units.focus(column, end);
  }

  // Drag a layer by its head.
  dragLayer(head) {
    let from = null, target = null;
    const mark = (column) => {
      if (target !== null) this.heads[target + 1]?.element.classList.remove("net-target");
      target = column;
      if (column !== null) this.heads[column + 1].element.classList.add("net-target");
    };
    const end = () => {
      head.element.style.transform = "";
      head.element.classList.remove("net-dragged");
      from = null;
      mark(null);
    };
    head.title.addEventListener("pointerdown", (event) => {
      if (event.button || !this.structure.isOpen) return;
      from = event.clientX;
      head.title.setPointerCapture(event.pointerId);
    });
    head.title.addEventListener("pointermove", ({ clientX }) => {
      if (from === null || (target === null && Math.abs(clientX - from) < 6)) return;
      head.element.classList.add("net-dragged");
      head.element.style.transform = `translateX(${clientX - from}px)`;
      const x = clientX - this.grid.getBoundingClientRect().left;
      const at = this.shape.columns.findIndex(({ left, width }) => x < left + width) - 1;
      const most = this.structure.layers.length - 1;
      mark(Math.max(0, at < -1 ? most : Math.min(at, most)));
    });
    head.title.addEventListener("pointerup", () => {
      const place = target;
      end();
      if (place !== null) this.structure.move(head.column, place);
    });
    head.title.addEventListener("pointercancel", end);
  }
}
