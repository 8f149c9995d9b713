// What each unit gives where one points: asked of the session, again with every frame.

import { shown } from "./dom.js";

export class Prober {
  constructor(app) {
    this.app = app;
    this.point = null; // of the crosshair on the plane
    this.isLooking = false; // whether a unit of the diagram is pointed at
    this.isAsked = this.isOwed = false;
    app.on("frame", () => this.ask());
    app.on("select", () => this.ask());
    app.on("network", () => { app.probe = null; });
    app.on("examples", () => { app.probe = null; });
    app.on("probe", () => this.answered());
    app.on("refused", ({ what }) => { if (what === "probe") this.answered(); });
  }

  // What is asked for: values of an example, of a point, or of all rows; or nothing.
  get wish() {
    const { selection, examples } = this.app;
    const row = selection?.kind === "example" ? selection.row : -1;
    if (this.isLooking && row >= 0 && row < (examples?.targets.length ?? 0)) return { row };
    if (this.point) return { point: this.point };
    return this.isLooking ? {} : null;
  }

  ask() {
    const { app, wish } = this;
    if (!wish || app.isRecording || !app.frame) return;
    this.isOwed = this.isAsked;
    if (this.isAsked) return; // the newest wish is sent when the answer comes
    this.isAsked = true;
    app.send("probe", wish);
  }

  answered() {
    this.isAsked = false;
    if (this.isOwed) this.ask();
  }

  lookAtPoint(point) {
    this.point = point;
    this.ask();
  }

  lookAtUnit(isLooking) {
    this.isLooking = isLooking;
    this.ask();
  }

  // The last answer, if it is to what is asked now.
  get answer() {
    const { app: { probe }, wish } = this;
    if (!probe || !wish) return null;
    return probe.row === (wish.row ?? null) && String(probe.point) === String(wish.point ?? null)
      ? probe : null;
  }

  // A unit's value and gradient in words, a line for each.
  linesOf(column, unit) {
    const { answer, app } = this;
    const value = answer?.values[column]?.[unit];
    if (value == null) return [];
    const words = answer.row !== null ? `value ${shown(value)} for example ${answer.row}`
      : answer.point ? `value ${shown(value)} at the crosshair`
        : `root mean square ${shown(value)} over the training rows`;
    const gradient = answer.gradients?.[column]?.[unit];
    const isOutput = column === app.network.columns.length - 1;
    const at = isOutput && answer.are_probabilities ? "at its sum z" : "at its output";
    return [words, ...(gradient == null ? [] : [`gradient of the loss ${at}: ${shown(gradient)}`])];
  }
}

// Where a unit's tile is among those of a frame, or -1.
export function tileOf(network, column, unit) {
  const tiled = (each) => each.is_dense && each.has_tiles;
  if (!network.columns[column] || !tiled(network.columns[column])) return -1;
  return network.columns.slice(0, column)
    .reduce((sum, each) => sum + (tiled(each) ? each.units : 0), unit);
}
