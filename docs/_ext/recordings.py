"""Trainings that play in a page: the picture `playground-NAME.png` becomes one from the playground.

docs/recordings.toml has their names, settings, lengths and titles.
"""

import posixpath
import re
import tomllib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

from plainnet.playground import export

RECORDINGS = tomllib.loads(Path(__file__).parents[1].joinpath("recordings.toml").read_text("utf-8"))
PICTURE = re.compile(r"(?:.*/)?(?:\d\d-)?playground-([\w-]+)\.png")
FOLDER = "_static/playground"

FRAME = """<figure class="recording">
<iframe src="{address}" title="{title}" loading="lazy"></iframe>
<noscript>"""
CAPTION = """</noscript>
<figcaption>{title}. <a href="{address}">On a page of its own</a></figcaption>
</figure>"""


class PlayInThePage(SphinxPostTransform):
    """The picture itself stays for browsers without JavaScript."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for image in list(self.document.findall(nodes.image)):
            found = PICTURE.fullmatch(image["uri"])
            if not found:
                continue
            if found[1] not in RECORDINGS:
                raise ExtensionError(f"{image['uri']}: recordings.toml has no {found[1]}")
            start = posixpath.dirname(self.env.docname) or "."
            said = {
                "address": posixpath.relpath(f"{FOLDER}/{found[1]}.html", start),
                "title": escape(RECORDINGS[found[1]]["title"]),
            }
            alone = isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1
            (image.parent if alone else image).replace_self([
                nodes.raw("", FRAME.format(**said), format="html"),
                image,
                nodes.raw("", CAPTION.format(**said), format="html"),
            ])  # fmt: skip


def record(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    for name, each in RECORDINGS.items():
        path = folder / f"{name}.html"
        export(path, each["setting"], steps=each["steps"], title=each["title"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(PlayInThePage)
    app.connect("build-finished", record)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
