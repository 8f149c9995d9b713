// Lessons: tasks with hints and a goal, which Python checks at each frame of the last step.

import { h, shown } from "./dom.js";

export function lessonsPanel(app) {
  const list = h("ul", { class: "lesson-list", "aria-label": "Lessons" });
  const card = h("article", { class: "lesson-card", hidden: true });
  const said = h("p", { class: "lesson-said", role: "status" });
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
    said.textContent = "";
    mark();
  });

  app.on("goal", (goal) => {
    if (goal.name !== current?.name) return;
    current.update(goal.conditions);
    if (!goal.done || said.textContent) return;
    said.textContent = `Solved after ${goal.solved_at} steps.`;
    solved.add(goal.name);
    mark();
  });

  return h("section", { class: "lessons" },
    h("div", {},
      h("h2", {}, "Tasks"),
      h("p", {}, intro),
      list),
    h("div", { class: "lesson-body" }, card, said));
}

// What a lesson says, and how much of its goal is met.
class Card {
  constructor(app, { name, title, paragraphs, hints, conditions }) {
    this.name = name;
    this.goal = h("ul", { class: "lesson-goal" });
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
    const close = h("button", { type: "button", onclick: () => app.send("lesson", { name: "" }) },
      "Close");
    this.parts = [
      h("h2", {}, title),
      ...paragraphs.map((text) => h("p", {}, text)),
      h("h3", {}, "Goal"),
      this.goal,
      given,
      h("div", { class: "row" }, hints.length ? more : null, again, close),
    ];
    this.update(conditions);
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
      this.goal.replaceChildren(...this.rows.map(({ row }) => row));
    }
    conditions.forEach(({ met, values }, i) => {
      const { sign, value, row } = this.rows[i];
      row.classList.toggle("is-met", met);
      sign.textContent = met ? "✓" : "○";
      sign.setAttribute("aria-label", met ? "met:" : "not met yet:");
      const now = values.map((each) => shown(each)).join(", ");
      value.textContent = now && `now ${now}`;
    });
  }
}
