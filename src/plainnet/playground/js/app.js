// What the parts of the page share: the last messages of the session, and what is selected.

import { Prober } from "./probing.js";

const ARRAYS = {
  frame: [
    ["parameters", Float32Array], ["gradients", Float32Array], ["tiles", Uint8Array],
    ["scales", Float32Array], ["regions", Uint8Array], ["confidence", Uint8Array],
    ["decided", null], ["strips", Uint8Array], ["state", Float32Array],
  ],
  examples: [["points", Float32Array], ["targets", Float32Array]],
  representation: [["points", Float32Array]],
};

export const SIDE = 80; // cells along a side of the regions
export const TILE = 40; // and of a unit's tile

// A buffer as a typed array; it may begin at any byte of a larger one.
function asArray(buffer, Kind) {
  const view = ArrayBuffer.isView(buffer) ? buffer : new DataView(buffer);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return Kind === Uint8Array ? bytes : new Kind(bytes.slice().buffer);
}

function elementOf(tensors, name, index, vector) {
  const place = tensors.find((each) => each.name === name);
  return vector[index.reduce((at, i, axis) => at + i * place.strides[axis], place.start)];
}

// `model` sends and receives messages, as a model of anywidget does.
export class App {
  constructor(model) {
    this.model = model;
    this.listeners = {};
    this.welcome = this.examples = this.network = this.state = this.frame = null;
    this.curves = []; // [step, train loss, test loss, train accuracy, test accuracy]
    this.pace = 0; // ms that a frame stays at least while the network trains
    this.selection = null; // {kind: "unit", column, unit}, {kind: "weight", tensor, index} ...
    this.listen = (content, buffers) => this.receive(content, buffers ?? []);
    model.on("msg:custom", this.listen);
    this.prober = new Prober(this);
  }

  close() {
    this.model.off("msg:custom", this.listen);
  }

  // Let `listener` be called with every message of this kind, and with the last if there is one.
  on(kind, listener) {
    (this.listeners[kind] ??= []).push(listener);
    if (Object.hasOwn(this, kind) && this[kind]) listener(this[kind]);
  }

  emit(kind, value) {
    for (const listener of this.listeners[kind] ?? []) listener(value);
  }

  // Send a command to the session, such as send("advance", {steps: 1}).
  send(command, fields = {}, buffers = []) {
    this.model.send({ do: command, ...fields }, undefined, buffers);
  }

  // Change settings: those that may change during training at once; others begin it anew.
  change(settings) {
    this.send("settings", { change: settings });
  }

  select(selection) {
    this.selection = selection;
    this.emit("select", selection);
  }

  receive(content, buffers) {
    const kind = content.is;
    const arrays = ARRAYS[kind] ?? [];
    arrays.forEach(([name, Kind], i) => {
      const decided = this.examples?.classes.length ? Uint8Array : Float32Array;
      content[name] = asArray(buffers[i], Kind ?? decided);
    });
    if (!arrays.length) content.buffers = buffers;
    if (kind === "frame") {
      this.curves.length = Math.min(this.curves.length, content.curves_from);
      this.curves.push(...content.curves);
      this.draw(content);
      return;
    }
    this[kind] = content;
    this.emit(kind, content);
  }

  // Draw the newest frame when the browser next paints; each is acknowledged once.
  draw(frame) {
    const isScheduled = this.next != null;
    if (isScheduled) this.acknowledge(this.next);
    this.next = frame;
    if (isScheduled) return;
    const paint = () => {
      const start = performance.now();
      this.frame = this.next;
      this.next = null;
      try {
        this.emit("frame", this.frame);
      } finally {
        this.acknowledge(this.frame);
      }
      this.drawing = performance.now() - start; // milliseconds, which the benchmark reads
    };
    if (document.hidden) setTimeout(paint, 200);
    else requestAnimationFrame(paint);
  }

  // Let the session send another frame: at once, or as slowly as the reader wants to see them.
  acknowledge({ number }) {
    const now = performance.now();
    const isSlow = this.pace > 0 && this.state?.status === "playing";
    this.free = isSlow ? Math.max(this.free ?? 0, now) + this.pace : now;
    if (isSlow) setTimeout(() => this.send("drawn", { number }), this.free - now);
    else this.send("drawn", { number });
  }

  // An element of a tensor in a vector of all: app.element("0.dense.W", [3, 1], frame.gradients).
  element(tensor, index, vector = this.frame?.parameters) {
    return elementOf(this.network.tensors, tensor, index, vector);
  }

  // The same of the running state.
  stateElement(tensor, index, vector = this.frame?.state) {
    return elementOf(this.network.state_tensors, tensor, index, vector);
  }
}
