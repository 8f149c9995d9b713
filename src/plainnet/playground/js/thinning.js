// A long curve as few groups of neighbouring points, each with its least and greatest values.

const MOST_GROUPS = 700; // about two for each pixel of the chart

// Follows app.curves: rows of a step and four numbers, of which some may be null.
export class ThinCurve {
  constructor() {
    this.clear(0);
  }

  clear(shift) {
    this.shift = shift; // a group has 2 ** shift rows
    this.groups = []; // {step, low: [...], high: [...]}, by the columns of the rows
    this.taken = 0;
    this.lastRow = null;
  }

  // Take in what is new. Where rows were replaced, begin again.
  follow(rows) {
    if (this.taken && rows[this.taken - 1] !== this.lastRow) this.clear(0);
    let { shift } = this;
    while (rows.length >> shift > MOST_GROUPS) shift += 1;
    if (shift !== this.shift) this.clear(shift);
    for (let i = this.taken; i < rows.length; i++) this.take(rows[i], i >> shift);
    this.taken = rows.length;
    this.lastRow = rows[rows.length - 1];
    return this.groups;
  }

  take(row, place) {
    const group = this.groups[place];
    if (!group) {
      this.groups.push({ step: row[0], low: [...row], high: [...row] });
      return;
    }
    for (let i = 1; i < row.length; i++) {
      if (row[i] == null) continue;
      group.low[i] = Math.min(group.low[i] ?? row[i], row[i]);
      group.high[i] = Math.max(group.high[i] ?? row[i], row[i]);
    }
  }
}

// The least and the greatest value of some columns, above `floor`; null where there is none.
export function rangeOf(groups, columns, floor = -Infinity) {
  let [least, most] = [Infinity, -Infinity];
  for (const { low, high } of groups) {
    for (const i of columns) {
      if (low[i] == null) continue;
      if (low[i] > floor) least = Math.min(least, low[i]);
      if (high[i] > floor) {
        least = Math.min(least, high[i]);
        most = Math.max(most, high[i]);
      }
    }
  }
  return most >= least ? [least, most] : null;
}
