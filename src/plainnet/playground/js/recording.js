// The model behind an exported page: it answers as a session does, from recorded steps.

import { SIDE } from "./app.js";
import { activated, forwardPass } from "./forward.js";

const REFUSED = "This page is a recording, which cannot be changed";

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

// Little-endian float32 numbers in base64.
export function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

// The recording in an exported page, which is JSON, packed by zlib, in base64.
export function inflated(text) {
  const packed = new Blob([bytesOf(text)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("deflate"))).json();
}

// The frames with all their parameters, of which each has the bits that have changed since the one
// before: of all numbers the first bytes, then the second ones, and so on.
function restored(frames) {
  let before = null;
  return frames.map((frame) => {
    const changed = bytesOf(frame.parameters);
    const n = changed.length / 4;
    const bytes = new Uint8Array(changed.length);
    for (let i = 0; i < n; i += 1) {
      for (let k = 0; k < 4; k += 1) bytes[4 * i + k] = changed[k * n + i] ^ before?.[4 * i + k];
    }
    before = bytes;
    return { ...frame, parameters: new Float32Array(bytes.buffer) };
  });
}

export class RecordingModel {
  // `recording` is what Python's `export` writes into the page.
  constructor(recording) {
    this.recording = recording;
    this.listeners = [];
    this.grid = floatsOf(recording.grid);
    this.rows = floatsOf(recording.rows);
    this.frames = restored(recording.frames);
    this.now = 0;
    this.goal = 0;
    this.pace = 1;
  }

  on(name, listener) {
    this.listeners.push(listener);
  }

  off(name, listener) {
    this.listeners = this.listeners.filter((each) => each !== listener);
  }

  answer(content, buffers = []) {
    for (const listener of this.listeners) listener(content, buffers);
  }

  send({ do: command, ...fields }) {
    const last = this.frames.length - 1;
    if (command === "hello") this.begin();
    else if (command === "play") this.go(this.now === last ? 0 : this.now, last);
    else if (command === "pause") this.go(this.now, this.now);
    else if (command === "begin") this.go(0, 0);
    else if (command === "show") this.go(this.placeOf(fields.step), this.placeOf(fields.step));
    else if (command === "advance") this.advance(fields);
    else if (command === "speed") this.pace = Math.max(1, Math.round(fields.steps / 10));
    else if (command === "drawn") this.drawn();
    else this.answer({ is: "refused", what: command, why: REFUSED });
  }

  begin() {
    const { welcome, examples, network, points, targets } = this.recording;
    this.answer({ is: "welcome", ...welcome });
    this.answer({ is: "examples", ...examples },
      [floatsOf(points).buffer, floatsOf(targets).buffer]);
    this.answer({ is: "network", ...network });
    this.go(this.frames.length - 1, this.frames.length - 1);
  }

  // The frame of the last recorded step up to this one.
  placeOf(step) {
    return Math.max(0, this.frames.findLastIndex((frame) => frame.step <= step));
  }

  advance({ steps, epochs }) {
    const { step } = this.frames[this.now];
    const wanted = step + (steps ?? epochs * this.recording.state.steps_per_epoch);
    const found = this.frames.findIndex((frame) => frame.step >= wanted);
    const place = found < 0 ? this.frames.length - 1 : found;
    this.go(place, place);
  }

  go(now, goal) {
    this.goal = goal;
    this.show(now);
  }

  drawn() {
    if (this.now < this.goal) this.show(Math.min(this.now + this.pace, this.goal));
  }

  show(place) {
    const wasPlaying = this.isPlaying;
    this.now = place;
    this.isPlaying = place < this.goal;
    if (!this.isPlaying || !wasPlaying) this.state();
    this.answer(...this.made(this.frames[place]));
  }

  state() {
    this.answer({
      is: "state",
      ...this.recording.state,
      step: this.frames.at(-1).step,
      shown: this.frames[this.now].step,
      status: this.isPlaying ? "playing" : "paused",
      first: this.frames[0].step,
      every: 1,
      changes: [],
      speed: 10 * this.pace,
    });
  }

