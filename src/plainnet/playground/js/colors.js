// Colours: of classes, told apart without seeing red or green, and of numbers above and below zero.

// Petroff 2021, as in plainnet.inspection.plots.
const CLASSES = [
  [63, 144, 218], [255, 169, 14], [189, 31, 1], [148, 164, 162], [131, 45, 182],
  [169, 107, 89], [231, 99, 0], [185, 172, 112], [113, 117, 129], [146, 218, 221],
];
const POSITIVE = [37, 105, 190]; // as in the pictures of the documentation
const NEGATIVE = [217, 119, 6];

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];

export function classRGB(k) {
  return CLASSES[k % CLASSES.length];
}

export function css([r, g, b], alpha = 1) {
  return `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)} / ${alpha})`;
}

// Between white or black paper and the full colour.
function mixed(paper, color, share) {
  return paper.map((value, i) => value + (color[i] - value) * share);
}

// The colour of a number from -1 to 1 on this paper: blue above zero, orange below.
export function signedRGB(value, paper = [255, 255, 255]) {
  return mixed(paper, value >= 0 ? POSITIVE : NEGATIVE, Math.min(Math.abs(value), 1));
}

// Tables for canvases: 256 pixels as little-endian RGBA, for shades from 1 to 255 around 128.
export function signedTable(paper) {
  return tableOf((shade) => signedRGB((shade - 128) / 127, paper));
}

// The same in grey, for pixels, which are not above or below anything.
export function grayTable(paper) {
  const ink = paper[0] > 127 ? [40, 44, 52] : [225, 228, 232];
  return tableOf((shade) => mixed(paper, ink, Math.abs(shade - 128) / 127));
}

// And for a class decided with a probability of 0 to 255, of which 1 / classes is the least.
export function classTable(k, classes, paper) {
  const least = 255 / classes;
  return tableOf((shade) => {
    const share = Math.max(0, (shade - least) / (255 - least));
    return mixed(paper, classRGB(k), 0.1 + 0.6 * share);
  });
}

function tableOf(color) {
  return Uint32Array.from({ length: 256 }, (_, shade) => {
    const [r, g, b] = color(shade).map(Math.round);
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

// The background of canvases in the current theme.
export function paperOf(element) {
  return isDark(element) ? [24, 27, 32] : [255, 255, 255];
}

export function isDark(element) {
  return getComputedStyle(element).colorScheme.includes("dark");
}
