// What a recording is of, in words, and how to get the playground itself.

import { counted, h, shown } from "./dom.js";

export function aboutRecording(app) {
  const what = h("span", {});
  const tell = () => {
    if (app.examples && app.network && app.state) what.textContent = trainingInWords(app);
  };
  for (const kind of ["examples", "network", "state"]) app.on(kind, tell);
  return h("footer", { class: "about" },
    h("p", {}, h("strong", {}, "This page is a recording. "), what),
    h("p", {}, "To train networks of your own, install the Python package plainnet with its extra ",
      h("code", {}, "playground"), ", and run ", h("code", {}, "plainnet playground"), "."));
}

// "Spirals: 225 examples for training ... A network of 2-8-8-3 units (tanh), trained with Adam ..."
function trainingInWords({ welcome: { choices }, examples, network, state }) {
  const { settings, step } = state;
  const { names, classes, targets, n_train: nTrain } = examples;
  const nTest = targets.length - nTrain;
  const data = `${choices.data[settings.data] ?? "Examples"}: `
    + `${counted(nTrain, "example")} for training${nTest ? ` and ${nTest} for testing` : ""}${classes.length
      ? `, in ${classes.length} classes` : ""}.`;
  const units = [names.length, ...network.columns.map((column) => column.units)].join("-");
  const activations = settings.layers.map(({ activation }) => choices.activation[activation]);
  const through = activations.length ? ` (${[...new Set(activations)].join(", ")})` : "";
  const how = `${choices.optimizer[settings.optimizer]}, learning rate ${
    shown(settings.learning_rate)}, batches of ${settings.batch_size}, ${counted(step, "step")}`;
  return `${data} Network: ${units} units${through}. Training: ${how}.`;
}
