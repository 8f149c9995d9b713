// Panels of which one is seen, after the ARIA pattern: arrow keys move between the tabs.

import { h, newId } from "./dom.js";

export function tabs(label, panels) {
  const list = h("div", { role: "tablist", "aria-label": label, class: "tablist" });
  const bodies = [];
  const choose = (chosen) => {
    [...list.children].forEach((tab, i) => {
      tab.setAttribute("aria-selected", i === chosen);
      tab.tabIndex = i === chosen ? 0 : -1;
      bodies[i].hidden = i !== chosen;
    });
  };
  Object.entries(panels).forEach(([title, panel], i) => {
    const id = newId("tab");
    const body = h("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id }, panel);
    bodies.push(body);
    list.append(h("button", {
      type: "button", role: "tab", id, "aria-controls": body.id, onclick: () => choose(i),
    }, title));
    panel.addEventListener("show", () => choose(i)); // any panel can come to the front
  });
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = (bodies.findIndex((body) => !body.hidden) + step + bodies.length) % bodies.length;
    choose(next);
    list.children[next].focus();
  });
  choose(0);
  return h("section", { class: "panel tabs" }, list, bodies);
}
