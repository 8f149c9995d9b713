// The picture of a network's diagram, on one canvas beneath the buttons of its units.

import { TILE } from "./app.js";
import { colorsOf } from "./canvas.js";
import { grayTable, paperOf, signedTable } from "./colors.js";
import { h } from "./dom.js";
import { NetLinks } from "./network-links.js";

const NET_ACROSS = 16; // tiles in a row of the sheet from which they are drawn

export class NetworkPicture {
  constructor(root) {
    this.root = root;
    this.vector = "parameters"; // of a frame, which lines and dots show
    this.canvas = h("canvas", { class: "net-picture", "aria-hidden": "true" });
    this.context = this.canvas.getContext("2d");
    this.sheet = document.createElement("canvas");
    this.pixels = document.createElement("canvas");
    this.recolor();
  }

  // Read the theme's colours, which a canvas does not follow by itself.
  recolor() {
    const names = ["positive", "negative", "accent", "line", "paper", "soft"];
    this.colors = colorsOf(this.root, names);
    const paper = paperOf(this.root);
    this.table = signedTable(paper);
    this.grays = grayTable(paper);
  }

  // Take the size and the places of a new diagram.
  take(network, shape, meanImage) {
    this.shape = shape;
    this.meanImage = meanImage;
    this.links = new NetLinks(network, shape.columns);
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = Math.ceil(shape.width * scale);
    this.canvas.height = Math.ceil(shape.height * scale);
    this.canvas.style.width = `${shape.width}px`;
    this.canvas.style.height = `${shape.height}px`;
    this.scale = scale;
    const biases = new Map(network.tensors.map((each) => [each.name, each]));
    this.biases = network.columns.map((column) => biases.get(`${column.name}.b`) ?? null);
    let tiles = 0;
    this.tiles = network.columns.map((column) => {
      const first = column.is_dense && column.has_tiles ? tiles : -1;
      if (first >= 0) tiles += column.units;
      return first; // where the tiles of this column begin in a frame
    });
    this.sheet.width = TILE * Math.min(tiles, NET_ACROSS) || 1;
    this.sheet.height = TILE * Math.ceil(tiles / NET_ACROSS) || 1;
    this.sheetContext = this.sheet.getContext("2d");
    this.image = this.sheetContext.createImageData(this.sheet.width, this.sheet.height);
    this.words = new Uint32Array(this.image.data.buffer);
    const picture = shape.columns[0];
    if (picture.kind !== "image") return;
    [this.pixels.width, this.pixels.height] = [picture.across, picture.rows];
    this.pixelContext = this.pixels.getContext("2d");
    this.pixelImage = this.pixelContext.createImageData(picture.across, picture.rows);
  }

