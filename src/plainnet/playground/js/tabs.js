// Panels of which one is seen, after the ARIA pattern: arrow keys move between the tabs.

import { h, newId } from "./dom.js";

// `panels` has a title and a panel for the name of each part, which a link may hide.
export function tabs(app, label, panels) {
  const list = h("div", { role: "tablist", "aria-label": label, class: "tablist" });
  const names = Object.keys(panels);
  const bodies = [];
  const choose = (chosen) => {
    [...list.children].forEach((tab, i) => {
      tab.setAttribute("aria-selected", i === chosen);
      tab.tabIndex = i === chosen ? 0 : -1;
      bodies[i].hidden = i !== chosen;
    });
  };
  Object.values(panels).forEach(([title, panel], i) => {
    const id = newId("tab");
    const body = h("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id }, panel);
    bodies.push(body);
    list.append(h("button", {
      type: "button", role: "tab", id, "aria-controls": body.id, onclick: () => choose(i),
    }, title));
    panel.addEventListener("show", () => { // any panel can come to the front
      if (!list.children[i].hidden) choose(i);
    });
  });
  const isThere = (i) => !list.children[i].hidden;
  const now = () => bodies.findIndex((body) => !body.hidden);
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    let next = now();
    do next = (next + step + bodies.length) % bodies.length; while (!isThere(next));
    choose(next);
    list.children[next].focus();
  });
  const section = h("section", { class: "panel tabs" }, list, bodies);
  app.on("parts", (hidden) => {
    names.forEach((name, i) => { list.children[i].hidden = hidden.includes(name); });
    const first = names.findIndex((name) => !hidden.includes(name));
    section.hidden = first < 0;
    if (first >= 0 && !isThere(now())) choose(first);
  });
  choose(0);
  return section;
}
