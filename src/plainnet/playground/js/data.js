// The data: which examples there are, what the network sees of them, and a table of one's own.

import { restingRows } from "./allowed.js";
import { counted, h, newId, select } from "./dom.js";
import { checkBox, nextSeed, numberField, sliderField } from "./fields.js";
import { ownTable } from "./own-table.js";

const MOST_LISTED = 12; // names of inputs or classes

export function dataPanel(app) {
  const fields = h("div", {});
  const facts = h("ul", { class: "facts" });
  const notes = h("ul", { class: "notes" });
  const table = ownTable(app);
  let parts = null;
  app.on("welcome", ({ choices }) => {
    parts = partsOf(app, choices, table);
    fields.replaceChildren(...parts.elements);
    update();
  });
  const update = () => {
    if (!parts || !app.state) return;
    fields.hidden = Boolean(app.state.fixed?.data); // the rows were given in Python
    facts.hidden = !fields.hidden;
    parts.update(app.state.settings);
  };
  app.on("state", update);
  const kept = restingRows(app, () => parts?.rows ?? []);
  app.on("examples", (examples) => {
    notes.replaceChildren(...examples.notes.map((note) => h("li", {}, note)));
    facts.replaceChildren(...factsOf(examples).map((fact) => h("li", {}, fact)));
    parts?.showColumns(examples.names);
  });
  return h("section", { class: "panel data" }, h("h2", {}, "Data"), kept, fields,
    facts, notes);
}

// What the examples are, in words.
function factsOf({ names, classes, targets, n_train: nTrain, image_shape: image }) {
  const listed = (all) => `${all.slice(0, MOST_LISTED).join(", ")}${
    all.length > MOST_LISTED ? ` and ${all.length - MOST_LISTED} more` : ""}`;
  const nTest = targets.length - nTrain;
  return [
    `${counted(nTrain, "row")} for training${nTest ? `, ${nTest} for testing` : ""}`,
    `Inputs: ${image ? `images of ${image.join(" × ")} pixels` : listed(names)}`,
    classes.length ? `Classes: ${listed(classes)}` : "Target: a number",
  ];
}

function partsOf(app, choices, table) {
  const { limits } = choices;
  const change = (name) => (value) => app.change({ [name]: value });
  const data = select("Examples", choices.data, (value) => {
    const isDrawing = value === "drawn" && !app.state.settings.drawn.length;
    const isChoosing = value === "table" && !app.table;
    if (isDrawing || isChoosing) data.field.value = app.state.settings.data; // nothing there yet
    if (isDrawing) app.emit("draw points");
    else if (isChoosing) table.choose();
    else app.change({ data: value });
  });
  const numbers = {
    classes: numberField("Classes", limits.classes, change("classes")),
    points: numberField("Points", limits.points, change("points")),
    noise: sliderField("Noise", limits.noise, change("noise")),
    test_share: sliderField("Test share", limits.test_share, change("test_share")),
    data_seed: numberField("Seed", limits.data_seed, change("data_seed")),
  };
  const sample = h("button", {
    type: "button",
    onclick: () => {
      app.change({ data_seed: nextSeed(app.state.settings.data_seed, limits.data_seed) });
    },
  }, "New sample");
  const seed = h("div", { class: "row seed" }, numbers.data_seed.row, sample);
  const features = featureBoxes(app, choices.features);
  const columns = columnChoice(app);
  const row = h("div", { class: "fields" }, numbers.classes.row, numbers.points.row);
  const elements = [data.row, row, numbers.noise.row, numbers.test_share.row, seed,
    features.row, table.target, columns.row, table.zone];

  const update = (settings) => {
    data.field.value = settings.data;
    for (const [name, { set }] of Object.entries(numbers)) set(settings[name]);
    const isMade = choices.made.includes(settings.data);
    numbers.classes.row.hidden = !choices.has_classes.includes(settings.data)
      || (settings.data === "drawn" && settings.drawn_target === "number");
    numbers.points.row.hidden = numbers.noise.row.hidden = !isMade;
    row.hidden = numbers.classes.row.hidden && !isMade;
    features.row.hidden = !choices.of_the_plane.includes(settings.data);
    features.set(settings.features);
    columns.set(settings);
  };
  const rows = [
    ["data", data.row], ["data", table.zone], ["classes", numbers.classes.row],
    ["points", numbers.points.row], ["noise", numbers.noise.row],
    ["test_share", numbers.test_share.row], ["data_seed", seed], ["features", features.row],
    ["target", table.target], ["plane", columns.row],
  ];
  return { elements, rows, update, showColumns: columns.show };
}

// What the network sees of a point: at least one of these.
function featureBoxes(app, known) {
  let refusal = null;
  let asked = null; // until the session has them: older answers do not undo the last click
  const words = h("small", { class: "wrong", role: "alert" });
  const boxes = Object.entries(known).map(([name, label]) => {
    const box = checkBox(label, false, () => {
      const chosen = boxes.filter((each) => each.field.checked).map((each) => each.name);
      words.textContent = chosen.length ? "" : "The network needs at least one input.";
      if (chosen.length) {
        asked = chosen;
        refusal = app.refused;
        app.change({ features: chosen });
      } else box.field.checked = true;
    });
    return { name, ...box };
  });
  const row = h("fieldset", { class: "features" }, h("legend", {}, "Inputs"),
    boxes.map((each) => each.row), words);
  const set = (features) => {
    const isRefused = app.refused !== refusal;
    if (asked && !isRefused && String(asked) !== String(features)) return;
    asked = null;
    for (const { name, field } of boxes) field.checked = features.includes(name);
  };
  return { row, set };
}

// Which plane through more than two inputs is shown: of two columns, or of the first two principal
// components.
function columnChoice(app) {
  const ids = [newId("column"), newId("column")];
  let names = [];
  const fields = ids.map((id, i) => h("select", { id, onchange: () => choose(i) }));
  const choose = (i) => {
    const chosen = fields.map((field) => field.value);
    if (!chosen[i]) app.change({ plane: [] });
    else {
      const other = chosen[1 - i];
      const fits = other && other !== chosen[i];
      const pair = [chosen[i], fits ? other : names.find((name) => name !== chosen[i])];
      app.change({ plane: i ? pair.reverse() : pair });
    }
  };
  const row = h("div", { class: "fields columns" }, ids.map((id, i) => h("div", { class: "field" },
    h("label", { for: id }, i ? "Upward" : "Across"), fields[i])));
  const show = (columns) => {
    names = columns;
    fields.forEach((field, i) => {
      field.replaceChildren(h("option", { value: "" }, `component ${i + 1}`),
        ...names.map((name) => h("option", { value: name }, name)));
    });
    if (app.state) set(app.state.settings);
  };
  const set = ({ data, plane }) => {
    row.hidden = app.welcome.choices.of_the_plane.includes(data) || names.length <= 2;
    fields.forEach((field, i) => { field.value = plane[i] ?? ""; });
  };
  return { row, set, show };
}
