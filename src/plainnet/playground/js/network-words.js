// What the units, layers and weights of a network are called.

// The name of an input for people: "x₁" for x1, or a column of a table.
export function inputNames(app) {
  const labels = app.welcome?.choices.features ?? {};
  return app.examples.names.map((name) => labels[name] ?? name);
}

// "Layer 1", or "Output" for the last.
export function layerName(network, column) {
  return column === network.columns.length - 1 ? "Output" : `Layer ${column + 1}`;
}

// "unit 3 of layer 1"; of the output, the class or "the prediction".
export function unitName(app, column, unit) {
  if (column < 0) return inputNames(app)[unit];
  if (column < app.network.columns.length - 1) return `unit ${unit} of layer ${column + 1}`;
  return app.examples.classes.length ? `class ${outputName(app, unit)}` : "the prediction";
}

export function outputName(app, unit) {
  const { classes } = app.examples;
  return classes.length ? classes[unit] ?? String(unit) : "prediction";
}

// Whether a layer has too many units for their pictures.
export function isTooLarge({ is_dense: isDense, has_tiles: hasTiles }) {
  return isDense && !hasTiles;
}

// What a unit's formula calls the numbers that come in.
export function sourceSymbol(app, column, input) {
  return column === 0 ? inputNames(app)[input] : `A[${input}]`;
}

// A layer as short code: the first of its arguments alone.
export function shortCode(code) {
  const open = code.indexOf("(");
  if (open < 0) return code;
  const inner = code.slice(open + 1, -1);
  let depth = 0, end = 0;
  while (end < inner.length && !(inner[end] === "," && depth === 0)) {
    depth += "([{".includes(inner[end]) - ")]}".includes(inner[end]);
    end += 1;
  }
  const first = inner.slice(0, end);
  return `${code.slice(0, open)}(${first.includes("=") ? "" : first})`;
}

// "softmax cross-entropy" for SoftmaxCrossEntropy().
export function lossInWords(code) {
  const [name] = code.split("(");
  const words = name.replaceAll(/(?!^)(?=[A-Z][a-z])/g, " ").toLowerCase();
  return words.replace("cross entropy", "cross\u2011entropy"); // with a hyphen that does not break
}

// An element as one writes it in Python.
export function pythonName(tensor, index) {
  return `network["${tensor}"][${index.join(", ")}]`;
}

// The column that a tensor belongs to, or -1.
export function columnOfTensor(network, tensor) {
  const isOwn = ([layer]) => tensor.startsWith(`${layer}.`);
  return network.columns.findIndex((column) => column.layers.some(isOwn));
}

export function hasTensor(network, tensor, index) {
  const place = network.tensors.find((each) => each.name === tensor);
  return place != null && place.shape.length === index.length
    && index.every((i, axis) => i < place.shape[axis]);
}

// The name of a tensor within its layer: "W", "gamma".
export function shortName(tensor) {
  return tensor.slice(tensor.lastIndexOf(".") + 1);
}

// What the layers of a column have of one unit beside its weights and bias, as those that normalize
// do: of these tensors, [tensor, index] pairs.
export function extrasOf(tensors, column, unit) {
  const isOwn = ({ name, shape }) => shape.length === 1 && shape[0] === column.units
    && column.layers.slice(1).some(([layer]) => name.startsWith(`${layer}.`));
  return column.is_dense ? tensors.filter(isOwn).map(({ name }) => [name, [unit]]) : [];
}

// The weights and the bias of a unit, as [tensor, index] pairs: the bias first where there is one.
export function parametersOf(network, column, unit) {
  const { name, is_dense } = network.columns[column];
  if (!is_dense) return [];
  const W = network.tensors.find((each) => each.name === `${name}.W`);
  const bias = hasTensor(network, `${name}.b`, [unit]) ? [[`${name}.b`, [unit]]] : [];
  return [...bias, ...Array.from({ length: W.shape[1] }, (_, i) => [W.name, [unit, i]])];
}
