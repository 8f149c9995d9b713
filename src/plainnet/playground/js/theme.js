// Light or dark: as the notebook around says, or else as the reader prefers.

// Keep root.dataset.theme right, and call `changed` when it changes.
export function followTheme(root, changed) {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const update = () => {
    const theme = themeAround() ?? (prefersDark.matches ? "dark" : "light");
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changed();
  };
  update();
  prefersDark.addEventListener("change", update);
  const observer = new MutationObserver(update);
  const attributeFilter = [
    "class", "data-jp-theme-light", "data-theme", "data-vscode-theme-kind",
  ];
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter });
  }
  return () => {
    prefersDark.removeEventListener("change", update);
    observer.disconnect();
  };
}

function themeAround() {
  const { body, documentElement } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "true" ? "light" : "dark";
  const { vscodeThemeKind } = body.dataset;
  if (vscodeThemeKind) return vscodeThemeKind.includes("light") ? "light" : "dark";
  const said = documentElement.dataset.theme ?? body.dataset.theme;
  if (said === "dark" || said === "light") return said;
  if (documentElement.classList.contains("dark") || body.classList.contains("dark")) return "dark";
  return null;
}
