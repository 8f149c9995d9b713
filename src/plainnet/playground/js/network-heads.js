// What stands above and below a column of the diagram: its size, its layers, and their order.

import { counted, h, newId, select } from "./dom.js";
import { netAllow } from "./network-structure.js";
import { layerName, lossInWords, shortCode } from "./network-words.js";

const NET_DROPOUTS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

// The head and foot of a hidden layer's column.
export class HiddenHead {
  constructor(app, column, structure) {
    Object.assign(this, { app, structure, column });
    const button = (text, label, onclick) => h("button", {
      type: "button", class: "net-small", "aria-label": `${label} layer ${column + 1}`,
      title: label, onclick,
    }, text);
    this.title = h("button", {
      type: "button", class: "net-handle",
      title: "Drag, or press Alt+Left or Alt+Right, to move the layer",
      onkeydown: (event) => this.key(event),
    }, h("span", { "aria-hidden": "true" }, "⠿ "), `Layer ${column + 1}`);
    const move = (by, control) => () => structure.move(column, column + by, control);
    this.left = button("◂", "Move to the left:", move(-1, "left"));
    this.right = button("▸", "Move to the right:", move(1, "right"));
    this.gone = button("×", "Remove", () => structure.remove(column));
    this.fewer = button("−", "One unit less in", () => structure.resize(column, this.now - 1));
    this.further = button("+", "One unit more in", () => structure.resize(column, this.now + 1));
    this.units = h("input", {
      type: "number", min: 1, step: 1, class: "net-units",
      "aria-label": `Units of layer ${column + 1}`,
      onchange: ({ target }) => structure.resize(column, Number(target.value) || this.now),
    });
    this.activation = select(`Activation of layer ${column + 1}`, app.welcome.choices.activation,
      (activation) => structure.set(column, { activation }));
    this.activation.row.firstChild.classList.add("visually-hidden");
    const id = newId("norm");
    this.norm = h("input", {
      type: "checkbox", id,
      onchange: () => structure.set(column, { batch_norm: this.norm.checked }),
    });
    this.dropout = select("Dropout", Object.fromEntries(NET_DROPOUTS.map((p) => [`p${p}`, p])),
      (p) => structure.set(column, { dropout: Number(p.slice(1)) }));
    this.code = h("code", { class: "net-codes" });
    this.head = h("div", { class: "net-head" },
      h("div", { class: "net-buttons" }, this.title,
        h("span", { class: "net-trio" }, this.left, this.right, this.gone)),
      h("div", { class: "net-sizes" }, this.fewer, this.units, this.further),
      this.activation.row);
    this.foot = h("div", { class: "net-foot" }, this.code,
      h("label", { class: "net-check", for: id }, this.norm, "Batch norm"),
      this.dropout.row);
    this.dropout.row.classList.add("net-drop");
  }

  get now() {
    return this.structure.layers[this.column].units;
  }

  key(event) {
    const by = event.altKey && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      this.structure.move(this.column, this.column + by);
    } else if (event.key === "Delete") this.structure.remove(this.column);
  }

  // Show the network's code ...
  show() {
    const column = this.app.network.columns[this.column];
    netShowCode(this.code, column);
    if (document.activeElement !== this.units) this.units.value = column.units;
  }

  // ... and the settings, where they describe it.
  update() {
    const { app, structure, column } = this, { isOpen, whyKept, layers } = structure;
    const all = [this.title, this.left, this.right, this.gone, this.fewer, this.further,
      this.units, this.activation.field, this.norm, this.dropout.field];
    netAllow(all, !whyKept, whyKept);
    this.head.classList.toggle("net-closed", !isOpen);
    if (!isOpen) {
      this.activation.field.value = ""; // the code below says what it is
      return;
    }
    const { units, activation, batch_norm, dropout } = layers[column];
    this.units.max = app.welcome.choices.limits.units.most;
    this.activation.field.value = activation;
    this.norm.checked = batch_norm;
    const kept = `p${dropout}`;
    if (![...this.dropout.field.options].some(({ value }) => value === kept)) {
      this.dropout.field.append(h("option", { value: kept }, dropout));
    }
    this.dropout.field.value = kept;
    this.fewer.disabled ||= units <= 1;
    this.further.disabled ||= units >= app.welcome.choices.limits.units.most;
    this.left.disabled ||= column === 0;
    this.right.disabled ||= column === layers.length - 1;
  }

  // Put the focus on a control, or on the title where that one cannot be used.
  focus(name) {
    const control = this[name] ?? this.title;
    (control.disabled ? this.title : control).focus();
  }
}

// The head and foot of a column that is not changed here: of the inputs or the output, and in a
// recording of any.
export class PlainHead {
  constructor(app, column) {
    Object.assign(this, { app, column });
    this.title = h("h3", {});
    this.said = h("small", {});
    this.code = h("code", { class: "net-codes" });
    this.head = h("div", { class: "net-head" }, this.title, this.said);
    this.foot = h("div", { class: "net-foot" }, this.code);
  }

  update() {}

  show() {
    const { app, column } = this, { network, examples } = app;
    const n = column < 0 ? examples.names.length : network.columns[column].units;
    const isOutput = column === network.columns.length - 1;
    const what = !isOutput ? ["unit"] : examples.classes.length ? ["class", "classes"] : ["number"];
    this.title.textContent = column < 0 ? "Inputs" : layerName(network, column);
    this.said.textContent = column >= 0 ? counted(n, ...what)
      : examples.image_shape ? examples.image_shape.join(" × ") : String(n);
    if (column < 0) {
      const words = "The mean image, or the weights of a unit";
      this.foot.replaceChildren(examples.mean_image ? h("small", {}, words) : "");
      return;
    }
    netShowCode(this.code, network.columns[column]);
    if (isOutput) this.code.append(h("span", { class: "net-loss", title: network.loss },
      lossInWords(network.loss)));
  }
}

function netShowCode(element, column) {
  element.replaceChildren(...column.layers.map(([, code]) => h("span", { title: code },
    shortCode(code))));
}
