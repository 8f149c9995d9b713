// The numbers of the unit or the weight that is looked at, to read and to change.

import { h, shown } from "./dom.js";
import { ParameterRow, RecordedRow, StateRow } from "./network-fields.js";
import { whyUnitsStay } from "./network-order.js";
import { columnOfTensor, extrasOf, hasTensor, parametersOf } from "./network-words.js";
import { pythonName, shortCode, shortName, sourceSymbol, unitName } from "./network-words.js";

const NET_MOST_TERMS = 6; // of a formula that is written out
const NET_SOON = 100; // milliseconds between two updates of a long table during training

const NET_SAID = { gamma: "scale", beta: "shift" }; // of what normalizes

// `moveUnit(column, unit, by)` gives a unit another place, `removeUnit(column, unit)` takes it
// away, and `leave()` takes the focus back.
export class Inspector {
  constructor(app, { moveUnit, removeUnit, leave }) {
    Object.assign(this, { app, moveUnit, removeUnit, leave });
    this.rows = [];
    this.states = [];
    this.looked = null;
    this.formula = h("code", { class: "net-formula" });
    this.body = h("div", { class: "net-numbers" });
    this.element = h("section", {
      class: "net-inspector", "aria-label": "Numbers of the unit or weight",
      onkeydown: ({ key }) => { if (key === "Escape") leave(); },
    }, this.body);
    this.show(null);
  }

  // Look at {kind: "unit", column, unit} or {kind: "weight", tensor, index}, or at nothing.
  show(looked) {
    const key = JSON.stringify(looked);
    if (key === this.key) return;
    this.key = key;
    this.looked = looked;
    this.rows = [];
    this.states = [];
    if (looked?.kind === "unit") this.showUnit(looked);
    else if (looked?.kind === "weight") this.showWeight(looked);
    else {
      this.body.replaceChildren(h("p", { class: "net-hint" },
        "Point at a unit or a link to see its numbers. Click, or press Enter, to keep them here",
        this.app.isRecording ? "." : " and to change them."));
    }
    if (this.app.frame) this.update(this.app.frame, true);
  }

  showUnit({ column, unit }) {
    const { app } = this, { network } = app;
    const extras = (tensors) => extrasOf(tensors, network.columns[column], unit);
    const parameters = [...parametersOf(network, column, unit), ...extras(network.tensors)];
    this.states = extras(network.state_tensors).map((place) => this.stateRow(...place));
    this.rows = parameters.map(([tensor, index]) => this.rowOf(tensor, index, column));
    const isHidden = column < network.columns.length - 1;
    const after = network.columns[column].layers.slice(1).map(([, code]) => shortCode(code));
    this.body.replaceChildren(
      h("div", { class: "row net-title" }, h("h3", {}, netCapital(unitName(app, column, unit))),
        isHidden && !app.isRecording ? [
          this.button("↑", "Move the unit up", () => this.moveUnit(column, unit, -1)),
          this.button("↓", "Move the unit down", () => this.moveUnit(column, unit, 1)),
        ] : null,
        whyUnitsStay(app, column) ? null : h("button", {
          type: "button", class: "net-remove", "aria-label": "Remove this unit",
          title: "Remove this unit (Delete)",
          onclick: () => this.removeUnit(column, unit),
        }, "Remove"), this.closeButton()),
      h("p", {}, this.formula, after.length ? [" then ", h("code", {}, after.join(", "))] : null),
      this.table("From"));
  }

  showWeight({ tensor, index }) {
    const { app } = this, column = columnOfTensor(app.network, tensor);
    const row = this.rowOf(tensor, index, column);
    this.rows = [row];
    const link = (to, unit) => (to < 0 ? unitName(app, to, unit) : h("button", {
      type: "button", class: "net-link",
      onclick: () => app.select({ kind: "unit", column: to, unit }),
    }, unitName(app, to, unit)));
    const ends = index.length === 2
      ? ["Weight from ", link(column - 1, index[1]), " to ", link(column, index[0])]
      : [`${netCapital(this.saidOf(tensor))} of `, link(column, index[0])];
    this.body.replaceChildren(
      h("div", { class: "row net-title" }, h("h3", {}, ends), this.closeButton()),
      h("p", {}, h("code", {}, pythonName(tensor, index))),
      this.table("From"));
  }

