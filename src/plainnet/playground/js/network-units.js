// The units of the diagram as buttons over the picture: to look at, to move among, to reorder.

import { classRGB, css } from "./colors.js";
import { counted, h, shown } from "./dom.js";
import { hasTensor, inputNames, outputName, unitName } from "./network-words.js";
import { nearestUnit } from "./network-shape.js";

const NET_DRAG = 6; // pixels after which a press is a drag

export class NetUnits {
  // `view` has app, picture, shape, enter(), moveUnit(column, unit, end) and
  // removeUnit(column, unit).
  constructor(view) {
    this.view = view;
    this.columns = []; // of each column of the network: its buttons
    this.at = [0, 0]; // the one that Tab reaches
    this.drag = null;
    this.isDragged = false;
  }

  // Fill the columns' boxes anew; buttons that are still needed stay, and with them the focus.
  take(boxes) {
    const { app, shape } = this.view, { network, examples } = app;
    this.columns.length = Math.min(this.columns.length, network.columns.length);
    this.fillInputs(boxes[0], shape.columns[0]);
    const last = network.columns.length - 1;
    network.columns.forEach((column, c) => {
      const place = shape.columns[c + 1], box = boxes[c + 1];
      const buttons = this.columns[c] ??= [];
      const wanted = place.kind === "count" ? 0 : place.units;
      while (buttons.length > wanted) buttons.pop();
      while (buttons.length < wanted) buttons.push(this.button(c, buttons.length));
      const extra = place.kind === "count" ? [netCountBox(place, column.units)]
        : c === last && place.across === 1 && examples.classes.length
          ? this.labels(place, examples) : [];
      netKeep(box, [...buttons, ...extra]);
      buttons.forEach((button, u) => {
        netLocate(button, place, u);
        button.classList.toggle("net-tiny", place.w < 34);
        button.classList.toggle("net-movable", c < last); // by finger as well
      });
    });
    this.at = this.valid(...this.at);
    this.rove();
  }

  fillInputs(box, place) {
    const names = inputNames(this.view.app);
    if (place.kind === "count") netKeep(box, [netCountBox(place, place.units)]);
    else if (place.kind === "image") netKeep(box, []);
    else {
      netKeep(box, names.map((name, i) => {
        const isNamed = place.kind === "names" && place.h > 9;
        const chip = h("span", { class: "net-input", title: name }, isNamed ? name : null);
        netLocate(chip, place, i);
        chip.style.fontSize = `${Math.min(13, place.h - 1)}px`;
        chip.style.lineHeight = `${place.h - 2}px`;
        return chip;
      }));
    }
  }

  labels(place, examples) {
    const { app } = this.view;
    return Array.from({ length: place.units }, (_, unit) => {
      const name = outputName(app, unit);
      const label = h("span", { class: "net-class", title: name }, name);
      label.style.borderColor = css(classRGB(unit));
      label.style.left = `${place.X[unit] + place.w + 6 - place.left}px`;
      label.style.top = `${place.Y[unit]}px`;
      label.style.lineHeight = `${place.h}px`;
      return label;
    });
  }

  button(column, unit) {
    const button = h("button", {
      type: "button", class: "net-unit", tabindex: -1,
      onclick: () => { if (!this.isDragged) this.choose(column, unit); },
      onkeydown: (event) => this.key(event, column, unit),
      onpointerdown: (event) => this.press(event, column, unit),
      onpointermove: (event) => this.pull(event),
      onpointerup: () => this.drop(),
      onpointercancel: () => this.stop(),
    });
    button.place = [column, unit];
    return button;
  }

  valid(column, unit) {
    const c = Math.min(column, this.columns.length - 1);
    return [c, Math.max(0, Math.min(unit, this.columns[c].length - 1))];
  }

  rove() {
    const chosen = this.columns[this.at[0]]?.[this.at[1]]
      ?? this.columns.find((each) => each.length)?.[0];
    for (const buttons of this.columns) {
      for (const button of buttons) button.tabIndex = button === chosen ? 0 : -1;
    }
  }

  focus(column, unit) {
    this.at = this.valid(column, unit);
    this.rove();
    this.columns[this.at[0]][this.at[1]]?.focus();
  }

  choose(column, unit) {
    const { app } = this.view, now = app.selection;
    this.at = [column, unit];
    this.rove();
    if (now?.kind === "unit" && now.column === column && now.unit === unit) this.view.enter();
    else app.select({ kind: "unit", column, unit });
  }