  // The frame of a recorded step, as `Frames` in Python makes it, without gradients and strips.
  made(frame) {
    const { recording, grid, rows } = this;
    const { parameters } = frame;
    const state = floatsOf(frame.state);
    const m = grid.length / recording.n_in;
    const outputs = forwardPass(recording.layers, grid, m, parameters, state);
    const { tiles, scales } = this.tiles(outputs, m);
    const k = recording.n_out;
    const Z = outputs[recording.layers.at(-1).name];
    const P = activated(Z, m, k, recording.activation);
    const { regions, confidence, scale } = this.regions(P, m, k);
    const own = rows.length / recording.n_in;
    const all = forwardPass(recording.layers, rows, own, parameters, state);
    const decided = this.decided(activated(all[recording.layers.at(-1).name], own, k,
      recording.activation), own, k);
    const curves = recording.curves;
    const content = {
      is: "frame", step: frame.step, epoch: frame.epoch, measures: frame.measures,
      sizes: frame.dead.map((units) => ({ dead_units: units })), curves, curves_from: 0,
      last: this.frames.at(-1).step,
    };
    const none = new Float32Array(parameters.length).fill(NaN);
    const arrays = [
      parameters, none, tiles, Float32Array.of(...scales, scale), regions, confidence, decided,
      new Uint8Array(0), state,
    ];
    return [content, arrays.map((array) => array.buffer)];
  }

  // Every second cell of each unit's response, as shades around 128.
  tiles(outputs, m) {
    const { columns } = this.recording.network;
    const side = SIDE / 2;
    const tiles = [];
    const scales = [];
    for (const column of columns.filter((each) => each.is_dense && each.has_tiles)) {
      let Y = outputs[column.layers.at(-1)[0]];
      if (column === columns.at(-1)) {
        Y = activated(Y, m, column.units, this.recording.activation);
      }
      for (let unit = 0; unit < column.units; unit += 1) {
        const values = new Float64Array(side * side);
        for (let at = 0; at < values.length; at += 1) {
          const cell = 2 * Math.floor(at / side) * SIDE + 2 * (at % side);
          values[at] = Y[cell * column.units + unit];
        }
        const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        tiles.push(shades(values, scale));
        scales.push(scale);
      }
    }
    const all = new Uint8Array(tiles.length * side * side);
    tiles.forEach((tile, i) => all.set(tile, i * side * side));
    return { tiles: all, scales };
  }

  regions(P, m, k) {
    if (!this.recording.examples.classes.length) {
      const scale = P.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return { regions: shades(P, scale), confidence: new Uint8Array(0), scale };
    }
    const regions = this.decided(P, m, k);
    const confidence = new Uint8Array(m);
    for (let row = 0; row < m; row += 1) {
      const own = P.subarray(row * k, (row + 1) * k);
      confidence[row] = 255 * sureness(own, this.recording.activation);
    }
    return { regions, confidence, scale: 0 };
  }

  // The class of the largest output of each row, or the numbers themselves.
  decided(P, m, k) {
    if (!this.recording.examples.classes.length) return Float32Array.from(P);
    const found = new Uint8Array(m);
    for (let row = 0; row < m; row += 1) {
      if (k === 1) found[row] = P[row] > 0.5;
      for (let j = 1; j < k; j += 1) {
        if (P[row * k + j] > P[row * k + found[row]]) found[row] = j;
      }
    }
    return found;
  }
}

// The largest probability; of scores, 1/2 to 1 as the best leads by 0 to 1.
function sureness(outputs, activation) {
  if (outputs.length === 1) return Math.max(outputs[0], 1 - outputs[0]);
  const [first, second] = [...outputs].sort((a, b) => b - a);
  return activation === "none" ? Math.min(first - second, 1) / 2 + 0.5 : first;
}

function shades(values, scale) {
  return Uint8Array.from(values, (value) => {
    const shade = value * (127 / (scale > 0 ? scale : 1)) + 128.5;
    return Number.isNaN(shade) ? 128 : Math.min(Math.max(shade, 1), 255);
  });
}
