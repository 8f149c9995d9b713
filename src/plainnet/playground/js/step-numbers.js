// A small table of an array's numbers, each a button, shaded by sign and size.

import { h } from "./dom.js";

const STEP_WIDTH = 8; // a single row is broken into rows of this many

export function sameIndex(one, other) {
  return one.length === other.length && one.every((i, axis) => i === other[axis]);
}

// `options` has the index that is chosen, which numbers the line reads, and what a click does.
export function numberTable(table, { chosen, isRead, click, page }) {
  const { name, array, shape, lead, start, columns, texts } = table;
  const values = texts.map(Number);
  const largest = Math.max(...values.map(Math.abs).filter(Number.isFinite), 0) || 1;
  const isRow = shape.length < 2 || shape[shape.length - 2] === 1;
  const width = isRow ? Math.min(columns, STEP_WIDTH) : columns;
  const indexOf = (i) => {
    const place = [start[0] + Math.floor(i / columns), start[1] + (i % columns)];
    return [...lead, ...place].slice(-shape.length || Infinity);
  };
  const cells = texts.map((text, i) => {
    const index = indexOf(i);
    const isChosen = chosen != null && sameIndex(chosen, index);
    const button = h("button", {
      type: "button", title: `${name}[${index.join(", ")}]`, tabindex: -1,
      "aria-pressed": isChosen ? "true" : null,
      class: isRead(index) ? "step-read" : null, onclick: () => click(index),
    }, text);
    const share = Math.abs(values[i]) / largest;
    if (share > 0) button.dataset.sign = values[i] < 0 ? "minus" : "plus";
    button.style.setProperty("--share", `${Math.round(40 * Math.min(share || 0, 1))}%`);
    return button;
  });
  const first = cells.find((cell) => cell.hasAttribute("aria-pressed"))
    ?? cells.find((cell) => cell.className) ?? cells[0];
  first.tabIndex = 0;
  const rows = [];
  for (let i = 0; i < cells.length; i += width) {
    const at = isRow ? start[1] + i : start[0] + i / columns;
    rows.push(h("tr", {}, h("th", { scope: "row" }, String(at)),
      cells.slice(i, i + width).map((cell) => h("td", {}, cell))));
  }
  const heads = Array.from({ length: width }, (_, j) =>
    h("th", { scope: "col" }, isRow ? `+${j}` : String(start[1] + j)));
  const hasHeads = shape.length > 0 && (!isRow || columns > STEP_WIDTH);
  const body = h("table", {
    role: "grid", "aria-label": `${name} ${shapeOf(shape)}`,
    onkeydown: (event) => moveInTable(event, cells, width),
  }, hasHeads ? h("thead", {}, h("tr", {}, h("td", {}), heads)) : null, h("tbody", {}, rows));
  if (!hasHeads) for (const row of rows) row.firstChild.hidden = true;
  const caption = h("div", {}, h("code", {}, name),
    ` ${shapeOf(shape)}`, table.is ? h("small", {}, ` is ${table.is}`) : null);
  return h("div", { class: "step-table", "data-array": array }, caption,
    h("div", { class: "step-scroll" }, body), pagesOf(table, page));
}

function shapeOf(shape) {
  return shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "";
}

// Arrow keys move within the table; at its ends they stay.
function moveInTable(event, cells, width) {
  const at = cells.indexOf(event.target);
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: width, ArrowUp: -width }[event.key];
  if (at < 0 || by === undefined) return;
  event.preventDefault();
  const next = cells[at + by];
  if (!next) return;
  cells[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// Buttons for the numbers of a large array that are not shown.
function pagesOf({ shape, lead, start, window, columns, texts }, page) {
  const [m, n] = [1, 1, ...shape].slice(-2);
  if (texts.length === m * n) return null;
  const [top, left] = start;
  const rows = texts.length / columns;
  const range = (from, count, all, what) =>
    all > count ? `${what} ${from}–${from + count - 1} of ${all}` : "";
  const said = [range(top, rows, m, "rows"), range(left, columns, n, "columns")];
  const to = (row, column, text, label) => {
    if (row < 0 || column < 0 || row >= m || column >= n) return null;
    const onclick = () => page([...lead, row, column].slice(-shape.length));
    return h("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  };
  return h("div", { class: "step-pages" }, h("small", {}, said.filter(Boolean).join(", ")),
    to(top - window[0], left, "↑", "Rows before"), to(top + window[0], left, "↓", "Rows after"),
    to(top, left - window[1], "←", "Columns before"),
    to(top, left + window[1], "→", "Columns after"));
}
