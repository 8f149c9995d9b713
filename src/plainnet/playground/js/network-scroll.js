// A box that is scrolled sideways, and shows at its edges that there is more.

import { h } from "./dom.js";

const NET_SCROLL = 0.7; // of the width, by one press

// The box around `content`; `update()` when the content has another width.
export function scrolled(content) {
  const by = (sign) => () => box.scrollBy({
    left: sign * NET_SCROLL * box.clientWidth,
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
  const button = (side, text, sign) => h("button", {
    type: "button", class: `net-more net-more-${side}`, hidden: true,
    "aria-label": `Scroll the diagram to the ${side}`, title: "More layers", onclick: by(sign),
  }, text);
  const left = button("left", "‹", -1), right = button("right", "›", 1);
  const box = h("div", { class: "net-scroll", onscroll: () => update() }, content);
  const update = () => {
    const most = box.scrollWidth - box.clientWidth;
    left.hidden = box.scrollLeft < 2;
    right.hidden = box.scrollLeft > most - 2;
    box.classList.toggle("net-more-before", !left.hidden);
    box.classList.toggle("net-more-after", !right.hidden);
  };
  return { element: h("div", { class: "net-scroller" }, left, box, right), update };
}
