// Points that are drawn by hand: they are added and removed here, and sent as the data.

import { isPlaying } from "./transport.js";

const FEWEST_POINTS = 2;

export class Drawing {
  // `changed` is called when the points or `words` are others.
  constructor(app, changed) {
    this.app = app;
    this.changed = changed;
    this.isOn = false;
    this.tool = 0; // a class, "number", or "erase"
    this.kind = "class"; // what a point has: a class or a "number"
    this.value = 0.5; // the number that is drawn
    this.words = "";
    this.points = null; // those not yet in the session's examples; null: as the examples are
    this.underWay = 0; // changes that are not yet in the examples
    this.isAnswered = false;
    app.on("examples", () => {
      this.underWay = Math.max(this.underWay - 1, 0);
      this.isAnswered = !this.underWay;
      if (!this.points) this.follow();
    });
    app.on("state", () => {
      if (this.isAnswered) this.points = null; // they are in the state's settings
      this.isAnswered = false;
      this.changed();
    });
    app.on("refused", ({ what }) => {
      if (what === "settings") this.underWay = Math.max(this.underWay - 1, 0);
    });
  }

  // What the settings may be, once the session has said so.
  get choices() {
    return this.app.welcome?.choices;
  }

  // Whether the examples are of another plane than the one that points are drawn in.
  get isElsewhere() {
    return !this.choices?.of_the_plane.includes(this.app.state?.settings.data);
  }

  get isNumber() {
    return this.kind === "number";
  }

  // Whether the examples have classes where numbers are drawn, or the other way round.
  get isOtherKind() {
    return this.isNumber !== !this.app.examples?.classes.length;
  }

  // Draw with this tool: the eraser takes away points of either kind.
  take(tool) {
    this.tool = tool;
    if (tool === "erase" || (tool === "number") === this.isNumber) return;
    this.kind = tool === "number" ? "number" : "class";
    this.words = "";
    this.points = this.isOtherKind ? [] : null; // one set of points has one kind
    this.changed();
  }

  // Draw what the examples have, where they are of the plane.
  follow() {
    if (this.isElsewhere || !this.app.examples) return;
    this.kind = this.app.examples.classes.length ? "class" : "number";
    if (this.tool !== "erase") this.tool = this.isNumber ? "number" : Number(this.tool) || 0;
  }

  turn(isOn) {
    this.isOn = isOn;
    this.words = "";
    if (isOn) this.follow();
    if (isOn && this.isElsewhere) this.points ??= [];
    if (!isOn && !this.points?.length && !this.underWay) this.points = null;
    this.changed();
  }

  // The points that a change begins with: those drawn so far, or those of a set in the plane.
  begin() {
    if (this.points) return this.points;
    const { examples, state } = this.app;
    if (!state) return [];
    const { data, drawn } = state.settings;
    if (this.isOtherKind) return [];
    if (data === "drawn") return drawn;
    const { points, targets } = examples;
    if (this.isElsewhere || targets.length > this.choices.most_drawn) return [];
    return Array.from(targets, (k, row) => pointOf(points[2 * row], points[2 * row + 1], k));
  }

  // Add or remove a point as the tool says; `isNear` tells which point would be removed.
  apply([u, v], isNear, erases = this.tool === "erase") {
    const before = this.begin();
    this.words = "";
    if (erases) {
      const kept = before.filter((point) => !isNear(point));
      if (kept.length === before.length) this.words = "There is no point here.";
      this.points = kept;
    } else if (before.length >= this.choices.most_drawn) {
      this.words = `There are ${before.length} points, the most that can be drawn.`;
    } else {
      this.points = [...before, pointOf(u, v, this.isNumber ? this.value : this.tool)];
    }
    this.changed();
  }

  clear() {
    this.points = [];
    this.words = "";
    this.send();
  }

  // Let the network learn from the points; it goes on playing if it does.
  send() {
    const { points, app } = this;
    if (!points) return;
    const plays = isPlaying(app);
    if (points.length < FEWEST_POINTS) {
      const there = points.length ? "There is one point" : "There are no points";
      this.words ||= `${there}: draw at least two.`;
      if (plays) app.send("pause");
      this.changed();
      return;
    }
    const settings = app.state.settings;
    if (this.isNumber) {
      this.transmit({ drawn_target: "number" }, plays);
      return;
    }
    const most = points.reduce((k, point) => Math.max(k, point[2] + 1), 2);
    const before = settings.data === "drawn" ? settings.classes : app.examples.classes.length;
    const classes = Math.min(Math.max(most, before), this.choices.limits.classes.most);
    this.transmit({ drawn_target: "class", classes }, plays);
  }

  transmit(settings, plays) {
    const { app, points } = this;
    this.underWay += 1;
    this.isAnswered = false; // a state that is on its way does not know of these points
    app.change({ data: "drawn", drawn: points, ...settings });
    if (plays) app.send("play");
  }
}

function pointOf(u, v, k) {
  return [Number(u.toFixed(3)), Number(v.toFixed(3)), Number(k.toFixed(3))];
}
