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

// An element as one writes it in Python.
export function pythonName(tensor, index) {
  return `network["${tensor}"][${index.join(", ")}]`;
}

// The dense column that a tensor belongs to, or -1.
export function columnOfTensor(network, tensor) {
  return network.columns.findIndex((column) => tensor.startsWith(`${column.name}.`));
}

export function hasTensor(network, tensor, index) {
  const place = network.tensors.find((each) => each.name === tensor);
  return place != null && place.shape.length === index.length
    && index.every((i, axis) => i < place.shape[axis]);
}

// The weights and the bias of a unit, as [tensor, index] pairs: the bias first where there is one.
export function parametersOf(network, column, unit) {
  const { name, is_dense } = network.columns[column];
  if (!is_dense) return [];
  const W = network.tensors.find((each) => each.name === `${name}.W`);
  const bias = hasTensor(network, `${name}.b`, [unit]) ? [[`${name}.b`, [unit]]] : [];
  return [...bias, ...Array.from({ length: W.shape[1] }, (_, i) => [W.name, [unit, i]])];
}
