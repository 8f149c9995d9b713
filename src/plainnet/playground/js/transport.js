// Play, pause, one step, one epoch, and back and forth in time.

import { h, select } from "./dom.js";
import { numberField } from "./fields.js";
import { timeline } from "./timeline.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100]; // steps between two frames
const SLOW = 250; // ms that a frame of a single step stays
const TO_READ = 8000; // ms that the status line says why something stays as it is
const TYPED_IN = "button, input, select, textarea, a[href], summary, [contenteditable], "
  + '[role="button"], [role="tab"]';

export function isPlaying(app) {
  return ["playing", "replaying"].includes(app.state?.status);
}

// On a page of its own, Space plays also while nothing at all has the focus.
export function spacePlays(app) {
  document.addEventListener("keydown", (event) => {
    if (event.target === document.body) app.onKey(event);
  });
}

// On narrow pages only the buttons, where one is, and `beneath` stay in view.
export function transportBar(app, beneath = null) {
  const button = (text, onclick, attributes) =>
    h("button", { type: "button", onclick, ...attributes }, text);
  const toggle = () => app.send(isPlaying(app) ? "pause" : "play");
  const play = button("Play", toggle, { class: "primary play" });
  const step = button("Step", () => app.send("advance", { steps: 1 }), { title: "Train one step" });
  const epoch = button("Epoch", () => app.send("advance", { epochs: 1 }),
    { title: "Train one epoch" });
  const train = h("button", { type: "submit" }, "Train");
  const status = h("div", { class: "status", role: "status" });
  const place = h("div", { class: "place" }); // not announced: it changes with every frame
  const time = timeline(app);
  app.root.tabIndex = -1; // so that Space plays after a click anywhere
  app.onKey = (event) => {
    if (event.key !== " " || event.defaultPrevented || event.target.closest(TYPED_IN)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!play.disabled) toggle();
  };
  app.root.addEventListener("keydown", app.onKey);

  let later, words = "";
  const tell = (text) => {
    if (status.textContent !== text) status.textContent = status.title = text;
  };
  app.on("state", (state) => {
    play.textContent = isPlaying(app) ? "Pause" : "Play";
    const ended = app.isRecording ? "" : endInWords(state, app.welcome.choices.limits.step.most);
    for (const each of [play, step, epoch, train]) each.disabled = Boolean(ended);
    words = ended || statusInWords(state, app.isRecording);
    tell(words);
    status.classList.toggle("bad", Boolean(state.failed));
  });
  app.on("left alone", (why) => {
    tell(why);
    clearTimeout(later);
    later = setTimeout(() => tell(words), TO_READ);
  });
  app.on("frame", (frame) => {
    place.textContent = `Epoch ${frame.epoch}, step ${frame.step}`;
  });
  return h("header", { class: "transport" },
    h("div", { class: "transport-main" },
      h("div", { class: "row" },
        button("Start over", () => app.send("begin"), { title: "Back to the first weights" }), play,
        app.isRecording ? null : [step, epoch]),
      h("div", { class: "told" }, place, status), beneath),
    h("div", { class: "transport-more" },
      app.isRecording ? null : epochsField(app, train), time, speedField(app)));
}

// "Train 10 epochs", with the number a field.
function epochsField(app, train) {
  const row = h("form", { class: "row epochs" });
  app.on("welcome", ({ choices }) => {
    let epochs = 10;
    const number = numberField("Epochs", choices.limits.epochs, (value) => { epochs = value; });
    number.set(epochs);
    row.replaceChildren(number.row, train);
    row.onsubmit = (event) => {
      event.preventDefault();
      if (number.isRight() && !train.disabled) app.send("advance", { epochs });
    };
  });
  return row;
}

function speedField(app) {
  const { field, row } = select("Steps per frame", {}, (value) => {
    app.pace = value === "slow" ? SLOW : 0;
    app.send("speed", { steps: value === "slow" ? 1 : Number(value) });
  });
  field.append(h("option", { value: "slow" }, "1, slowly"),
    ...SPEEDS.map((steps) => h("option", { value: steps }, steps)));
  let known = 10;
  app.on("state", ({ speed }) => {
    if (speed === known) return; // perhaps of before the choice that is under way
    known = speed;
    if (speed !== 1) app.pace = 0;
    field.value = app.pace ? "slow" : String(speed);
  });
  field.value = String(known);
  row.classList.add("speed");
  return row;
}

// Why training cannot go on from the step that is shown, and what helps; or "".
function endInWords({ step, shown: now, failed, status }, most) {
  if (failed && now >= step) {
    return `Diverged at step ${step}: start over or go back in time, with a smaller learning rate`;
  }
  if (now >= most && status === "paused") {
    return `Step ${most.toLocaleString("en")} is the last: start over, or go back in time`;
  }
  return "";
}

function statusInWords({ status, step, shown: now, failed }, isRecording) {
  if (status === "playing") return "Playing";
  if (status === "replaying") return "Replaying the steps up to here";
  if (isRecording) return `Recorded up to step ${step}${failed ? ", where it diverged" : ""}`;
  if (now < step) {
    const diverged = failed ? ", where it diverged" : "";
    return `Step ${now} of ${step}${diverged}; training from here drops the rest`;
  }
  return step ? "Paused" : "Ready: press Play";
}
