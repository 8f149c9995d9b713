// The network's settings above the diagram, and the legend below it.

import { keptByLesson } from "./allowed.js";
import { h, select } from "./dom.js";
import { nextSeed } from "./fields.js";
import { layerCount, netAllow } from "./network-structure.js";
import { isTooLarge } from "./network-words.js";

const NET_AS_GIVEN = { "": "As given" };

// Initialization, loss, seed, and how many layers.
export function networkSettings(app, structure) {
  const start = select("Initialization", {}, (initialization) => app.change({ initialization }));
  const loss = select("Loss", {}, (value) => app.change({ loss: value }));
  const seed = h("input", {
    type: "number", min: 0, step: 1, "aria-label": "Seed of the weights",
    onchange: () => app.change({ network_seed: Number(seed.value) }),
  });
  const anew = h("button", {
    type: "button", title: "Draw other first weights",
    onclick: () => {
      const { limits } = app.welcome.choices;
      app.change({ network_seed: nextSeed(app.state.settings.network_seed, limits.network_seed) });
    },
  }, "New weights");
  const offer = ({ field }, options) => field.replaceChildren(
    ...Object.entries(options).map(([value, text]) => h("option", { value }, text)));
  const update = () => {
    if (!app.state || !app.examples) return;
    const { choices } = app.welcome, { state } = app, { settings } = state;
    const suitable = app.examples.classes.length ? choices.of_classes : choices.of_numbers;
    const isGiven = Boolean(state.fixed?.layers); // then the settings do not say what they are
    offer(start, isGiven ? NET_AS_GIVEN : choices.initialization);
    offer(loss, isGiven ? NET_AS_GIVEN
      : Object.fromEntries(suitable.map((name) => [name, choices.loss[name]])));
    start.field.value = isGiven ? "" : settings.initialization;
    loss.field.value = isGiven ? "" : settings.loss;
    if (document.activeElement !== seed) seed.value = settings.network_seed;
    if (structure.pending) return;
    seed.max = choices.limits.network_seed.most;
    const allow = (controls, name, isOpen) => {
      const why = isOpen ? keptByLesson(app, name) : structure.whyClosed;
      netAllow(controls, !why, why);
    };
    allow([start.field], "initialization", structure.isOpen);
    allow([seed, anew], "network_seed", structure.isOpen);
    allow([loss.field], "loss", !isGiven);
  };
  app.on("state", update);
  app.on("refused", update);
  return h("div", { class: "net-settings" }, layerCount(app, structure), start.row, loss.row,
    h("div", { class: "field" }, h("span", { class: "net-label" }, "Seed"),
      h("div", { class: "row net-seed" }, seed, anew)));
}

// `choose` is called with the vector whose numbers the lines and dots show.
export function networkLegend(app, choose) {
  const line = (kind, text) => h("span", {}, h("i", { class: kind, "aria-hidden": "true" }), text);
  const lines = select("Lines", { parameters: "Weights", gradients: "Gradients" }, choose,
    { title: "Gradients are those of the last step's batch" });
  const without = h("span", { hidden: true });
  app.on("network", ({ columns, most_tiles: most }) => {
    without.hidden = !columns.some(isTooLarge);
    without.textContent = `no pictures in layers of more than ${most} units`;
  });
  const legend = h("p", { class: "net-legend" }, line("net-line", "above zero"),
    line("net-line net-negative", "below zero"), h("span", {}, "thicker: larger"),
    line("net-dot", "bias"), h("span", {},
      "picture: a unit’s output over the plane, each on its own scale (point at it)"), without);
  return h("div", { class: "net-legend-row" }, app.isRecording ? null : lines.row, legend);
}
