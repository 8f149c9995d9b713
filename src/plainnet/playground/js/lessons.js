// Lessons: tasks with hints and a goal, which Python checks at each frame of the last step.

import { allowedInWords, keptByLesson } from "./allowed.js";
import { counted, h, percent, shown } from "./dom.js";

export function lessonsPanel(app) {
  const list = h("ul", { class: "lesson-list", "aria-label": "Lessons" });
  const card = h("article", { class: "lesson-card", hidden: true });
  const solved = new Set();
  let current = null;

  app.on("welcome", () => app.send("lessons"));

  const intro = h("small", {});
  app.on("lessons", ({ lessons }) => {
    intro.textContent = lessons.length
      ? "Each sets the playground up anew, and says when it is solved."
      : "There are none here: this page shows your own network.";
    list.replaceChildren(...lessons.map(({ name, title }) => h("li", {},
      h("button", { type: "button", "data-lesson": name,
                    onclick: () => app.send("lesson", { name }) }, title))));
    mark();
  });

  // The lesson that is open, and those that were solved since the page was opened.
  function mark() {
    for (const button of list.querySelectorAll("button")) {
      const name = button.dataset.lesson;
      button.setAttribute("aria-pressed", name === current?.name);
      button.classList.toggle("is-solved", solved.has(name));
      const title = button.textContent.replace(/ \(solved\)$/, "");
      button.textContent = solved.has(name) ? `${title} (solved)` : title;
    }
  }

  app.on("lesson", (lesson) => {
    current = lesson.name ? new Card(app, lesson) : null;
    card.hidden = !current;
    card.replaceChildren(...(current ? current.parts : []));
    mark();
    if (app.state) app.emit("state", app.state); // so that each part sees what the lesson keeps
  });

  app.on("goal", (goal) => {
    if (goal.name !== current?.name) return;
    current.goal.update(goal.conditions);
    if (!goal.done || solved.has(goal.name)) return;
    solved.add(goal.name);
    mark();
  });

  app.on("select", () => restWeights(app));
  app.on("state", () => restWeights(app));

  const element = h("section", { class: "lessons" },
    h("div", {},
      h("h2", {}, "Tasks"),
      h("p", {}, intro),
      list),
    h("div", { class: "lesson-body" }, card));
  app.on("show task", () => {
    element.dispatchEvent(new Event("show"));
    const heading = card.querySelector("h2");
    heading?.focus({ preventScroll: true });
    heading?.scrollIntoView({ block: "center" });
  });
  return element;
}

// Fields of weights are read only while the lesson keeps them.
function restWeights(app) {
  const why = keptByLesson(app, "weights");
  for (const field of app.root.querySelectorAll(".net-table input")) {
    if (field.disabled === Boolean(why)) continue;
    field.disabled = Boolean(why);
    field.title = why;
  }
}

// The lesson that is open, under the bar at the top: its goal, and how much of that is met.
export function lessonStrip(app) {
  const title = h("strong", { class: "lesson-title" });
  const goal = new Goal();
  const said = h("p", { class: "lesson-said", role: "status" });
  const strip = h("section", { class: "lesson-strip", "aria-label": "Lesson", hidden: true },
    title, goal.element, said,
    h("div", { class: "row" },
      h("button", { type: "button", class: "lesson-task",
                    onclick: () => app.emit("show task", true) }, "Show the task"),
      leaveButton(app)));
  app.on("lesson", (lesson) => {
    strip.hidden = !lesson.name;
    title.textContent = lesson.title ?? "";
    said.textContent = "";
    goal.update(lesson.conditions ?? []);
  });
  app.on("goal", ({ name, conditions, done, solved_at: step }) => {
    if (name !== app.lesson?.name) return;
    goal.update(conditions);
    if (done && !said.textContent) said.textContent = `Solved after ${counted(step, "step")}.`;
  });
  return strip;
}

function leaveButton(app) {
  return h("button", {
    type: "button", title: "Keep the network as it is, and change what you like",
    onclick: () => app.send("lesson", { name: "" }),
  }, "Leave the lesson");
}

// What a lesson says.
class Card {
  constructor(app, { name, title, paragraphs, hints, allowed, conditions }) {
    this.name = name;
    this.goal = new Goal();
    const given = h("ol", { class: "lesson-hints" });
    const more = h("button", { type: "button", onclick: () => {
      given.append(h("li", {}, hints[given.children.length]));
      more.textContent = nextHint();
      more.disabled = given.children.length === hints.length;
    } });
    const nextHint = () => {
      const next = Math.min(given.children.length + 1, hints.length);
      return `Hint ${next} of ${hints.length}`;
    };
    more.textContent = nextHint();
    const again = h("button", { type: "button", onclick: () => app.send("lesson", { name }) },
      "Begin again");
    this.parts = [
      h("h2", { tabindex: -1 }, title),
      ...paragraphs.map((text) => h("p", {}, text)),
      h("h3", {}, "Goal"),
      this.goal.element,
      h("p", { class: "lesson-allowed" }, allowedInWords(allowed)),
      given,
      h("div", { class: "row" }, hints.length ? more : null, again, leaveButton(app)),
    ];
    this.goal.update(conditions);
  }
}

// All digits of whole numbers, such as steps.
function wholeOr(value) {
  return Number.isInteger(value) ? value.toLocaleString("en") : shown(value);
}

// A list of conditions, and which of them are met.
class Goal {
  constructor() {
    this.element = h("ul", { class: "lesson-goal" });
    this.update([]);
  }

  update(conditions) {
    const texts = conditions.map(({ text }) => text).join("\n");
    if (texts !== this.texts) {
      this.texts = texts;
      this.rows = conditions.map(({ text }) => {
        const sign = h("span", { class: "lesson-sign", role: "img" });
        const value = h("span", { class: "lesson-value" });
        return { sign, value, row: h("li", {}, sign, h("span", {}, text), value) };
      });
      this.element.replaceChildren(...this.rows.map(({ row }) => row));
    }
    conditions.forEach(({ met, values, kinds }, i) => {
      const { sign, value, row } = this.rows[i];
      row.classList.toggle("is-met", met);
      sign.textContent = met ? "✓" : "○";
      sign.setAttribute("aria-label", met ? "met:" : "not met yet:");
      const words = { flag: () => null, share: percent, number: wholeOr };
      const now = values.map((each, j) => words[kinds[j]](each)).filter((each) => each !== null);
      value.textContent = now.length ? `now ${now.join(", ")}` : "";
    });
  }
}
