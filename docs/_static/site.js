// From a file, a browser does not let the search read pages for its extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// What scrolls sideways by itself can be reached with the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .mathematics")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
