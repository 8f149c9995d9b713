"""Short addresses: docs/training.md becomes training.html, guide/README.md guide/index.html."""

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


def add_the_chapters(app: Sphinx, docname: str, source: list[str]) -> None:
    """The guide's README lists its chapters in words, for GitHub; here they get a toctree too."""
    if docname == "guide/index":
        source[0] += "\n\n```{toctree}\n:hidden:\n:glob:\n*\n```\n"


def say_the_level_of_captions(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """Sphinx makes headings of the captions in the navigation, and leaves out of which level."""
    for name, value in context.items():
        if isinstance(value, str) and 'role="heading"' in value:
            context[name] = value.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", use_addresses)
    app.connect("source-read", add_the_chapters)
    app.connect("html-page-context", say_the_level_of_captions, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