  key(event, column, unit) {
    const { key, altKey } = event, { columns } = this.view.shape;
    const by = { ArrowUp: -1, ArrowDown: 1 }[key], across = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const removes = key === "Delete" || key === "Backspace";
    if (!by && !across && !removes && key !== "Home" && key !== "End") return;
    event.preventDefault();
    if (removes) {
      this.view.removeUnit(column, unit);
      return;
    }
    if (altKey && by) this.view.moveUnit(column, unit, unit + by);
    else if (by) this.focus(column, unit + by);
    else if (key === "Home") this.focus(column, 0);
    else if (key === "End") this.focus(column, Infinity);
    else {
      const here = columns[column + 1], beside = unit + across * here.rows;
      if (beside >= 0 && beside < here.units) this.focus(column, beside);
      else {
        const next = column + across;
        if (!this.columns[next]?.length) return;
        const x = across > 0 ? -Infinity : Infinity;
        const edge = columns[next + 1];
        const side = Math.min(Math.max(x, edge.left), edge.left + edge.width);
        this.focus(next, nearestUnit(edge, side, here.Y[unit] + here.h / 2));
      }
    }
  }

  // What assistive technology says of a unit, and whether it looks dead.
  describe(frame, isQuiet) {
    const { picture } = this.view;
    this.columns.forEach((buttons, c) => {
      buttons.forEach((button, u) => {
        const isDead = picture.isDead(frame, c, u);
        if (button.isDead !== isDead) {
          button.isDead = isDead;
          button.classList.toggle("net-dead", isDead);
        } else if (!isQuiet && button !== document.activeElement) return;
        const label = this.label(frame, c, u, isDead);
        if (button.label !== label) button.setAttribute("aria-label", button.label = label);
      });
    });
  }

  label(frame, column, unit, isDead) {
    const { app } = this.view, { name } = app.network.columns[column];
    const parts = [unitName(app, column, unit)];
    if (isDead) parts.push("dead: the same for every example");
    if (hasTensor(app.network, `${name}.b`, [unit])) {
      parts.push(`bias ${shown(app.element(`${name}.b`, [unit], frame.parameters), 2)}`);
    }
    const n = column ? app.network.columns[column - 1].units : app.examples.names.length;
    parts.push(counted(n, "input"));
    return parts.join(", ");
  }

  // Mark the unit that is selected.
  mark(selection) {
    this.columns.forEach((buttons, c) => buttons.forEach((button, u) => {
      const isIt = selection?.kind === "unit" && selection.column === c && selection.unit === u;
      button.setAttribute("aria-pressed", isIt);
    }));
  }

  // --- another place by mouse ---

  press(event, column, unit) {
    this.isDragged = false;
    const isHidden = column < this.columns.length - 1 && !this.view.app.isRecording;
    if (event.button !== 0 || !event.isPrimary || !isHidden) return;
    this.drag = { column, unit, x: event.clientX, y: event.clientY, end: unit, ghost: null };
  }

  pull(event) {
    const { drag, view } = this;
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.ghost && Math.hypot(dx, dy) < NET_DRAG) return;
    const place = view.shape.columns[drag.column + 1], { w, h: height } = place;
    const [x, y] = [place.X[drag.unit], place.Y[drag.unit]];
    const buttons = this.columns[drag.column];
    if (!drag.ghost) {
      buttons[drag.unit].setPointerCapture(event.pointerId);
      this.isDragged = true;
      const { canvas, scale } = view.picture;
      drag.ghost = h("canvas", { class: "net-ghost", width: w * scale, height: height * scale });
      drag.ghost.getContext("2d").drawImage(canvas, x * scale, y * scale, w * scale,
        height * scale, 0, 0, w * scale, height * scale);
      Object.assign(drag.ghost.style, { width: `${w}px`, height: `${height}px` });
      netLocate(drag.ghost, place, drag.unit);
      buttons[drag.unit].parentElement.append(drag.ghost);
    }
    drag.ghost.style.transform = `translate(${dx}px, ${dy}px)`;
    const end = nearestUnit(place, x + dx + w / 2, y + dy + height / 2);
    buttons[drag.end].classList.remove("net-target");
    buttons[end].classList.add("net-target");
    drag.end = end;
  }

  drop() {
    const { drag } = this;
    this.stop();
    if (drag?.ghost) this.view.moveUnit(drag.column, drag.unit, drag.end);
  }

  stop() {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    this.columns[drag.column]?.[drag.end]?.classList.remove("net-target");
    drag.ghost?.remove();
  }
}

function netLocate(element, place, unit) {
  element.style.left = `${place.X[unit] - place.left}px`;
  element.style.top = `${place.Y[unit]}px`;
  element.style.width = `${place.w}px`;
  element.style.height = `${place.h}px`;
}

function netCountBox(place, units) {
  const box = h("span", { class: "net-many" }, h("b", {}, units.toLocaleString("en")), " units");
  netLocate(box, place, 0);
  return box;
}

// Give a box these children without taking out those that stay.
function netKeep(box, children) {
  const kept = new Set(children);
  for (const child of [...box.children]) if (!kept.has(child)) child.remove();
  children.forEach((child, i) => {
    if (box.children[i] !== child) box.insertBefore(child, box.children[i] ?? null);
  });
}
