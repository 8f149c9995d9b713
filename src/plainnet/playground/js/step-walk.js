// The walk through a traced example: a strip of its steps, one step in full, and one number's line.

import { h } from "./dom.js";
import { numberTable, sameIndex } from "./step-numbers.js";
import { LineView, mathOf } from "./step-line.js";

const STEP_DIRECTIONS = { forward: "Forward", backward: "Backward", update: "Update" };

export class Walk {
  constructor(app) {
    this.app = app;
    this.steps = [];
    this.at = 0; // the step that is shown
    this.line = null; // the line that is shown
    this.past = []; // where one was before each jump
    this.asked = []; // what is done with the answers that have not come
    this.windows = new Map(); // by array, the part of it that is shown
    this.strip = h("div", { class: "step-strip", role: "toolbar", "aria-label": "Steps" });
    this.where = h("span", { class: "step-where", role: "status" });
    this.before = h("button", { type: "button", onclick: () => this.go(this.at - 1) },
      "← Step back");
    this.after = h("button", { type: "button", onclick: () => this.go(this.at + 1) },
      "Next step →");
    this.view = h("div", { class: "step-view" });
    this.lineView = new LineView({
      follow: (array, index) => this.follow(array, index),
      back: () => this.back(),
    });
    this.element = h("div", { class: "step-walk", hidden: true, onkeydown: (e) => this.key(e) },
      this.strip, h("div", { class: "row step-moves" }, this.before, this.after, this.where),
      this.view, this.lineView.element);
    app.on("line", (line) => this.answered(line));
    app.on("refused", ({ what }) => { if (what === "line") this.asked.shift(); });
  }

  // Show a trace: at the number that is shown, if there was one, or else from the start.
  open(steps, goesOn) {
    const before = this.steps[this.at];
    const { line } = this;
    const same = steps.findIndex(({ layer, direction }) =>
      layer === before?.layer && direction === before?.direction);
    this.steps = steps;
    this.windows.clear();
    this.element.hidden = false;
    this.drawStrip();
    const stays = goesOn && same >= 0 && line;
    if (!stays) this.past = [];
    this.line = null;
    this.asked.forEach((request) => { request.isOld = true; });
    if (stays) this.show(same, line);
    else this.go(0);
  }

  close() {
    this.element.hidden = true;
    this.steps = [];
    this.line = null;
    this.asked.forEach((request) => { request.isOld = true; });
  }

  // --- moving ---------------------------------------------------------------------------------

  // To a step, at the first number that it makes.
  go(step) {
    if (step < 0 || step >= this.steps.length) return;
    const { makes, reads } = this.steps[step];
    const first = makes[0] ?? reads[0];
    this.show(step, first && { array: first.array, index: first.shape.map(() => 0) });
  }

  // To a step and a number's line.
  show(step, place) {
    this.at = step;
    this.line = null;
    this.draw();
    if (place) this.ask(place.array, place.index, {});
  }

  // To where a number was made, or used.
  follow(array, index) {
    if (this.line) {
      this.past.push({ step: this.at, array: this.line.array, index: this.line.index });
    }
    this.ask(array, index, { jumps: true });
  }

  back() {
    const place = this.past.pop();
    if (!place) return;
    this.at = place.step;
    this.line = null;
    this.draw();
    this.ask(place.array, place.index, { focuses: true });
  }

  ask(array, index, request) {
    this.asked.push(request);
    this.app.send("line", { array, index });
  }

  answered(line) {
    const request = this.asked.shift();
    if (!request || request.isOld || !this.steps.length) return;
    for (const table of line.tables) this.windows.set(table.array, table);
    if (request.pages) {
      this.draw();
      this.element.querySelector(`[data-array="${request.pages}"] [tabindex="0"]`)?.focus();
      return;
    }
    if (this.asked.length) return; // one is somewhere else already
    this.line = line;
    const { reads, makes } = this.steps[this.at];
    const isHere = [...reads, ...makes].some(({ array }) => array === line.array);
    if (request.jumps && line.step != null && (line.formula || !isHere)) this.at = line.step;
    this.draw();
    if (request.jumps || request.focuses) {
      const cell = this.view.querySelector("[aria-pressed=true]");
      (cell ?? this.strip.querySelector("[aria-current]")).focus({ preventScroll: true });
      cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (request.jumps && line.selection) this.app.select(line.selection);
  }

  key(event) {
    const { key, target } = event;
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = {
      ArrowRight: this.at + 1, ArrowLeft: this.at - 1, Home: 0, End: this.steps.length - 1,
    }[key];
    if (step === undefined) return;
    event.preventDefault();
    const stays = this.before.parentNode.contains(target); // all else is drawn anew
    this.go(step);
    if (!stays) this.strip.querySelector("[aria-current]")?.focus();
  }

  // --- drawing --------------------------------------------------------------------------------

  drawStrip() {
    this.buttons = this.steps.map(({ layer, direction }, i) => h("button", {
      type: "button", class: `step-${direction}`, onclick: () => this.go(i),
    }, layer.replace(/^update\./, "")));
    const groups = Object.entries(STEP_DIRECTIONS).map(([direction, title]) => {
      const own = this.buttons.filter((_, i) => this.steps[i].direction === direction);
      if (!own.length) return null;
      return h("div", { class: "step-group", role: "group", "aria-label": title },
        h("span", { class: "step-title", "aria-hidden": "true" }, title), own);
    });
    this.strip.replaceChildren(...groups.filter(Boolean));
  }

  draw() {
    const { steps, at, line } = this;
    this.buttons.forEach((button, i) => {
      button.tabIndex = i === at ? 0 : -1;
      if (i === at) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    this.before.setAttribute("aria-disabled", at === 0);
    this.after.setAttribute("aria-disabled", at === steps.length - 1);
    const { layer, direction } = steps[at];
    const what = direction === "update" ? "" : `, ${direction}`;
    this.where.textContent = `Step ${at + 1} of ${steps.length}: ${layer}${what}`;
    this.view.replaceChildren(...this.stepParts(steps[at], line));
    this.lineView.draw(line, this.past.length > 0);
  }

  stepParts({ layer, subject, formulas, notes, reads, makes }, line) {
    const given = reads.map((table) => this.tableOf(table, line));
    const made = makes.map((table) => h("li", {},
      formulas.filter(({ result }) => result === table.name).map(formulaOf),
      this.tableOf(table, line)));
    return [
      h("h3", { class: "step-name" }, layer, " ", h("code", {}, subject)),
      ...notes.map((note) => h("p", {}, h("small", {}, note))),
      ...(given.length ? [h("h3", {}, "Reads"), h("div", { class: "step-row" }, given)] : []),
      ...(made.length ? [h("h3", {}, "Makes"), h("ul", { class: "step-row" }, made)] : []),
    ];
  }

  tableOf(table, line) {
    const window = this.windows.get(table.array) ?? table;
    const isLine = line && (table.array === line.array
      || (table.is === line.array && String(table.shape) === String(line.tables[0].shape)));
    const read = (line?.pieces.slice(1) ?? []).filter(({ array }) => array === table.array);
    return numberTable({ ...window, is: table.is }, {
      chosen: isLine ? line.index : null,
      isRead: (index) => read.some((piece) => sameIndex(piece.index, index)),
      click: (index) => this.follow(table.array, index),
      page: (index) => this.ask(table.array, index, { pages: table.array }),
    });
  }
}

function formulaOf({ plain, mathml }) {
  return h("div", { class: "step-formula" }, mathml ? mathOf(mathml) : null, h("code", {}, plain));
}
