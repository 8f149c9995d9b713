// Where the units of a network's diagram stand: numbers only, in CSS pixels.

const NET_LARGEST = 52; // the side of a tile
const NET_COMFORTABLE = 32; // before tiles become smaller, more stand side by side
const NET_MOST_PLACES = 128; // a column with more units is a count
const NET_LEAST_HEAD = 94; // the buttons above a hidden layer
const NET_LEAST_NAME = 58; // its name alone

// The columns of the diagram, inputs first, in a middle of this width. Of each: its kind ("names",
// "image", "tiles", "dots", "count"), left edge and width, and where its units are.
export function diagramShape(network, examples, available, isRecording) {
  const narrow = available < 480;
  const last = network.columns.length;
  const columns = [netInputs(examples, narrow), ...network.columns.map((column, i) => ({
    units: column.units,
    kind: netKindOf(column),
    width: i === last - 1 ? (narrow ? 78 : 112) : isRecording ? NET_LEAST_NAME : NET_LEAST_HEAD,
  }))];
  const hidden = columns.slice(1, -1);
  let spare = available - columns.reduce((sum, { width }) => sum + width, 0);
  const wanted = [[columns[0], columns[0].widest ?? 0], [columns[last], netOutputWidth(examples)]];
  for (const [column, width] of wanted) { // room for names, while the links keep theirs
    const more = Math.max(0, Math.min(width - column.width, spare - 24 * hidden.length));
    column.width += more;
    spare -= more;
  }
  for (const column of hidden) column.width += Math.max(0, Math.floor(spare / hidden.length));
  if (!hidden.length) columns[0].width += Math.max(0, spare);
  const most = Math.max(...columns.map((column) => column.units));
  const height = narrow ? 376 : most > 40 ? 540 : 480;
  let left = 0;
  columns.forEach((column, i) => {
    column.left = left;
    left += column.width;
    netPlace(column, height, i === 0 ? "start" : i === last ? "output" : "center");
  });
  return { columns, width: left, height };
}

function netKindOf(column) {
  if (column.units > NET_MOST_PLACES) return "count";
  if (!column.is_dense) return column.units <= 64 ? "dots" : "count";
  return column.has_tiles ? "tiles" : "dots";
}

function netOutputWidth({ classes }) {
  return Math.min(Math.max(0, ...classes.map((name) => name.length)) * 7 + 80, 170);
}

function netInputs({ names, image_shape }, narrow) {
  const units = names.length;
  const across = image_shape?.[1];
  if (across) return { units, kind: "image", width: narrow ? 56 : 104, across };
  if (units > NET_MOST_PLACES) return { units, kind: "count", width: 72 };
  if (units > 40) return { units, kind: "dots", width: 84 };
  const longest = Math.max(...names.map((name) => name.length));
  const widest = Math.min(Math.max(longest * 7 + 34, 48), 164);
  return { units, kind: "names", width: Math.min(widest, 64), widest };
}

// Give a column the places of its units: sizes w and h, and X and Y of their corners.
function netPlace(column, height, align) {
  const { units, kind, width, left } = column;
  if (kind === "image") return netPlaceImage(column, height);
  let across = 1, pitch = 0, stride = 0;
  if (kind === "count") [column.w, column.h] = [64, 44];
  else if (kind === "names") {
    pitch = Math.min(height / units, 44);
    column.h = Math.min(26, pitch - 2);
    column.w = Math.min(width, column.widest) - 22;
  } else {
    const margin = align === "center" ? 36 : align === "output" ? Math.min(60, width / 2) : 20;
    const found = netFit(units, width - margin, height, kind === "dots" ? 12 : NET_LARGEST);
    across = found.across;
    column.w = column.h = found.size;
    stride = found.size + 4;
    pitch = across > 1 ? stride : Math.min(height / units, found.size + 30);
  }
  const rows = kind === "count" ? 1 : Math.ceil(units / across);
  const total = stride * (across - 1) + column.w;
  const inset = align === "center" ? Math.round((width - total) / 2) : align === "output" ? 8 : 2;
  const x = left + inset;
  const y = (height - pitch * (rows - 1) - column.h) / 2;
  column.rows = rows;
  column.across = across;
  const n = kind === "count" ? 1 : units;
  column.X = Float32Array.from({ length: n }, (_, u) => x + Math.floor(u / rows) * stride);
  column.Y = Float32Array.from({ length: n }, (_, u) => Math.round(y + (u % rows) * pitch));
  return column;
}

// The fewest tiles side by side that leave each a good size, or else the largest tiles.
function netFit(units, width, height, largest) {
  let best = { size: 0, across: 1 };
  for (let across = 1; across <= units; across += 1) {
    const room = Math.min(height / Math.ceil(units / across), width / across + (across === 1) * 12);
    const size = Math.floor(Math.min(largest, room - (room < 44 || across > 1 ? 4 : 8)));
    if (size > best.size) best = { size, across };
    if (size >= Math.min(NET_COMFORTABLE, largest)) break;
  }
  return best;
}

function netPlaceImage(column, height) {
  const { units, width, left, across } = column;
  const cell = Math.max(1, Math.floor((width - 16) / across));
  const top = Math.round((height - cell * Math.ceil(units / across)) / 2);
  column.w = column.h = cell;
  column.rows = Math.ceil(units / across);
  column.X = Float32Array.from({ length: units }, (_, u) => left + 2 + (u % across) * cell);
  column.Y = Float32Array.from({ length: units }, (_, u) => top + Math.floor(u / across) * cell);
}

// Where the links of a unit begin, or where those of the column before end.
export function linkStart(column, unit) {
  const share = column.kind === "image" ? 0.5 : 1;
  return [column.X[unit] + column.w * share, column.Y[unit] + column.h / 2];
}

export function linkEnd(column, unit) {
  return [column.X[unit], column.Y[unit] + column.h / 2];
}

// The unit of a column that is nearest to a point.
export function nearestUnit(column, x, y) {
  let best = 0, least = Infinity;
  for (let unit = 0; unit < column.X.length; unit += 1) {
    const dx = column.X[unit] + column.w / 2 - x, dy = column.Y[unit] + column.h / 2 - y;
    const distance = dx * dx + dy * dy;
    if (distance < least) [best, least] = [unit, distance];
  }
  return best;
}
