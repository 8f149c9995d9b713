// The parts of the page that a link hides from a class.

// The whole link: settings and lesson, and the parts that it hides.
export function wholeLink(link, hidden) {
  return [link, hidden.length ? `hide=${hidden.join(",")}` : ""].filter(Boolean).join("&");
}

// The style sheet hides what the root names.
export function followHidden(app) {
  app.on("state", ({ hidden }) => {
    const hides = (hidden ?? []).join(" ");
    if ((app.root.dataset.hides ?? "") === hides) return;
    app.root.dataset.hides = hides;
    app.emit("parts", hidden);
  });
}
