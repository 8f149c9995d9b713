// The doctor's verdicts as they come true, each with a button that applies its remedy.

import { counted, h, newId } from "./dom.js";
import { layerName } from "./network-words.js";

const EARLY = 30; // steps within which the doctor has looked too seldom to speak of training
const SEVERITY_WORDS = { serious: "Serious", warning: "Warning", note: "Note" };

// Which column of the diagram a verdict is about, by a layer's path or a tensor's name; or -1.
function doctorsColumn(app, where) {
  const isThere = ([name]) => where === name || where.startsWith(`${name}.`);
  return app.network?.columns.findIndex((column) => column.layers.some(isThere)) ?? -1;
}

function verdictCard(app, verdict, applied) {
  const title = h("strong", {});
  const severity = h("span", { class: "severity" });
  const place = h("button", { type: "button", class: "verdict-place" });
  const evidence = h("p", {});
  const advice = h("p", {});
  const code = h("code", {});
  const details = h("details", {}, h("summary", {}, "Code of the remedy"), h("pre", {}, code));
  const refusal = h("p", { class: "refusal", role: "status", hidden: true });
  const apply = h("button", { type: "button", class: "primary" });
  const element = h("li", { class: "verdict" },
    h("div", { class: "row" }, severity, title, place), evidence, advice,
    h("div", { class: "row" }, apply), refusal, details);
  const card = { element, refuse, update, code: "" };
  apply.addEventListener("click", () => {
    refusal.hidden = true;
    applied(verdict.name);
    app.send("remedy", { name: verdict.name });
  });
  place.addEventListener("click", () => {
    const i = doctorsColumn(app, card.where);
    if (i >= 0) app.select({ kind: "layer", name: app.network.columns[i].name });
  });

  function refuse(why) {
    refusal.textContent = why;
    refusal.hidden = false;
    details.open = true;
  }

  function update(now) {
    card.where = now.where;
    element.dataset.severity = now.severity;
    severity.textContent = SEVERITY_WORDS[now.severity] ?? now.severity;
    const words = now.name.replaceAll("_", " ");
    title.textContent = words[0].toUpperCase() + words.slice(1);
    const i = now.where ? doctorsColumn(app, now.where) : -1;
    place.hidden = !now.where;
    place.disabled = i < 0;
    const layer = i < 0 ? "" : `${layerName(app.network, i)}: `;
    place.textContent = `${layer}${now.where}`;
    place.title = i < 0 ? "" : "Show this layer";
    evidence.textContent = now.evidence;
    advice.textContent = now.advice;
    apply.textContent = "Apply the remedy";
    apply.setAttribute("aria-label", `Apply the remedy of ${words}`);
    apply.hidden = details.hidden = !now.code;
    if (card.code !== now.code) code.textContent = card.code = now.code;
  }
  update(verdict);
  return card;
}

export function doctorPanel(app) {
  const id = newId("doctor");
  const heading = h("h2", { id, tabindex: -1 }, "Doctor");
  const nothing = h("p", {});
  const list = h("ul", { class: "verdicts" });
  const done = h("p", { class: "remedy-done", role: "status", hidden: true });
  const said = h("p", { class: "visually-hidden", "aria-live": "polite" });
  const button = h("button", { type: "button", onclick: examine }, "Full check-up");
  const report = h("div", { class: "check-up", role: "status" });
  const cards = new Map();
  let isExamining = false;
  let asked = ""; // the verdict whose remedy was applied last

  function examine() {
    isExamining = button.disabled = true;
    report.replaceChildren(h("p", {}, "Examining copies of the network …"));
    app.send("diagnose");
  }

  function examined() {
    isExamining = button.disabled = false;
  }

  app.on("verdicts", ({ verdicts }) => {
    const hadFocus = list.contains(document.activeElement);
    const names = verdicts.map((verdict) => verdict.name);
    for (const [name, card] of cards) {
      if (names.includes(name)) continue;
      card.element.remove();
      cards.delete(name);
    }
    const fresh = verdicts.filter((verdict) => !cards.has(verdict.name));
    verdicts.forEach((verdict, i) => {
      if (cards.has(verdict.name)) cards.get(verdict.name).update(verdict);
      else cards.set(verdict.name, verdictCard(app, verdict, (name) => { asked = name; }));
      const { element } = cards.get(verdict.name);
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
    });
    nothing.hidden = verdicts.length > 0;
    list.hidden = !verdicts.length;
    const found = counted(verdicts.length, "finding");
    heading.textContent = verdicts.length ? `Doctor: ${found}` : "Doctor";
    if (fresh.length) {
      said.textContent = `The doctor says: ${fresh.map((each) => each.title).join("; ")}.`;
    }
    if (hadFocus && !list.contains(document.activeElement)) heading.focus();
  });
  app.on("frame", ({ last }) => {
    const words = last >= EARLY ? "Nothing wrong so far."
      : `The doctor needs about ${EARLY} steps of training to see what goes wrong.`;
    if (nothing.textContent !== words) nothing.textContent = words;
    nothing.classList.toggle("no-verdict", last >= EARLY);
  });
  app.on("done", ({ why }) => {
    done.textContent = why;
    done.hidden = false;
  });
  app.on("refused", ({ what, why }) => {
    if (what === "remedy") {
      cards.get(asked)?.refuse(why);
    } else if (what === "diagnose" && isExamining) {
      examined();
      report.replaceChildren(h("p", {}, why));
    }
  });
  app.on("check_up", ({ headline, looked_at: lookedAt, left_out: leftOut, step }) => {
    examined();
    const notes = Object.entries(leftOut).map(([what, why]) => h("li", {}, `Not ${what}: ${why}.`));
    report.replaceChildren(
      h("p", {}, h("strong", {}, `${headline}.`),
        ` Looked at, after step ${step}: ${lookedAt.join(", ")}.`),
      notes.length ? h("ul", {}, notes) : "");
  });
  app.on("network", () => { // a training has begun anew, perhaps by the remedy that says so next
    done.hidden = true;
    if (!isExamining) report.replaceChildren();
  });
  return h("section", { class: "panel doctor", "aria-labelledby": id },
    heading, done, nothing, list, said,
    h("div", { class: "row" }, button,
      h("small", {}, "Takes a second or two; training waits.")),
    report);
}
