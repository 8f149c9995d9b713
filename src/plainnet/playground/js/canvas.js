// Canvases that are as sharp as the screen, and axes with round numbers.

import { h } from "./dom.js";

export const AXIS_FONT = "11px system-ui, sans-serif";

// Let `draw(context, width, height)` draw on the canvas whenever its size or the theme changes,
// and when the function that comes back is called. A canvas that is not seen is not drawn.
export function drawnOn(app, canvas, draw) {
  const context = canvas.getContext("2d");
  let width = 0;
  let height = 0;
  const redraw = () => {
    if (!width || !height) return;
    const scale = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== across || canvas.height !== down) {
      Object.assign(canvas, { width: across, height: down });
      context.setTransform(scale, 0, 0, scale, 0, 0);
    }
    draw(context, width, height);
  };
  new ResizeObserver(([{ contentRect }]) => {
    ({ width, height } = contentRect);
    redraw();
  }).observe(canvas);
  app.on("theme", redraw);
  return redraw;
}

// Texts as pictures that are made once: text on a canvas of the page lets the browser compute the
// page's layout anew in every frame.
export class Labels {
  constructor() {
    this.pictures = new Map();
  }

  // Draw the text with its right, left or middle edge at x, and its middle at y.
  draw(context, text, x, y, { align = "center", color }) {
    const scale = context.getTransform().a;
    const key = `${text} ${color} ${scale}`;
    if (!this.pictures.has(key)) this.pictures.set(key, labelPicture(text, color, scale));
    const picture = this.pictures.get(key);
    const width = picture.width / scale;
    const height = picture.height / scale;
    const left = { left: 0, center: width / 2, right: width }[align];
    context.drawImage(picture, Math.round(x - left), Math.round(y - height / 2), width, height);
  }
}

function labelPicture(text, color, scale) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  context.font = AXIS_FONT;
  canvas.width = Math.ceil(context.measureText(text).width * scale) + 1;
  canvas.height = Math.ceil(16 * scale);
  context.font = AXIS_FONT;
  context.scale(scale, scale);
  context.fillStyle = color;
  context.textBaseline = "middle";
  context.fillText(text, 0, 8);
  return canvas;
}

// What the style sheet's colours are in the current theme: colorsOf(root, ["ink"]).ink.
export function colorsOf(root, names) {
  const probe = root.appendChild(h("span", {}));
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

// About `count` round numbers from low to high.
export function ticksOf(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  const first = Math.ceil(low / unit - 1e-6);
  const last = Math.floor(high / unit + 1e-6);
  const tick = (_, i) => Number(((first + i) * unit).toPrecision(6));
  return Array.from({ length: last - first + 1 }, tick);
}

// Powers of ten from low to high; where there is hardly one, round numbers.
export function powersOf(low, high, count) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  if (last - first < 1) return ticksOf(low, high, count);
  const every = Math.ceil((last - first + 1) / count);
  const length = Math.floor((last - first) / every) + 1;
  return Array.from({ length }, (_, i) => 10 ** (first + i * every));
}
