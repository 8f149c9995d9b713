// Another order of units and layers, and units that go.

import { keptByLesson } from "./allowed.js";
import { NET_GIVEN } from "./network-structure.js";
import { columnOfTensor } from "./network-words.js";

// Whether the units of a column can change their places, or be removed.
function hasOwnUnits({ isRecording, network }, column) {
  return !isRecording && column < network.columns.length - 1 && network.columns[column].is_dense;
}

// Give a unit another place in its layer; what is selected goes with it.
export function moveUnit(app, column, unit, end) {
  const { network } = app;
  if (!hasOwnUnits(app, column) || end === unit) return false;
  if (end < 0 || end >= network.columns[column].units) return false;
  app.send("move", { layer: network.columns[column].name, start: unit, end });
  selectAfter(app, column, (u) => (u === unit ? end
    : unit < u && u <= end ? u - 1 : end <= u && u < unit ? u + 1 : u));
  return true;
}

// Take a unit away, or say why it stays.
export function removeUnit(app, column, unit) {
  const why = whyUnitsStay(app, column);
  if (why) {
    app.emit("left alone", why);
    return false;
  }
  app.send("remove", { layer: app.network.columns[column].name, unit });
  selectAfter(app, column, (u) => (u === unit ? null : u > unit ? u - 1 : u));
  return true;
}

// Why no unit of a column can be removed, or "".
export function whyUnitsStay(app, column) {
  const { network, state } = app;
  if (app.isRecording) return "A recording stays as it is";
  if (column === network.columns.length - 1) return "The units of the output follow from the data";
  if (state?.fixed?.layers ?? true) return NET_GIVEN;
  if (keptByLesson(app, "layers")) return keptByLesson(app, "layers");
  return network.columns[column].units > 1 ? "" : "A layer keeps one unit: remove the layer";
}

// Let the selection follow its unit, whose place becomes `now(place)`; null if it is gone.
function selectAfter(app, column, now) {
  const { network, selection } = app;
  if (selection?.kind === "unit" && selection.column === column) {
    const unit = now(selection.unit);
    app.select(unit === null ? null : { ...selection, unit });
  } else if (selection?.kind === "weight") {
    const at = columnOfTensor(network, selection.tensor), axis = at === column ? 0 : 1;
    if (at !== column && (at !== column + 1 || selection.index.length < 2)) return;
    const place = now(selection.index[axis]);
    const index = selection.index.map((i, each) => (each === axis ? place : i));
    app.select(place === null ? null : { ...selection, index });
  }
}

// Drag a layer by its head.
export function dragLayer(diagram, head) {
  let from = null, target = null;
  const mark = (column) => {
    if (target !== null) diagram.heads[target + 1]?.element.classList.remove("net-target");
    target = column;
    if (column !== null) diagram.heads[column + 1].element.classList.add("net-target");
  };
  const end = () => {
    head.element.style.transform = "";
    head.element.classList.remove("net-dragged");
    from = null;
    mark(null);
  };
  head.title.addEventListener("pointerdown", (event) => {
    if (event.button || diagram.structure.whyKept) return;
    from = event.clientX;
    head.title.setPointerCapture(event.pointerId);
  });
  head.title.addEventListener("pointermove", ({ clientX }) => {
    if (from === null || (target === null && Math.abs(clientX - from) < 6)) return;
    head.element.classList.add("net-dragged");
    head.element.style.transform = `translateX(${clientX - from}px)`;
    const x = clientX - diagram.grid.getBoundingClientRect().left;
    const at = diagram.shape.columns.findIndex(({ left, width }) => x < left + width) - 1;
    const most = diagram.structure.layers.length - 1;
    mark(Math.max(0, at < -1 ? most : Math.min(at, most)));
  });
  head.title.addEventListener("pointerup", () => {
    const place = target;
    end();
    if (place !== null) diagram.structure.move(head.column, place);
  });
  head.title.addEventListener("pointercancel", end);
}
