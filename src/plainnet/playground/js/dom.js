// Elements in one line each: h("button", {class: "primary", onclick}, "Play").

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value; // as the page's policy allows
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// An HTML element with attributes, listeners (names that begin with "on") and children.
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

let made = 0;

// An id that no other element of the document has.
export function newId(prefix) {
  made += 1;
  return `plainnet-${prefix}-${made}`;
}

// A labelled <select>; `choose` is called with the value that was chosen.
export function select(label, options, choose, attributes = {}) {
  const id = newId("select");
  const field = h("select", { id, ...attributes, onchange: () => choose(field.value) });
  for (const [value, text] of Object.entries(options)) field.append(h("option", { value }, text));
  return { field, row: h("div", { class: "field" }, h("label", { for: id }, label), field) };
}

// A number with its noun: 1 row, 2 rows.
export function counted(n, noun, nouns = `${noun}s`) {
  return `${n} ${n === 1 ? noun : nouns}`;
}

// A share of 0 to 1, such as an accuracy: 95%.
export function percent(share) {
  return share == null ? "–" : `${shown(100 * share, 3)}%`;
}

// A number for people: four digits, and a minus sign that is one.
export function shown(value, digits = 4) {
  if (value == null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5)
    ? value.toExponential(digits - 2)
    : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}
