// The links of a network's diagram: which are drawn, how they look, which is under the mouse.

import { linkEnd, linkStart } from "./network-shape.js";

const NET_MOST_LINKS = 1500; // of the whole diagram
const NET_OF_PIXELS = 2; // of a unit that sees the pixels of an image
const NET_FEW = 120; // in one gap: where there are more, they are thinner and paler
const NET_LEVELS = 6; // of thickness
const NET_CROWDED = 250; // from so many on, most are one pixel thick: that is drawn much faster
const NET_NEAR = 6; // pixels from a link that still count as on it

// The links that enter one dense column; `place` is where its W lies in the vector of parameters.
class NetGap {
  constructor(column, place, from, to) {
    this.column = column; // in network.columns
    this.tensor = place.name;
    [this.outputs, this.inputs] = place.shape;
    [this.start, this.strides] = [place.start, place.strides];
    [this.from, this.to] = [from, to];
    const size = this.outputs * this.inputs;
    this.ids = new Int32Array(size); // output * inputs + input, of those that are drawn
    this.levels = new Uint8Array(size); // 0 ... NET_LEVELS - 1, and so many more below zero
    this.count = 0;
    this.largest = 0;
  }

  value(values, output, input) {
    return values[this.start + output * this.strides[0] + input * this.strides[1]];
  }

  // Choose the `most` strongest; how strong each looks is relative to the strongest of all.
  pick(values, most, bins) {
    const { outputs, inputs } = this;
    let largest = 0;
    for (let o = 0; o < outputs; o += 1) {
      for (let i = 0; i < inputs; i += 1) {
        const size = Math.abs(this.value(values, o, i));
        if (size > largest && size < Infinity) largest = size;
      }
    }
    this.largest = largest;
    this.count = 0;
    if (!largest) return;
    let least = 0;
    if (outputs * inputs > most) {
      const scale = (bins.length - 1) / largest;
      bins.fill(0);
      for (let o = 0; o < outputs; o += 1) {
        for (let i = 0; i < inputs; i += 1) {
          bins[Math.abs(this.value(values, o, i)) * scale | 0] += 1;
        }
      }
      let bin = bins.length, left = most;
      while (bin > 1 && left >= bins[bin - 1]) left -= bins[--bin];
      least = bin / scale;
    }
    for (let o = 0; o < outputs; o += 1) {
      for (let i = 0; i < inputs; i += 1) {
        const value = this.value(values, o, i), size = Math.abs(value);
        if (size < least || !(size < Infinity)) continue;
        this.ids[this.count] = o * inputs + i;
        this.levels[this.count] = this.levelOf(value);
        this.count += 1;
      }
    }
  }

  levelOf(value) {
    const level = Math.min(Math.abs(value) / this.largest * NET_LEVELS | 0, NET_LEVELS - 1);
    return value < 0 ? level + NET_LEVELS : level;
  }
}

export class NetLinks {
  constructor(network, columns) {
    const places = new Map(network.tensors.map((each) => [each.name, each]));
    this.gaps = network.columns.map((column, i) => {
      const place = places.get(`${column.name}.W`);
      const [from, to] = [columns[i], columns[i + 1]];
      const fits = column.is_dense && place?.shape.length === 2
        && place.shape[0] === to.X.length && place.shape[1] === from.X.length;
      return fits ? new NetGap(i, place, from, to) : null;
    });
    this.bins = new Int32Array(512);
    const sizes = this.gaps.map((gap) => gap?.ids.length ?? 0);
    const total = sizes.reduce((a, b) => a + b, 0);
    this.most = sizes.map((size) => Math.ceil(size * Math.min(1, NET_MOST_LINKS / total)));
    if (columns[0].kind === "image" && this.gaps[0]) {
      this.most[0] = NET_OF_PIXELS * this.gaps[0].outputs; // they come from one place
    }
  }

