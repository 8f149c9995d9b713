// Number fields that say which numbers can be, and leave alone what someone is typing.

import { h, newId, shown } from "./dom.js";

// A labelled number field. `send` is called with a number that was entered and is within the
// limits; `set` shows what the session has.
export function numberField(label, limits, send, attributes = {}) {
  const [id, wordsId] = [newId("number"), newId("wrong")];
  const words = h("small", { class: "wrong", id: wordsId, role: "alert" });
  let now = null;
  let isTyping = false;
  let isWrong = false;
  const check = () => {
    const value = field.valueAsNumber;
    const fits = value >= limits.least && value <= limits.most;
    isWrong = !fits || Boolean(limits.whole && !Number.isInteger(value));
    const text = isWrong ? limitsInWords(limits) : "";
    if (words.textContent !== text) words.textContent = text;
    field.setAttribute("aria-invalid", isWrong);
  };
  const show = () => {
    isTyping = false;
    field.value = now ?? "";
    check();
  };
  const field = h("input", {
    type: "number", id, min: limits.least, max: limits.most, step: limits.whole ? 1 : "any",
    "aria-describedby": wordsId, ...attributes,
    oninput: () => {
      isTyping = true;
      check();
    },
    onchange: () => {
      isTyping = false;
      check();
      if (isWrong || field.valueAsNumber === now) return;
      now = field.valueAsNumber;
      send(now);
    },
    onblur: () => { isTyping = false; },
    onkeydown: (event) => { if (event.key === "Escape") show(); },
  });
  const set = (value) => {
    if (isTyping || value === now) return;
    now = value;
    show();
  };
  const row = h("div", { class: "field" }, h("label", { for: id }, label), field, words);
  return { field, row, set, isRight: () => !isWrong };
}

function limitsInWords({ least, most, whole }) {
  return `${whole ? "A whole number" : "A number"} from ${shown(least)} to ${shown(most, 10)}`;
}

// The seed after this one; after the largest, the first.
export function nextSeed(seed, { least, most }) {
  return seed >= most ? least : seed + 1;
}

// The same with a slider, which sends when it is let go.
export function sliderField(label, limits, send, step = 0.01) {
  const number = numberField(label, limits, send, { step: "any" });
  const slider = h("input", {
    type: "range", min: limits.least, max: limits.most, step, "aria-label": `${label}, slider`,
    oninput: () => { number.field.value = slider.value; },
    onchange: () => {
      number.field.value = slider.value;
      number.field.dispatchEvent(new Event("change"));
    },
  });
  number.row.insertBefore(slider, number.field);
  number.row.classList.add("with-slider");
  number.field.addEventListener("change", () => {
    if (number.isRight()) slider.value = number.field.value;
  });
  const set = (value) => {
    if (slider.matches(":active")) return;
    number.set(value);
    slider.value = value;
  };
  return { field: number.field, row: number.row, set };
}

// A labelled check box.
export function checkBox(label, isChecked, changed, attributes = {}) {
  const id = newId("check");
  const field = h("input", {
    type: "checkbox", id, checked: isChecked, ...attributes, onchange: () => changed(field.checked),
  });
  return { field, row: h("span", { class: "check" }, field, h("label", { for: id }, label)) };
}
