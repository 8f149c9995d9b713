// The hidden layers as one wants them: what may change, and their number.

import { keptByLesson } from "./allowed.js";
import { h } from "./dom.js";

const NET_CLOSED = "Settings cannot describe this network, so its layers stay as they are";
export const NET_GIVEN = "The network was given in Python, so its layers stay as they are";

// Changes of the hidden layers; each begins the training anew.
export class NetStructure {
  constructor(app) {
    this.app = app;
    this.wanted = null; // [column, name of a control] to focus when the new network is there
    this.asked = null; // the layers that were asked for last, until the session has them
    this.pending = 0; // how many changes it has not answered
    const answered = () => { this.pending = Math.max(0, this.pending - 1); };
    app.on("network", answered);
    app.on("refused", ({ what }) => {
      if (what === "settings") answered();
      if (!this.pending) this.asked = null;
    });
    app.on("state", () => { if (!this.pending) this.asked = null; });
  }

  get layers() {
    return this.asked ?? this.app.state?.settings.layers ?? [];
  }

  // Whether the settings describe the network, so that another can be made of them.
  get isOpen() {
    return !this.whyClosed;
  }

  // Why the layers stay as they are, or "".
  get whyClosed() {
    const { network, state } = this.app, { layers } = this;
    if (state?.fixed?.layers) return NET_GIVEN;
    const isDescribed = network != null && network.columns.length === layers.length + 1
      && layers.every(({ units }, i) => network.columns[i].is_dense
        && network.columns[i].units === units);
    return isDescribed ? "" : NET_CLOSED;
  }

  // Why they are not to be changed at present, or "".
  get whyKept() {
    return this.whyClosed || keptByLesson(this.app, "layers");
  }

  change(layers, wanted = null) {
    [this.wanted, this.asked] = [wanted, layers];
    this.pending += 1;
    this.app.change({ layers });
  }

  set(column, part) {
    this.change(this.layers.map((each, i) => (i === column ? { ...each, ...part } : each)));
  }

  resize(column, units) {
    const { least, most } = this.app.welcome.choices.limits.units;
    const now = Math.min(Math.max(Math.round(units), least), most);
    if (now !== this.layers[column]?.units) this.set(column, { units: now });
  }

  add() {
    if (this.layers.length >= this.app.welcome.choices.most_layers) return;
    const like = this.layers.at(-1)
      ?? { units: 8, activation: "relu", batch_norm: false, dropout: 0 };
    this.change([...this.layers, { ...like }]);
  }

  remove(column) {
    const { layers } = this;
    if (!layers.length) return;
    this.change(layers.filter((_, i) => i !== column),
      layers.length > 1 ? [Math.min(column, layers.length - 2), "title"] : null);
  }

  move(start, end, control = "title") {
    const layers = [...this.layers];
    if (start === end || end < 0 || end >= layers.length) return;
    layers.splice(end, 0, ...layers.splice(start, 1));
    this.change(layers, [end, control]);
  }
}

// The number of hidden layers, with buttons.
export function layerCount(app, structure) {
  const count = h("output", { "aria-label": "Hidden layers" });
  const less = h("button", {
    type: "button", "aria-label": "Remove the last hidden layer",
    onclick: () => structure.remove(structure.layers.length - 1),
  }, "−");
  const more = h("button", {
    type: "button", "aria-label": "Add a hidden layer", onclick: () => structure.add(),
  }, "+");
  app.on("state", () => {
    if (structure.pending) return;
    const { layers: { length }, whyClosed, whyKept } = structure;
    count.textContent = whyClosed ? app.network.columns.length - 1 : length;
    netAllow([less], !whyKept && length > 0, whyKept);
    const most = app.welcome.choices.most_layers, isFull = length >= most;
    netAllow([more], !whyKept && !isFull, whyKept || (isFull ? `At most ${most}` : ""));
  });
  return h("div", { class: "field net-count" }, h("span", { class: "net-label" }, "Hidden layers"),
    h("div", { class: "row" }, less, count, more));
}

// Enable controls, or say in their titles why they are not.
export function netAllow(controls, isAllowed, why) {
  for (const control of controls) {
    control.disabled = !isAllowed;
    if (!("title" in control.dataset)) control.dataset.title = control.title;
    control.title = why || control.dataset.title;
  }
}