  // Draw all of them; where some unit or weight is looked at, the others are faint.
  draw(context, values, colors, active) {
    const faint = active ? 0.13 : 1;
    this.gaps.forEach((gap, i) => {
      if (!gap) return;
      gap.pick(values, this.most[i], this.bins);
      this.stroke(context, gap, gap.ids, gap.levels, gap.count, colors, faint);
    });
    if (!active) return;
    for (const gap of this.gaps) {
      if (gap?.largest) this.drawActive(context, gap, values, colors, active);
    }
  }

  drawActive(context, gap, values, colors, active) {
    const ids = [], levels = [];
    const add = (output, input) => {
      ids.push(output * gap.inputs + input);
      levels.push(gap.levelOf(gap.value(values, output, input)));
    };
    if (active.kind === "weight") {
      if (active.tensor !== gap.tensor) return;
      add(...active.index);
      context.lineWidth = 9;
      context.globalAlpha = 0.3;
      context.strokeStyle = colors.accent;
      context.beginPath();
      this.trace(context, gap, ids[0]);
      context.stroke();
    } else if (active.column === gap.column) {
      for (let i = 0; i < gap.inputs; i += 1) add(active.unit, i);
    } else if (active.column === gap.column - 1) {
      for (let o = 0; o < gap.outputs; o += 1) add(o, active.unit);
    }
    this.stroke(context, gap, ids, levels, ids.length, colors, 1);
  }

  // One path for each sign and thickness.
  stroke(context, gap, ids, levels, count, colors, opacity) {
    const share = Math.sqrt(Math.min(1, NET_FEW / count));
    for (let level = 0; level < 2 * NET_LEVELS; level += 1) {
      let some = false;
      for (let j = 0; j < count; j += 1) {
        if (levels[j] !== level) continue;
        if (!some) context.beginPath();
        some = true;
        this.trace(context, gap, ids[j]);
      }
      if (!some) continue;
      const strength = (level % NET_LEVELS + 0.5) / NET_LEVELS;
      context.strokeStyle = level < NET_LEVELS ? colors.positive : colors.negative;
      const width = count < NET_CROWDED ? 0.5 + 3.5 * strength * share : 2 * strength;
      context.lineWidth = count < NET_CROWDED || strength > 0.6 ? width : 1;
      context.globalAlpha = opacity * (0.3 + 0.65 * strength) * share;
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  trace(context, gap, id) {
    const output = Math.floor(id / gap.inputs);
    const [x0, y0] = linkStart(gap.from, id - output * gap.inputs);
    const [x1, y1] = linkEnd(gap.to, output);
    const middle = (x0 + x1) / 2;
    context.moveTo(x0, y0);
    context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  }

  // The weight whose link is nearest to a point, or null.
  at(x, y) {
    let best = null, least = NET_NEAR;
    for (const gap of this.gaps) {
      for (let j = 0; gap && j < gap.count; j += 1) {
        const output = Math.floor(gap.ids[j] / gap.inputs), input = gap.ids[j] % gap.inputs;
        const distance = linkDistance(linkStart(gap.from, input), linkEnd(gap.to, output), x, y);
        if (distance >= least) continue;
        least = distance;
        best = { kind: "weight", tensor: gap.tensor, index: [output, input] };
      }
    }
    return best;
  }
}

// How far a point is from the curve between two ends: at its x, across the curve's slope.
function linkDistance([x0, y0], [x1, y1], x, y) {
  const isBeside = x < x0 - 1 || x > x1 + 1;
  const isBeyond = y < Math.min(y0, y1) - NET_NEAR || y > Math.max(y0, y1) + NET_NEAR;
  if (isBeside || isBeyond) return Infinity;
  const share = (x - x0) / (x1 - x0);
  let low = 0, high = 1;
  for (let round = 0; round < 12; round += 1) {
    const t = (low + high) / 2;
    if (1.5 * t * (1 - t) + t * t * t < share) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  const dx = (x1 - x0) * (1.5 - 3 * t + 3 * t * t), dy = (y1 - y0) * 6 * t * (1 - t);
  return Math.abs(y0 + (y1 - y0) * t * t * (3 - 2 * t) - y) * dx / Math.hypot(dx, dy);
}