  rowOf(tensor, index, column) {
    const { app } = this, isBias = index.length === 1;
    const name = pythonName(tensor, index);
    const from = isBias ? this.saidOf(tensor) : column === 0 ? sourceSymbol(app, 0, index[1])
      : `unit ${index[1]}`;
    const label = h("button", {
      type: "button", class: "net-link", title: `Look at ${name}`,
      onclick: () => app.select({ kind: "weight", tensor, index }),
    }, from);
    const Row = app.isRecording ? RecordedRow : ParameterRow;
    return new Row(app, name, tensor, index,
      [h("th", { scope: "row" }, label), this.codeCell(name, tensor, index)]);
  }

  // "bias", or what else a layer has one number of for each unit.
  saidOf(tensor) {
    const name = shortName(tensor);
    return name === "b" ? "bias" : NET_SAID[name] ?? name;
  }

  stateRow(tensor, index) {
    const name = pythonName(tensor, index), said = shortName(tensor).replaceAll("_", " ");
    return new StateRow(this.app, name, tensor, index, [
      h("th", { scope: "row", class: "net-long", title: `${name}, for predictions` }, said),
      h("td", { class: "net-code" }),
    ]);
  }

  codeCell(name, tensor, index) {
    return h("td", { class: "net-code", title: name },
      h("code", {}, `${shortName(tensor)}[${index.join(", ")}]`));
  }

  table(first) {
    return h("div", { class: "net-table" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, first),
        h("th", { scope: "col", class: "net-code" }, "Name"),
        h("th", { scope: "col", class: this.app.isRecording ? "net-number" : "" }, "Value"),
        this.app.isRecording ? null : [
          h("td", { class: "net-slide" }),
          h("th", { scope: "col", title: "of the loss of the last step's batch" }, "Gradient"),
          h("td", {})])),
      h("tbody", {}, [...this.rows, ...this.states].map(({ row }) => row))));
  }

  button(text, label, onclick) {
    return h("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  }

  closeButton() {
    return h("button", {
      type: "button", class: "net-close", "aria-label": "Close", title: "Close (Escape)",
      onclick: () => { this.leave(); },
    }, "×");
  }

  update(frame, isUrgent = false) {
    const { rows, looked } = this, now = performance.now();
    const isBusy = this.app.state?.status === "playing" && rows.length > 12;
    if (!rows.length || (isBusy && !isUrgent && now - this.updated < NET_SOON)) return;
    this.updated = now;
    if (!rows.every(({ tensor, index }) => hasTensor(this.app.network, tensor, index))) return;
    let steepest = 0;
    for (const { tensor, index } of rows) {
      const size = Math.abs(this.app.element(tensor, index, frame.gradients));
      if (size > steepest && size < Infinity) steepest = size;
    }
    for (const row of rows) row.update(frame, steepest);
    for (const row of this.states) row.update(frame);
    if (looked.kind === "unit") this.formula.textContent = this.written(frame, looked);
  }

  // Z[3] = w·A + b with this frame's numbers.
  written(frame, { column, unit }) {
    const { app } = this;
    const value = ({ tensor, index }) => app.element(tensor, index, frame.parameters);
    const weights = this.rows.filter(({ index }) => index.length === 2);
    const bias = this.rows.find(({ tensor }) => shortName(tensor) === "b");
    const kept = weights.length <= NET_MOST_TERMS ? weights : weights.slice(0, NET_MOST_TERMS - 2);
    const terms = kept.map((row) => [value(row), ` ${sourceSymbol(app, column, row.index[1])}`]);
    let text = "";
    for (const [number, symbol] of terms) text += netSigned(number, text === "") + symbol;
    const left = weights.length - kept.length;
    if (left) text += ` + … (${left} more)`;
    if (bias) text += netSigned(value(bias), text === "");
    return `Z[${unit}] = w·A${bias ? " + b" : ""} = ${text}`;
  }

  // Put the focus on the first number.
  enter() {
    this.rows[0]?.number.focus();
    this.rows[0]?.number.select?.();
  }
}

function netSigned(value, isFirst) {
  const text = shown(Math.abs(value), 3);
  if (isFirst) return value < 0 ? `−${text}` : text;
  return value < 0 ? ` − ${text}` : ` + ${text}`;
}

function netCapital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
