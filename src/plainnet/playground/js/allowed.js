// What a lesson lets a learner change; the other controls rest while it is open, and say so.

import { h } from "./dom.js";

const SETTINGS_IN_WORDS = {
  data: "the examples", classes: "the number of classes", points: "the number of points",
  noise: "the noise", test_share: "the test share", data_seed: "the sample", drawn: "the points",
  drawn_target: "whether they have classes or numbers",
  target: "the column to predict", features: "the inputs", plane: "the plane that is shown",
  layers: "the layers", initialization: "the initialization", loss: "the loss",
  network_seed: "the seed of the weights", optimizer: "the optimizer",
  learning_rate: "the learning rate", schedule: "the schedule", batch_size: "the batch size",
  epochs: "the epoch limit", l1: "the L1 penalty", l2: "the L2 penalty",
  clip_norm: "the clip norm", weights: "weights and biases, by hand",
};
const KEPT = "The lesson keeps this as it is";

// Why the lesson that is open does not let this setting be changed, or "".
export function keptByLesson(app, name) {
  const allowed = app.lesson?.allowed;
  return allowed && !allowed.includes(name) ? KEPT : "";
}

export function allowedInWords(allowed) {
  if (!allowed) return "You may change everything.";
  if (!allowed.length) return "Nothing is to be changed: train, and look.";
  const words = allowed.map((name) => SETTINGS_IN_WORDS[name] ?? name);
  const last = words.pop();
  return `You may change ${words.length ? `${words.join(", ")} and ` : ""}${last}.`;
}

// Disables the controls in rows, [name of a setting, element], while a lesson keeps them, and
// gives a note that says so.
export function restingRows(app, rowsOf) {
  const note = h("p", { class: "kept", hidden: true }, h("small", {},
    "What is grey stays as the lesson gives it."));
  const update = () => {
    let isAny = false;
    for (const [name, row] of rowsOf()) {
      const why = keptByLesson(app, name);
      isAny ||= Boolean(why);
      row.title = why;
      row.classList.toggle("is-kept", Boolean(why));
      for (const field of row.querySelectorAll("input, select, button")) {
        field.disabled = Boolean(why);
      }
    }
    note.hidden = !isAny;
  };
  app.on("lesson", update);
  app.on("state", update);
  return note;
}
