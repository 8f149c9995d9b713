// What one takes away: a link, Python code, the network as a file, and a picture.

import { h, newId } from "./dom.js";
import { checkBox } from "./fields.js";
import { wholeLink } from "./parts.js";
import { pictureOf } from "./picture.js";

export function takeAwayPanel(app) {
  return h("section", { class: "takeaway" },
    h("div", {}, linkPart(app), filePart(app), pagePart(app), picturePart(app)),
    codePart(app));
}

function takePart(title, text, ...children) {
  return h("section", { class: "take" }, h("h2", {}, title), h("p", {}, text), children);
}

// Copies what `source` returns; where the browser forbids that, selects `shownIn` instead.
function copyButton(label, source, shownIn) {
  const said = h("small", { role: "status" });
  const button = h("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(source());
      said.textContent = "Copied.";
    } catch {
      if (shownIn.select) shownIn.select();
      else getSelection().selectAllChildren(shownIn);
      said.textContent = "Selected: copy it with Ctrl+C or ⌘C.";
    }
  } }, label);
  return [button, said];
}

// Hands the browser a file.
function download(name, parts, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function linkPart(app) {
  const id = newId("link");
  const field = h("input", { type: "text", id, readonly: true, spellcheck: "false",
                             onfocus: () => field.select() });
  // In a notebook the page's own address leads nowhere: the settings alone are what counts.
  const own = location.protocol.startsWith("http") && document.querySelector(".plainnet-page");
  const address = own ? `${location.origin}${location.pathname}` : "";
  let hidden = []; // from whoever opens the link
  let checks = [];
  const write = () => { field.value = `${address}#${wholeLink(app.state.link, hidden)}`; };
  const mark = () => checks.forEach(({ name, box }) => { box.checked = hidden.includes(name); });
  const boxes = h("fieldset", { class: "take-parts" });
  app.on("welcome", ({ choices }) => {
    checks = Object.entries(choices.parts).map(([name, words]) => {
      const { field: box, row } = checkBox(words, false, () => {
        hidden = checks.filter((each) => each.box.checked).map((each) => each.name);
        write();
      });
      return { name, box, row };
    });
    mark();
    boxes.replaceChildren(h("legend", {}, "For a class, the link can hide"),
      ...checks.map(({ row }) => row));
  });
  app.on("parts", (now) => {
    hidden = now;
    mark();
  });
  app.on("state", write);
  return takePart("Link",
    "All settings, every change by hand, the step, and the lesson that is open. Whoever opens it in a playground trains the "
    + "same network again, up to the same numbers.",
    h("label", { for: id, class: "visually-hidden" }, "Link to these settings"),
    h("div", { class: "row" }, field, copyButton("Copy link", () => field.value, field)),
    boxes);
}

function codePart(app) {
  const choose = h("select", { "aria-label": "Form of the code" },
    h("option", { value: "engine" }, "Network and train"),
    h("option", { value: "textbook" }, "The guide's class"));
  const ask = () => app.send("code", { form: choose.value });
  const text = h("code", {});
  const block = h("pre", { class: "take-code", tabindex: 0, "aria-label": "Python code" }, text);
  const heading = h("p", { role: "status" });
  const save = h("button", { type: "button", onclick: () =>
    download(app.code.name, [app.code.text], "text/x-python") }, "Download");
  const tools = h("div", { class: "row", hidden: true },
    copyButton("Copy code", () => app.code.text, text), save);
  block.hidden = true;
  app.on("code", (code) => {
    heading.textContent = code.text
      ? `Up to step ${code.step}:` : `There is no such code: ${code.why}.`;
    text.textContent = code.text;
    block.hidden = tools.hidden = !code.text;
  });
  return takePart("Python code",
    "A script that makes the same data and the same network, and trains it to the step that is "
    + "shown: with plainnet's engine to the same bits, with the guide's class to nearly the same numbers.",
    h("div", { class: "row" }, choose,
      h("button", { type: "button", onclick: ask }, "Write the code")),
    heading, block, tools);
}

// A button that asks the session for a file, and says when the browser has it.
function fileButton(app, label, command, ending) {
  const said = h("small", { role: "status" });
  app.on("file", ({ name, buffers }) => {
    if (!name.endsWith(ending)) return;
    download(name, buffers, "application/octet-stream");
    said.textContent = `Saved as ${name}.`;
  });
  const button = h("button", { type: "button", onclick: () => app.send(command) }, label);
  return h("div", { class: "row" }, button, said);
}

function pagePart(app) {
  return takePart("A page",
    "One file that replays this training in any browser, without Python and without a connection.",
    fileButton(app, "Download .html", "page", ".html"));
}

function filePart(app) {
  return takePart("The network",
    "Its layers and weights at the step that is shown. In Python, plainnet.load opens the file.",
    fileButton(app, "Download .npz", "file", ".npz"));
}

function picturePart(app) {
  const said = h("small", { role: "status" });
  const take = async () => {
    const blob = await new Promise((done) => { pictureOf(app).toBlob(done, "image/png"); });
    const name = `playground-step-${app.frame?.step ?? 0}.png`;
    download(name, [blob], "image/png");
    said.textContent = `Saved as ${name}.`;
  };
  return takePart("A picture",
    "The network, the plane and the losses as they are on the page, with a caption.",
    h("div", { class: "row" },
      h("button", { type: "button", onclick: take }, "Download .png"), said));
}
