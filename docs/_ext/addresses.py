"""Short addresses: docs/training.md becomes training.html, guide/README.md guide/index.html."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.project import Project

OUTSIDE = {"README.md": "index", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
"""Pages at the root of the repository. The README's place on the site is its first page."""


class Addresses(Project):
    """Knows the name on the site of each Markdown file of docs/ and guide/."""

    def path2doc(self, filename):
        path = Path(filename)
        if path.is_absolute():
            if not path.is_relative_to(self.srcdir):
                return None
            path = path.relative_to(self.srcdir)
        if path.as_posix() in OUTSIDE:
            return OUTSIDE[path.as_posix()]
        if path.suffix != ".md" or path.parts[0] not in ("docs", "guide"):
            return None
        if path.parts[0] == "docs":
            path = path.relative_to("docs")
        name = path.with_suffix("").as_posix()
        return name.removesuffix("README") + "index" if path.stem == "README" else name


def use_addresses(app: Sphinx) -> None:
    app.project.__class__ = Addresses


def complete_the_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill in what is in the folders that grow; a chapter or how-to page may still be missing.

    The guide's README lists its chapters in words, for GitHub; here they get a toctree as well.
    """
    known = app.env.found_docs
    if docname == "guide/index" and (chapters := _pages(known, "guide/")):
        source[0] += "\n\n" + _toctree([":hidden:", *(f"/{name}" for name in chapters)])
    elif docname == "index":
        source[0] = re.sub(
            r"```{toctree}\n(.*?)```\n", lambda found: _completed(found[1], known), source[0],
            flags=re.DOTALL,
        )  # fmt: skip


def _pages(known: set[str], folder: str) -> list[str]:
    return sorted(name for name in known if name.startswith(folder) and name != f"{folder}index")


def _completed(text: str, known: set[str]) -> str:
    """A toctree in which `folder/*` are the pages that it does not name."""
    lines = text.splitlines()
    options = [line for line in lines if line.startswith(":")]
    entries = []
    for line in lines[len(options) :]:
        if line == "guide/index" and line not in known:
            entries += _pages(known, "guide/")
        elif line.endswith("/*"):
            entries += [name for name in _pages(known, line[:-1]) if name not in lines]
        elif line in known or not line.startswith(("guide/", "howto/")):
            entries.append(line)
    return _toctree([*options, *entries]) if entries else ""


def _toctree(lines: list[str]) -> str:
    return "\n".join(["```{toctree}", *lines, "```", ""])


def say_the_level_of_captions(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """Sphinx makes headings of the captions in the navigation, and leaves out of which level."""
    for name, value in context.items():
        if isinstance(value, str) and 'role="heading"' in value:
            context[name] = value.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", use_addresses)
    app.connect("source-read", complete_the_contents)
    app.connect("html-page-context", say_the_level_of_captions, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
