// How the network learns. All of it takes effect at once, also during training.

import { restingRows } from "./allowed.js";
import { h, select, shown } from "./dom.js";
import { numberField } from "./fields.js";

const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const LEARNING_WORDS = {
  optimizer: "Optimizer", learning_rate: "Learning rate", schedule: "Schedule",
  batch_size: "Batch size", epochs: "Epoch limit", clip_norm: "Clip norm",
  l1: "L1 penalty", l2: "L2 penalty",
};
const LEARNING_TITLES = {
  batch_size: "How many training examples a step looks at",
  epochs: "Play pauses after so many epochs",
  clip_norm: "Gradients of a larger norm are scaled down to this one; 0 turns it off",
  l1: "How much the sizes of the weights count; 0 turns it off",
  l2: "How much the squares of the weights count; 0 turns it off",
};
const MOST_TOLD = 6;

export function learningPanel(app) {
  const fields = h("div", { class: "fields" });
  const made = h("div", { class: "made" });
  let setters = [];
  let rows = []; // with the setting of each
  app.on("welcome", ({ choices }) => {
    const change = (name) => (value) => app.change({ [name]: value });
    const choice = (name) => {
      const { field, row } = select(LEARNING_WORDS[name], choices[name], change(name));
      return { row, set: (value) => { field.value = value; } };
    };
    const number = (name) => numberField(LEARNING_WORDS[name], choices.limits[name], change(name),
      { title: LEARNING_TITLES[name] });
    const all = {
      optimizer: choice("optimizer"),
      usual: usualRates(change("learning_rate")), learning_rate: number("learning_rate"),
      schedule: choice("schedule"), epochs: number("epochs"),
      batch_size: number("batch_size"), clip_norm: number("clip_norm"),
      l1: number("l1"), l2: number("l2"),
    };
    all.learning_rate.row.firstChild.textContent = "Exact rate";
    setters = Object.entries(all);
    fields.replaceChildren(...setters.map(([, { row }]) => row));
    rows = setters.map(([name, { row }]) => [settingOf(name), row]);
  });
  app.on("state", ({ settings, changes }) => {
    for (const [name, { set }] of setters) set(settings[settingOf(name)]);
    made.replaceChildren(...changesInWords(changes, app.welcome.choices));
  });
  const kept = restingRows(app, () => rows);
  return h("section", { class: "panel learning" }, h("h2", {}, "Learning"), kept, fields,
    made);
}

function settingOf(name) {
  return name === "usual" ? "learning_rate" : name;
}

// A <select> of usual learning rates; another rate is one of its options while it is set.
function usualRates(send) {
  const options = Object.fromEntries(RATES.map((rate) => [String(rate), shown(rate)]));
  const { field, row } = select("Learning rate", {}, (value) => send(Number(value)));
  const other = h("option", { hidden: true });
  const byRate = RATES.map((rate) => h("option", { value: rate }, options[rate]));
  field.append(...byRate, other);
  const set = (rate) => {
    other.hidden = RATES.includes(rate);
    if (!other.hidden) {
      other.value = String(rate);
      other.textContent = shown(rate);
    }
    field.value = String(rate);
  };
  return { row, set };
}

// The last changes by hand, such as "Step 120: learning rate 0.03".
function changesInWords(changes, choices) {
  if (!changes.length) return [];
  const items = changes.slice(-MOST_TOLD).map((change) =>
    h("li", {}, `Step ${change.step}: ${changeInWords(change, choices)}`));
  const left = changes.length - items.length;
  return [h("h3", {}, "Changed by hand"), h("ul", {}, items),
    left ? h("small", {}, `and ${left} before`) : null].filter(Boolean);
}

function changeInWords({ settings, edit, move, remove }, choices) {
  if (edit) return `${edit[0]}[${edit[1].join(", ")}] = ${shown(edit[2])}`;
  if (move) return `unit ${move[1]} of ${move[0]} moved to place ${move[2]}`;
  if (remove) return `unit ${remove[1]} of ${remove[0]} removed`;
  return Object.entries(settings).map(([name, value]) => {
    const text = typeof value === "number" ? shown(value) : choices[name]?.[value] ?? value;
    return `${LEARNING_WORDS[name].toLowerCase()} ${text}`;
  }).join(", ");
}
