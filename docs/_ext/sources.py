"""Links to files and folders of the repository lead to pages that show them, highlighted."""

import inspect
import os
import posixpath
import re
from collections.abc import Iterator
from functools import partial
from html import escape
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment.adapters.toctree import global_toctree_for_doc
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import copyfile

ROOT = Path(__file__).resolve().parents[2]
AS_THEY_ARE = {".html", ".svg", ".png", ".gif", ".csv", ".ipynb"}
"""Files that a browser shows better than a page of source would, and those to download."""

FROM_ROOT = "from-root:"

shown: set[Path] = set()
"""Files and folders that some page links to, relative to the root."""


def page_of(path: Path) -> str:
    """The name of the page that shows a file or folder."""
    return f"source/{path.as_posix()}" + ("/index" if (ROOT / path).is_dir() else "")


def address_of(path: Path) -> str:
    """Its address, relative to the site's root."""
    if path.suffix in AS_THEY_ARE:
        return quote(f"files/{path.as_posix()}")
    return quote(page_of(path)) + ".html"


class SourceLinks(SphinxTransform):
    """Before Sphinx takes them for downloads, or for names that it does not know."""

    default_priority = 5

    def apply(self) -> None:
        for node in list(self.document.findall(_is_link)):
            target, _, anchor = node["reftarget"].partition("#")
            if not target:
                continue
            path = Path(self.env.relfn2path(target, self.env.docname)[1])
            if not path.exists() or not path.is_relative_to(ROOT):
                continue
            path = path.relative_to(ROOT)
            if (ROOT / path).is_dir():
                docname = self.env.path2doc(str(ROOT / path / "README.md"))
                if docname in self.env.found_docs and path != Path("."):
                    node.replace_self(_to_page(self.env.docname, docname, node))
                    continue
            shown.add(path)
            uri = _between(self.env.docname, address_of(path))
            if anchor:
                uri += "#" + anchor
            node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def _is_link(node: nodes.Node) -> bool:
    kinds = (addnodes.download_reference, addnodes.pending_xref)
    return isinstance(node, kinds) and node.get("reftype") == "myst" and not node.get("refdomain")


def _to_page(docname: str, target: str, node: nodes.Element) -> nodes.reference:
    uri = _between(docname, f"{target}.html")
    return nodes.reference("", "", *node.children, refuri=uri, internal=True)


def _between(docname: str, address: str) -> str:
    return posixpath.relpath(address, posixpath.dirname(docname) or ".")


def link_to_code(domain: str, info: dict[str, str]) -> str | None:
    """Of a documented object, for sphinx.ext.linkcode: the lines that define it.

    The address is relative to the site's root; `lead_from_here` makes it one from the page.
    """
    if domain != "py":
        return None
    try:
        found = import_module(info["module"])
        for name in info["fullname"].split("."):
            found = getattr(found, name)
        found = inspect.unwrap(getattr(found, "fget", None) or found)
        path = Path(inspect.getsourcefile(found)).relative_to(ROOT)
        line = inspect.getsourcelines(found)[1]
    except (AttributeError, ImportError, OSError, TypeError, ValueError):
        return None  # of an attribute, say
    shown.add(path)
    return f"{FROM_ROOT}{address_of(path)}#line-{line}"


def lead_from_here(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in doctree.findall(nodes.reference):
        if node.get("refuri", "").startswith(FROM_ROOT):
            node["refuri"] = _between(docname, node["refuri"].removeprefix(FROM_ROOT))


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, object], str]]:
    """The pages of all that is linked, and of what is in linked folders."""
    navigation: dict[int, str] = {}

    def toctree(depth: int, page: str, **options: bool | int) -> str:
        """The same on all pages so deep, and slow to make."""
        if depth not in navigation:
            tree = global_toctree_for_doc(app.env, page, app.builder, tags=app.tags, **options)
            navigation[depth] = app.builder.render_partial(tree)["fragment"]
        return navigation[depth]

    waiting, made = sorted(shown), set()
    while waiting:
        path = waiting.pop()
        if path in made:
            continue
        made.add(path)
        if path.suffix in AS_THEY_ARE:
            target = Path(app.outdir, "files", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(ROOT / path, target, force=True)
            continue
        if (ROOT / path).is_dir():
            inside = _inside(path)
            waiting += inside
            body = _listing(path, inside)
        else:
            body = _highlighted(path)
        title = path.as_posix()
        body = f'<div class="source"><h1>{escape(title)}</h1>{body}</div>'
        page = page_of(path)
        context = {
            "title": title,
            "body": body,
            "toctree": partial(toctree, page.count("/"), page),
        }
        yield page, context, "page.html"


def _inside(folder: Path) -> list[Path]:
    """What is worth showing of a folder, folders first."""
    entries = [
        entry.relative_to(ROOT)
        for entry in (ROOT / folder).iterdir()
        if entry.name[0] != "." and entry.name not in ("__pycache__", "build", "dist")
        if (entry.is_dir() and any(entry.glob("**/*.py"))) or entry.suffix in (".py", ".txt")
    ]
    return sorted(entries, key=lambda path: (not (ROOT / path).is_dir(), path.name))


def _listing(folder: Path, inside: list[Path]) -> str:
    here = page_of(folder)
    lines = []
    for path in inside:
        link = posixpath.relpath(address_of(path), posixpath.dirname(here))
        name = path.name + "/" * (ROOT / path).is_dir()
        lines.append(
            f'<li><a href="{link}"><code>{escape(name)}</code></a> {_first_line(path)}</li>'
        )
    return f'<ul class="listing">{"".join(lines)}</ul>'


def _first_line(path: Path) -> str:
    """What a Python file says of itself first."""
    source = ROOT / path / "__init__.py" if (ROOT / path).is_dir() else ROOT / path
    if source.suffix != ".py" or not source.exists():
        return ""
    lines = source.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].startswith('"""'):
        return ""
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(lines[0].strip('"')))


def _highlighted(path: Path) -> str:
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        lexer = TextLexer()
    formatter = HtmlFormatter(
        cssclass="highlight", linenos="inline", lineanchors="line", anchorlinenos=True
    )
    return highlight(text.rstrip() + os.linesep, lexer, formatter)


def setup(app: Sphinx) -> dict[str, bool]:
    shown.clear()
    app.add_transform(SourceLinks)
    app.connect("doctree-resolved", lead_from_here)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
