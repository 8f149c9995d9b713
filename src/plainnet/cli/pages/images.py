"""The page of images: examples of each class, and which pixels matter."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.cli.explain import trace_of_pixels
from plainnet.cli.pages.document import Document, Fact, Section, aside, subtitle, wide
from plainnet.cli.pages.figures import bars, picture, pictures
from plainnet.cli.pages.network import of_command, of_doctor, of_network, of_training
from plainnet.cli.pages.scores import Classes
from plainnet.cli.pages.worst import of_worst
from plainnet.engine.tables import Table
from plainnet.inspection import gradient_times_input, integrated_gradients
from plainnet.inspection.markup import Markup, paragraph
from plainnet.network import Network

if TYPE_CHECKING:
    from plainnet.cli.images import Run
    from plainnet.cli.settings import Settings

Array = npt.NDArray[Any]

EXAMPLES, CLASSES = 8, 20
"""How many examples of a class; with more classes than this, none are shown."""
AVERAGED, ROUGHLY = 300, 0.1
"""How many test images' maps are averaged, and the tolerance of their attribution."""


def document(run: Run, settings: Settings, epochs: int, seconds: float) -> Document:
    """The whole page, for a plain network on pixels."""
    images, network, recipe = run.images, run.network, run.recipe
    pixels, ids = run.test
    X = recipe.inputs(pixels)
    scores = Classes(network, X, ids, ids, network.predict_proba(X), images.classes, "images")
    diagnosis = plainnet.diagnose(
        network, recipe.inputs(run.rest[0]), run.rest[1], run.optimizer, run.history, (X, ids),
        batch_size=run.batch_size,
    )  # fmt: skip

    def as_image(row: Array) -> Array:
        return row.reshape(images.shape)

    sections = [
        of_examples(
            lambda rows: [as_image(row) for row in run.rest[0][rows]], run.rest[1],
            images.classes, len(ids),
        ),
        of_network(network),
        of_training([run.history], [run.best], epochs, seconds),
        *scores.sections(),
        of_doctor(diagnosis),
        of_maps(network, X, scores, as_image, as_image),
        of_worst(
            scores,
            lambda i: f"Test image {i + 1:,}",
            lambda i: pictures([picture(as_image(pixels[i]), str(images.classes[ids[i]]))]),
            lambda i: trace_of_pixels(network, recipe, pixels[i : i + 1]),
        ),
    ]  # fmt: skip
    total = len(images.y) + (0 if images.test is None else len(ids))
    facts = [*scores.facts, Fact("images", f"{total:,}")]
    title = f"{images.name}: {images.target}"
    return Document(title, [of_command(settings.command)], facts, sections)


def of_examples(
    taken: Callable[[Array], Sequence[Array]], ids: Array, names: Sequence[Any], tested: int
) -> Section:
    """How many images of each class are learned from, and the first ones, from `taken`."""
    counts = np.bincount(ids, minlength=len(names))
    said = f"{len(ids):,} images are learned from, and {tested:,} are held out to test on."
    content = [paragraph(said)]
    if len(names) > CLASSES:
        content.append(_counted(counts, names))
        return Section("Data", content)
    for k, name in enumerate(names):
        share = f"{name}: {counts[k]:,} images, {counts[k] / len(ids):.1%}"
        content.append(subtitle(share))
        first = taken(np.flatnonzero(ids == k)[:EXAMPLES])
        content.append(pictures([picture(each, "") for each in first]))
    return Section("Data", content)


def _counted(counts: Array, names: Sequence[Any]) -> Markup:
    order = np.argsort(-counts, kind="stable")[:CLASSES]
    rows = [[str(names[k]), f"{counts[k]:,}"] for k in order]
    rows.append([f"all {len(names):,}", bars(sorted(counts, reverse=True)[:100], "all classes")])
    return wide(Table(["class", "images"], rows, numbers=["images"]))


def of_maps(network: Network, X: Array, scores: Classes, as_image: Any, as_map: Any) -> Section:
    """Which pixels support the predicted class, in one image of each class and on average."""
    wanted = []
    for k in range(min(len(scores.names), CLASSES)):
        of_class = np.flatnonzero((scores.ids == k) & (scores.P.argmax(axis=1) == k))
        if len(of_class):
            wanted.append(int(of_class[np.argmax(scores.P[of_class, k])]))
    shown = []
    if wanted:
        with warnings.catch_warnings():  # a picture needs few digits
            warnings.simplefilter("ignore", UserWarning)
            maps = integrated_gradients(network, X[wanted], scores.ids[wanted], tolerance=ROUGHLY)
        for i, each in zip(wanted, maps, strict=True):
            name = str(scores.names[scores.ids[i]])
            shown += [picture(as_image(X[i]), name), picture(as_map(each), "", signed=True)]
    some = slice(AVERAGED)
    everywhere = np.abs(gradient_times_input(network, X[some], scores.P[some].argmax(axis=1)))
    average = picture(as_map(everywhere.mean(axis=0)), f"all of {len(everywhere)}")
    return Section(
        "What matters",
        [
            pictures([*shown, average]),
            aside(
                "Beside the surest image of each class: which pixels speak for it (red) and "
                "against it (blue), by integrated gradients from an image of average pixels "
                "(Sundararajan et al. 2017). The last picture is the mean size of gradient times "
                "pixel: brighter pixels matter more."
            ),
        ],
    )
