// The line of one number, in which each number is a button that goes to where it was made.

import { h } from "./dom.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";

// Mathematics as elements: only those of MathML, and of their attributes none that acts.
export function mathOf(text) {
  const parsed = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
  const copied = (element) => {
    const made = document.createElementNS(MATHML, element.localName);
    for (const { name, value } of element.attributes) {
      if (!name.startsWith("on") && !name.includes("href")) made.setAttribute(name, value);
    }
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) made.append(child.data);
      else if (child.namespaceURI === MATHML) made.append(copied(child));
    }
    return made;
  };
  return parsed?.namespaceURI === MATHML ? copied(parsed) : null;
}

function referenceTo(array, index) {
  return index.length ? `${array}[${index.join(", ")}]` : array;
}

export class LineView {
  // `follow(array, index)` goes to a number, and `back()` to where one was before.
  constructor({ follow, back }) {
    this.follow = follow;
    const label = "Back to where you were";
    this.backButton = h("button", {
      type: "button", onclick: back, title: label, "aria-label": label,
    }, "↩ Back");
    this.head = h("div", { class: "row step-head" });
    this.equation = h("p", { class: "step-equation", "aria-live": "polite" });
    this.rest = h("div", {});
    this.element = h("div", { class: "step-line" }, this.head, this.equation, this.rest);
  }

  draw(line, hasPast) {
    this.element.classList.toggle("step-waiting", !line);
    if (!line) return; // the last one stays until its answer comes
    const { name, layer, exact, formula, origin, pieces } = line;
    this.backButton.disabled = !hasPast;
    this.head.replaceChildren(this.backButton,
      h("strong", {}, h("code", {}, name), layer ? ` of ${layer}` : ""),
      formula ? h("code", {}, formula.plain) : "", h("small", {}, `stored as ${exact}`));
    this.equation.replaceChildren(h("code", {}, pieces.map((piece, i) => {
      if (!piece.array) return piece.text;
      return i === 0 ? h("strong", {}, piece.text) : this.number(piece);
    })));
    this.rest.replaceChildren(
      line.in_names ? h("p", { class: "step-named" }, h("code", {}, line.in_names)) : "",
      origin ? h("p", {}, `${name} is ${origin}.`) : "", this.uses(line));
  }

  number({ text, array, index }) {
    const title = referenceTo(array, index);
    return h("button", {
      type: "button", title, "aria-label": text === title ? null : `${text}, ${title}`,
      onclick: () => this.follow(array, index),
    }, text);
  }

  uses({ uses }) {
    if (!uses.length) return h("p", {}, "No other number of this pass is computed from it.");
    return h("div", { class: "step-uses" }, h("span", {}, "Goes into"), uses.map((use) => {
      const left = use.total - use.some.length;
      const layer = use.array.slice(0, use.array.lastIndexOf("."));
      return h("span", { class: "step-use" },
        use.some.map(({ name, index }) => h("button", {
          type: "button", title: referenceTo(use.array, index),
          onclick: () => this.follow(use.array, index),
        }, name)),
        left ? ` and ${left} more` : null, layer ? h("small", {}, ` of ${layer}`) : null);
    }));
  }
}
