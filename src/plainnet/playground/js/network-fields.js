// One weight or bias that can be changed: a number to type, a bar to drag, and its gradient.

import { h, shown } from "./dom.js";

const NET_STEP = 0.05; // of an arrow key; ten times as much with Shift

export class ParameterRow {
  // `said` are the cells before the number; `name` is what the field is called.
  constructor(app, name, tensor, index, said) {
    Object.assign(this, { app, name, tensor, index });
    this.isHeld = false; // someone is typing or dragging
    this.isWritten = false; // ... and has typed something that is not committed
    this.isSent = false; // an edit has been sent whose frame has not come
    this.refusal = null; // the last one when it was sent
    this.next = null; // the value to send after that
    this.number = h("input", {
      type: "number", step: "any", "aria-label": name, autocomplete: "off",
      oninput: () => { this.isHeld = this.isWritten = true; },
      onchange: () => { if (this.isWritten) this.commit(); },
      onkeydown: (event) => this.key(event),
      onfocus: () => { this.isHeld = true; },
      onblur: () => this.leave(),
    });
    this.slider = h("input", {
      type: "range", step: "any", "aria-label": `${name}, slider`, tabindex: -1, class: "net-bar",
      oninput: () => this.drag(),
      onchange: () => { this.isHeld = false; },
    });
    this.gradient = h("td", { class: "net-number" });
    this.steep = h("i", { class: "net-steep", "aria-hidden": "true" });
    this.row = h("tr", {}, ...said,
      h("td", {}, this.number), h("td", { class: "net-slide" }, this.slider),
      this.gradient, h("td", { class: "net-steeps" }, this.steep));
    this.reach = 0;
  }

  get value() {
    return this.app.element(this.tensor, this.index);
  }

  // Show the frame's numbers; the gradient's bar is relative to `steepest`.
  update(frame, steepest) {
    const value = this.app.element(this.tensor, this.index, frame.parameters);
    const gradient = this.app.element(this.tensor, this.index, frame.gradients);
    this.gradient.textContent = shown(gradient);
    const share = steepest ? Math.min(Math.abs(gradient) / steepest, 1) || 0 : 0;
    this.steep.style.transform = `scaleX(${share})`;
    this.steep.classList.toggle("net-negative", gradient < 0);
    if (this.next !== null) this.put(this.next);
    else this.isSent = false;
    if (!this.isHeld) this.show(value);
  }

  show(value) {
    if (!Number.isFinite(value)) {
      this.number.value = "";
      this.number.placeholder = shown(value);
      return;
    }
    this.number.value = typed(value);
    this.place(value);
    this.slider.value = value;
  }

  // Colour the bar from zero to the value; it reaches farther than any value that was not dragged.
  place(value, isDragged = false) {
    const { reach } = this;
    this.reach ||= 2;
    while (!isDragged && Math.abs(value) > 0.9 * this.reach) this.reach *= 2;
    if (reach !== this.reach) [this.slider.min, this.slider.max] = [-this.reach, this.reach];
    this.slider.style.setProperty("--at", `${50 + 50 * value / this.reach}%`);
    this.slider.classList.toggle("net-negative", value < 0);
  }

  // Send an edit, at most one for each frame that comes back.
  put(value) {
    this.next = null;
    this.isSent = true;
    this.refusal = this.app.refused;
    this.app.send("edit", { tensor: this.tensor, index: this.index, value });
  }

  drag() {
    this.isHeld = true;
    const value = Number(this.slider.value);
    this.number.value = typed(value);
    this.place(value, true);
    const isRefused = this.app.refused !== this.refusal; // and no frame will come
    if (this.isSent && !isRefused) this.next = value;
    else this.put(value);
  }

  key(event) {
    const { key, shiftKey } = event;
    if (key === "Enter") {
      event.preventDefault();
      this.commit();
    } else if (key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.show(this.value);
      this.isWritten = false;
      this.number.select();
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      event.preventDefault();
      const step = NET_STEP * (shiftKey ? 10 : 1) * (key === "ArrowUp" ? 1 : -1);
      const now = this.number.value === "" ? 0 : Number(this.number.value);
      this.number.value = String(Number((now + step).toFixed(6)));
      this.commit();
    }
  }

  commit() {
    this.isWritten = false;
    const value = this.number.valueAsNumber;
    if (Number.isFinite(value)) {
      this.place(value);
      this.put(value);
    } else this.show(this.value);
  }

  leave() {
    this.isHeld = false;
    if (!this.isSent) this.show(this.value);
  }
}

// A number as one types it, with four digits: ten characters at most, for which a field has room.
function typed(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e7)
    ? value.toExponential(3).replace(/\.?0*e\+?/, "e")
    : String(Number(value.toPrecision(4)));
}

// A number of the running state, which training moves.
export class StateRow {
  constructor(app, name, tensor, index, said) {
    Object.assign(this, { app, tensor, index });
    this.number = h("data", { "aria-label": name });
    this.row = h("tr", {}, ...said, h("td", { class: "net-number" }, this.number));
  }

  update({ state }) {
    const value = this.app.stateElement(this.tensor, this.index, state);
    this.number.textContent = shown(value);
    this.number.value = value;
  }
}

// A weight or bias in a recording: a number to read.
export class RecordedRow {
  constructor(app, name, tensor, index, said) {
    Object.assign(this, { app, tensor, index });
    this.number = h("data", { "aria-label": name, tabindex: -1 });
    this.row = h("tr", {}, ...said, h("td", { class: "net-number" }, this.number));
  }

  update(frame) {
    const value = this.app.element(this.tensor, this.index, frame.parameters);
    this.number.textContent = shown(value);
    this.number.value = value;
  }
}