  draw(frame, active) {
    const { context, shape, colors } = this;
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, shape.width, shape.height);
    const values = frame[this.vector];
    this.links.draw(context, values, colors, active);
    this.fillSheet(frame.tiles);
    shape.columns.forEach((column, c) => {
      if (c === 0) {
        if (column.kind === "image") this.drawPixels(column, values, active);
      } else if (this.tiles[c - 1] >= 0) this.drawTiles(column, this.tiles[c - 1]);
      else if (column.kind === "dots") this.drawDots(column);
      if (c > 0 && this.biases[c - 1]) this.drawBiases(column, this.biases[c - 1], values);
    });
  }

  fillSheet(tiles) {
    const { words, table } = this, width = this.sheet.width, size = TILE * TILE;
    for (let n = 0; n * size < tiles.length; n += 1) {
      const corner = Math.floor(n / NET_ACROSS) * TILE * width + (n % NET_ACROSS) * TILE;
      for (let row = 0, from = n * size; row < TILE; row += 1) {
        const to = corner + row * width;
        for (let x = 0; x < TILE; x += 1, from += 1) words[to + x] = table[tiles[from]];
      }
    }
    if (tiles.length) this.sheetContext.putImageData(this.image, 0, 0);
  }

  drawTiles(column, first) {
    const { w, h: height, X, Y } = column;
    for (let unit = 0; unit < X.length; unit += 1) {
      const n = first + unit;
      const x = (n % NET_ACROSS) * TILE, y = Math.floor(n / NET_ACROSS) * TILE;
      this.context.drawImage(this.sheet, x, y, TILE, TILE, X[unit], Y[unit], w, height);
    }
  }

  drawDots(column) {
    this.context.fillStyle = this.colors.paper;
    for (let unit = 0; unit < column.X.length; unit += 1) {
      this.context.fillRect(column.X[unit], column.Y[unit], column.w, column.h);
    }
  }

  // A bias is a dot in its tile's corner, its size relative to the largest of the column.
  drawBiases(column, { start, strides }, values) {
    const { context, colors } = this, units = column.X.length;
    if (column.kind === "count") return;
    let largest = 0;
    for (let unit = 0; unit < units; unit += 1) {
      const size = Math.abs(values[start + unit * strides[0]]);
      if (size > largest && size < Infinity) largest = size;
    }
    const most = Math.min(6, column.w / 4);
    context.lineWidth = 1.5;
    context.strokeStyle = colors.paper;
    for (let unit = 0; unit < units; unit += 1) {
      const bias = values[start + unit * strides[0]];
      const share = largest ? Math.abs(bias) / largest : 0;
      const radius = Math.max(1.5, most * Math.sqrt(Math.min(share, 1) || 0));
      const inset = column.kind === "dots" ? column.w / 2 : most + 2;
      context.fillStyle = !bias ? colors.soft : bias > 0 ? colors.positive : colors.negative;
      context.beginPath();
      context.arc(column.X[unit] + inset, column.Y[unit] + column.h - inset, radius, 0, 7);
      if (column.kind === "tiles") context.stroke();
      context.fill();
    }
  }

  // The pixels of the inputs: their means, or the weights with which a unit that is looked at sees
  // them.
  drawPixels(column, values, active) {
    const { context, colors } = this, gap = this.links.gaps[0];
    const width = column.w * column.across, height = column.h * column.rows;
    context.fillStyle = colors.paper;
    context.fillRect(column.X[0], column.Y[0], width, height);
    const isUnit = gap?.largest && active?.kind === "unit" && active.column === 0;
    const valueOf = isUnit ? (i) => gap.value(values, active.unit, i) : (i) => this.meanImage?.[i];
    const words = new Uint32Array(this.pixelImage.data.buffer);
    let largest = 1e-30;
    for (let i = 0; i < words.length; i += 1) {
      largest = Math.max(largest, Math.abs(valueOf(i)) || 0);
    }
    if (isUnit || this.meanImage) {
      const table = isUnit ? this.table : this.grays;
      for (let i = 0; i < words.length; i += 1) {
        const shade = 128 + 127 * (valueOf(i) / largest);
        words[i] = table[Math.round(Math.min(Math.max(shade, 1), 255)) || 128];
      }
      this.pixelContext.putImageData(this.pixelImage, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(this.pixels, column.X[0], column.Y[0], width, height);
      context.imageSmoothingEnabled = true;
    }
    context.strokeStyle = colors.line;
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 0; i <= column.across; i += 1) {
      context.moveTo(column.X[0] + i * column.w, column.Y[0]);
      context.lineTo(column.X[0] + i * column.w, column.Y[0] + height);
    }
    for (let i = 0; i <= column.rows; i += 1) {
      context.moveTo(column.X[0], column.Y[0] + i * column.h);
      context.lineTo(column.X[0] + width, column.Y[0] + i * column.h);
    }
    context.stroke();
  }

  // Whether the unit gives the same for every example for training.
  isDead(frame, column, unit) {
    return frame.sizes[column]?.dead_units.includes(unit) ?? false;
  }
}
