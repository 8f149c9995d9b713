// A table of one's own: a CSV file that is chosen or dropped anywhere on the playground.

import { keptByLesson } from "./allowed.js";
import { counted, h, newId, select } from "./dom.js";

export function ownTable(app) {
  const send = async (file) => {
    if (!file) return;
    const why = keptByLesson(app, "data");
    if (why) {
      said.textContent = `${why}: no table now.`;
      return;
    }
    said.textContent = `Reading ${file.name} …`;
    app.send("table", { name: file.name.slice(-200), target: "" }, [await file.arrayBuffer()]);
  };
  const id = newId("file");
  const input = h("input", {
    type: "file", id, accept: ".csv,.tsv,.txt,text/csv", class: "visually-hidden",
    onchange: () => {
      send(input.files[0]);
      input.value = "";
    },
  });
  const said = h("small", { role: "status" });
  const zone = h("div", { class: "drop-zone" }, input,
    h("label", { for: id }, "Choose a CSV file"), h("span", {}, "or drop it here"));
  acceptDrops(app.root, zone, send);

  const target = h("div", {});
  app.on("table", ({ name, columns, target: chosen, why, rows }) => {
    said.textContent = `${name}: ${counted(rows, "row")}. `
      + `The network is to predict ${chosen}${why ? `, chosen ${why}` : ""}.`;
    const options = Object.fromEntries(columns.map((each) => [each, each]));
    const { field, row } = select("Column to predict", options,
      (value) => app.change({ target: value, plane: [] }));
    field.value = chosen;
    target.replaceChildren(row);
  });
  app.on("refused", ({ what }) => { if (what === "table") said.textContent = ""; });
  app.on("state", ({ settings }) => {
    target.hidden = settings.data !== "table";
    const field = target.querySelector("select");
    if (field && settings.target) field.value = settings.target;
  });
  return { zone: h("div", {}, zone, said), target, choose: () => input.click() };
}

// Files that are dropped on the root; the zone shows where they go.
function acceptDrops(root, zone, send) {
  const holdsFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  root.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    zone.classList.add("over");
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  root.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    send(event.dataTransfer.files[0]);
  });
}
