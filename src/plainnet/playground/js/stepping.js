// One example step by step: which one, whose numbers these are, and the walk itself.

import { counted, h, newId } from "./dom.js";
import { Walk } from "./step-walk.js";

const STEP_INTRODUCTION = "Follow one example through the network: every number forward to the "
  + "loss, every gradient back, and the update. Click a number to see where it was made.";

export function steppingPanel(app) {
  const walk = new Walk(app);
  const said = h("p", { class: "step-said" }, STEP_INTRODUCTION);
  const stale = h("span", {});
  const again = h("div", { class: "row step-stale", hidden: true, role: "status" },
    stale, h("button", { type: "button", onclick: () => explain(asked) }, "Trace again"));
  const notes = h("ul", { class: "step-notes" });
  const chooser = stepChooser(app, (which) => explain(which));
  const label = "One example, step by step";
  const panel = h("section", { class: "panel step-panel", "aria-label": label },
    chooser.element, said, again, notes, walk.element);
  let asked = null; // {row} or {point}
  let content = null; // the last trace, while its training lasts

  function explain(which) {
    asked = which;
    app.send("explain", which);
  }

  function reset(text) {
    content = null;
    said.textContent = text;
    notes.replaceChildren();
    walk.close();
    checkAge();
  }

  // Whether the page shows another network by now: another step, or one changed by hand.
  function checkAge() {
    const shown = app.frame?.step;
    const moved = content != null && shown != null && shown !== content.step;
    const edited = content != null
      && JSON.stringify(app.state?.changes ?? []) !== JSON.stringify(content.changes);
    again.hidden = !moved && !edited;
    if (again.hidden) return;
    stale.textContent = moved
      ? `These are the numbers of step ${content.step}; the page shows step ${shown}.`
      : `These are the numbers of step ${content.step} before the change by hand.`;
  }

  app.on("steps", (answer) => {
    const goesOn = content != null;
    content = answer;
    said.textContent = tracedSentence(answer);
    notes.replaceChildren(...answer.notes.map((note) => h("li", {}, note)));
    if (answer.row != null) chooser.row(answer.row);
    walk.open(answer.steps, goesOn);
    checkAge();
  });
  app.on("network", () => {
    if (content) reset("The network is another one now. Trace an example of it.");
  });
  app.on("state", checkAge);
  app.on("frame", checkAge);
  app.on("select", (selection) => {
    if (selection?.kind !== "example" || selection.row == null) return;
    chooser.row(selection.row);
    const isSeen = panel.checkVisibility?.() ?? panel.offsetParent !== null;
    if (isSeen) explain({ row: selection.row });
  });
  return panel;
}

// What is traced, in a sentence or two.
function tracedSentence(traced) {
  const { step, row, inputs, inputs_left: left, target, predicted, loss } = traced;
  const kind = traced.is_test ? "test" : "training";
  const which = row == null ? "A point of the plane" : `Example ${row} (${kind})`;
  const when = step ? `after ${counted(step, "step")} of training` : "before training";
  const values = inputs.map(({ name, text }) => `${name} = ${text}`);
  if (left) values.push(`and ${left} more inputs`);
  const outcome = [`predicted ${predicted}`];
  if (target != null) outcome.unshift(`target ${target}`);
  if (loss != null) outcome.push(`loss ${loss}`);
  return `${which}, ${when}: ${values.join(", ")}; ${outcome.join(", ")}.`;
}

// The row of an example, its neighbours, or a point of the plane.
function stepChooser(app, choose) {
  const id = newId("row");
  const row = h("input", { id, type: "number", min: 0, value: 0, step: 1, required: true });
  const move = (by) => {
    const last = Number(row.max || 0);
    row.value = Math.min(Math.max((Math.trunc(Number(row.value)) || 0) + by, 0), last);
    choose({ row: Number(row.value) });
  };
  const button = (text, label, onclick) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  const submit = (event) => {
    event.preventDefault();
    move(0);
  };
  const form = h("form", { class: "row", onsubmit: submit },
    h("label", { for: id }, "Example"), row,
    h("button", { type: "submit", class: "primary" }, "Trace"),
    button("‹", "The example before", () => move(-1)),
    button("›", "The next example", () => move(1)));

  const coordinates = [0, 1].map(() => h("input", {
    id: newId("coordinate"), type: "number", step: "any", value: 0, required: true,
  }));
  const labels = coordinates.map((field) => h("label", { for: field.id }));
  const ofPoint = h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      choose({ point: coordinates.map((field) => Number(field.value)) });
    },
  }, labels[0], coordinates[0], labels[1], coordinates[1],
  h("button", { type: "submit" }, "Trace the point"));
  const point = h("details", {}, h("summary", {}, "A point of the plane"), ofPoint);

  app.on("examples", ({ points, labels: axes }) => {
    row.max = points.length / 2 - 1;
    row.title = `0 to ${row.max}`;
    if (Number(row.value) > Number(row.max)) row.value = 0;
    labels.forEach((label, i) => { label.textContent = axes[i] || `axis ${i + 1}`; });
  });
  app.on("select", (selection) => {
    if (selection?.kind !== "point" || selection.point?.length !== 2) return;
    coordinates.forEach((field, i) => { field.value = Number(selection.point[i].toPrecision(4)); });
    point.open = true;
  });
  return {
    element: h("div", { class: "step-chooser" }, form, point),
    row: (value) => { row.value = value; },
  };
}
