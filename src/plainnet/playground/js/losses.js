// The losses and accuracies: now, and over the steps so far.

import { h, percent, shown } from "./dom.js";
import { drawnOn } from "./canvas.js";
import { checkBox } from "./fields.js";
import { ACCURACY_COLUMNS, LOSS_COLUMNS, LossChart } from "./loss-chart.js";

const NOTHING_READ = "Point at the chart to read a step, and click to go there.";

export function lossView(app) {
  const chart = new LossChart(app);
  const canvas = h("canvas", { class: "loss-canvas", role: "slider", tabindex: 0 });
  const redraw = drawnOn(app, canvas, (...size) => chart.draw(...size));
  const readout = h("p", { class: "loss-readout" }, NOTHING_READ);
  const measures = measuresTable(app);
  const log = checkBox("Log scale", false, (isOn) => {
    chart.isLog = isOn;
    redraw();
  });
  const accuracy = h("button", {
    type: "button", "aria-pressed": false, onclick: () => choose(chart.columns === LOSS_COLUMNS),
  }, "Accuracy");

  const title = h("h2", {}, "Loss");
  const choose = (isAccuracy) => {
    chart.columns = isAccuracy ? ACCURACY_COLUMNS : LOSS_COLUMNS;
    accuracy.setAttribute("aria-pressed", isAccuracy);
    title.textContent = isAccuracy ? "Accuracy" : "Loss";
    log.row.hidden = isAccuracy;
    chart.isLog = !isAccuracy && log.field.checked;
    canvas.setAttribute("aria-label", `${isAccuracy ? "Accuracy" : "Loss"} over the steps; `
      + "arrow keys read a step, Enter goes to it");
    read(null);
  };
  const read = (row) => {
    chart.read = row;
    readout.textContent = row ? measuresInWords(row, app) : NOTHING_READ;
    const said = row ?? chart.rowNear(app.frame?.step ?? 0) ?? [0];
    canvas.setAttribute("aria-valuemin", 0);
    canvas.setAttribute("aria-valuemax", chart.last);
    canvas.setAttribute("aria-valuenow", said[0]);
    canvas.setAttribute("aria-valuetext", measuresInWords(said, app));
    redraw();
  };
  const goTo = (row) => { if (row) app.send("show", { step: row[0] }); };

  canvas.addEventListener("pointermove", (event) => read(chart.rowAt(event.offsetX)));
  canvas.addEventListener("pointerleave", () => read(null));
  canvas.addEventListener("blur", () => read(null));
  canvas.addEventListener("click", (event) => goTo(chart.rowAt(event.offsetX)));
  canvas.addEventListener("keydown", (event) => {
    const moves = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
      Home: -Infinity, End: Infinity,
    };
    if (event.key === "Enter") goTo(chart.read ?? chart.rowNear(app.frame?.step ?? 0));
    else if (event.key in moves) {
      const rows = app.curves;
      const from = rows.indexOf(chart.read ?? chart.rowNear(app.frame?.step ?? 0));
      const to = Math.min(Math.max(from + moves[event.key], 0), rows.length - 1);
      if (rows[to]) read(rows[to]);
    } else return;
    event.preventDefault();
  });

  app.on("examples", ({ classes }) => {
    accuracy.hidden = !classes.length;
    choose(classes.length > 0 && chart.columns === ACCURACY_COLUMNS);
  });
  app.on("frame", (frame) => {
    measures.update(frame);
    if (chart.read && chart.rowNear(chart.read[0]) !== chart.read) read(null); // it was dropped
    redraw();
  });
  app.on("state", () => { if (!chart.read) read(null); });
  app.on("theme", () => {
    chart.inks = null;
    redraw();
  });
  choose(false);
  return h("section", { class: "panel losses" },
    h("div", { class: "row loss-head" }, title, accuracy, log.row),
    measures.table, canvas, readout);
}

const MEASURED_ROWS = { train: "Training", test: "Test" };
const LOSS_MEASURES = ["loss", "accuracy"];

// The measures now; each number is a <data> element with all of its digits.
function measuresTable(app) {
  const cells = {};
  const rows = {};
  for (const [name, label] of Object.entries(MEASURED_ROWS)) {
    cells[name] = LOSS_MEASURES.map(() => h("data", {}));
    rows[name] = h("tr", {},
      h("th", { scope: "row" }, h("span", { class: `line ${name}` }), label),
      cells[name].map((cell) => h("td", {}, cell)));
  }
  const accuracy = h("th", { scope: "col" }, "Accuracy");
  const table = h("table", { class: "measures" },
    h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, "Loss"), accuracy)),
    h("tbody", {}, Object.values(rows)));
  const update = ({ measures }) => {
    for (const name of Object.keys(MEASURED_ROWS)) {
      rows[name].hidden = !measures[name];
      LOSS_MEASURES.forEach((measure, i) => {
        const value = measures[name]?.[measure];
        const cell = cells[name][i];
        cell.parentNode.hidden = value === undefined;
        cell.value = value ?? "";
        cell.textContent = measure === "accuracy" ? percent(value) : shown(value);
      });
    }
    accuracy.hidden = measures.train.accuracy === undefined;
  };
  return { table, update };
}

function measuresInWords([step, ...values], app) {
  const [trainLoss, testLoss, trainAccuracy, testAccuracy] = values;
  const parts = [`loss ${shown(trainLoss)} in training`];
  if (testLoss != null) parts[0] += `, ${shown(testLoss)} in testing`;
  if (app.examples?.classes.length) {
    parts.push(`accuracy ${percent(trainAccuracy)}`);
    if (testAccuracy != null) parts[1] += ` and ${percent(testAccuracy)}`;
  }
  return `Step ${step}: ${parts.join("; ")}`;
}
