"""The page of a folder of pictures or of texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.cli.folders import NAMED
from plainnet.cli.pages.document import Document, Fact, Section, aside, side_by_side, wide
from plainnet.cli.pages.figures import bars, histogram, picture, pictures
from plainnet.cli.pages.images import of_examples, of_maps
from plainnet.cli.pages.network import of_command, of_doctor, of_network, of_training
from plainnet.cli.pages.scores import Classes
from plainnet.cli.pages.worst import of_worst
from plainnet.engine.tables import Table
from plainnet.inspection.markup import Markup, element, paragraph, table

if TYPE_CHECKING:
    from plainnet.cli.class_folders import Run

Array = npt.NDArray[Any]

READ, READ_AT_ONCE = 40, 100
"""How many words of a text are left out in turn, and how many texts that is done for."""
TELLING = 10
"""How many words are shown for each class."""
CLASSES = 20
SHADE = 0.35
"""The opacity of the colour of the most important word."""


def document(run: Run) -> Document:
    """The whole page."""
    model, folder, what = run.model, run.folder, f"{NAMED[run.folder.kind]}s"
    (X, y), (X_test, y_test) = run.of(run.rest), run.of(run.test)
    names = model.classes_.tolist()
    ids, test_ids = (np.searchsorted(model.classes_, labels) for labels in (y, y_test))
    P = model.predict_proba(X_test)
    scores = Classes(model, X_test, y_test, test_ids, P, names, what)
    diagnosis = plainnet.diagnose(model, X, y, validation=(X_test, y_test))
    several = getattr(model, "networks_", [model.network_])
    histories = getattr(model, "histories_", None) or [model.history_]
    best = getattr(model, "best_epochs_", None) or [model.best_epoch_]
    kind = _of_pictures if folder.kind == "images" else _of_texts
    data, matters, shown = kind(model, X, ids, X_test, scores)
    sections = [
        data,
        of_network(model.network_, len(several)),
        of_training(histories, best, run.epochs, run.seconds),
        *scores.sections(),
        of_doctor(diagnosis),
        matters,
        of_worst(
            scores,
            lambda i: str(folder.paths[run.test[i]]),
            shown,
            lambda i: plainnet.trace(model, [X_test[i]]),
        ),
    ]
    facts = [*scores.facts, Fact(what, f"{len(folder.paths):,}")]
    return Document(f"{folder.name}: {what}", [of_command(run.settings.command)], facts, sections)


def _of_pictures(
    model: Any, X: Sequence[Any], ids: Array, X_test: Sequence[Any], scores: Classes
) -> tuple[Section, Section, Any]:
    """The data, what matters in them, and how one of the test is shown."""
    tested = model.pixels_.take(X_test)
    inputs = model.pixels_.standardised(tested)

    def taken(files: Array) -> Sequence[Array]:
        return list(model.pixels_.take([X[i] for i in files.tolist()]))

    data = of_examples(taken, ids, scores.names, len(tested))
    matters = of_maps(
        model.network_, inputs, scores, lambda pixels: pixels, lambda each: each.sum(axis=-1)
    )

    def shown(i: int) -> Markup:
        return pictures([picture(tested[i], str(scores.names[scores.ids[i]]))])

    return data, matters, shown


def _of_texts(
    model: Any, X: Sequence[str], ids: Array, X_test: Sequence[str], scores: Classes
) -> tuple[Section, Section, Any]:
    lengths = np.array([len(text.split()) for text in X], float)
    said = f"{len(X):,} texts are learned from, and {len(X_test):,} are held out to test on."
    counts = np.bincount(ids, minlength=len(scores.names))
    rows = []
    for k in np.argsort(-counts, kind="stable")[:CLASSES]:
        words = lengths[ids == k]
        spread = f"{words.min():.0f} to {words.max():.0f}, median {np.median(words):.0f}"
        example = " ".join(X[int(np.argmax(ids == k))].split())
        drawn = bars(histogram(words), f"words in a text: {spread}")
        rows.append([str(scores.names[k]), f"{counts[k]:,}", spread, drawn, f"{example[:120]}"])
    titles = ["class", "texts", "words in a text", "distribution", "the first begins"]
    data = Section(
        "Data", [paragraph(said), wide(Table(titles, rows, numbers=["texts"]), wraps=True)]
    )
    return data, _of_words(model, X_test, scores), lambda i: _marked(model, X_test[i], scores, i)


def _of_words(model: Any, texts: Sequence[str], scores: Classes) -> Section:
    """Of each class, the words without which it is less probable."""
    told: dict[int, defaultdict[str, float]] = {}
    times: Counter[str] = Counter()
    for i in range(min(len(texts), READ_AT_ONCE)):
        k = int(scores.P[i].argmax())
        words, falls = _without_each(model, texts[i], k)
        for word, fall in zip(words, falls, strict=True):
            told.setdefault(k, defaultdict(float))[word.casefold().strip(".,;:!?\"'()")] += fall
        times.update({word.casefold() for word in words})
    tables = []
    for k in sorted(told)[:CLASSES]:
        found = [(fall, word) for word, fall in told[k].items() if fall > 0 and word]
        rows = [[word, f"{fall:.2f}"] for fall, word in sorted(found, reverse=True)[:TELLING]]
        if rows:
            tables.append(table(Table([str(scores.names[k]), "tells"], rows, numbers=["tells"])))
    return Section(
        "What matters",
        [
            side_by_side(*tables),
            aside(
                "The words that tell most of each class: how far the logarithm of its probability "
                "falls when they are left out, summed over the first test texts for which it is "
                "predicted."
            ),
        ],
    )


def _without_each(model: Any, text: str, k: int) -> tuple[list[str], Array]:
    """The first words of a text, and how far log P of class k falls without each."""
    words = text.split()
    shown = words[:READ]
    without = [" ".join([*words[:i], *words[i + 1 :]]) for i in range(len(shown))]
    P = model.predict_proba([text, *without])[:, k].astype(np.float64)
    logs = np.log(np.maximum(P, np.finfo(np.float32).tiny))
    return shown, logs[0] - logs[1:]


def _marked(model: Any, text: str, scores: Classes, i: int) -> Markup:
    """The text, with the words that speak for the predicted class and against it in colours."""
    words, falls = _without_each(model, text, int(scores.P[i].argmax()))
    largest = float(np.abs(falls).max(initial=0)) or 1.0
    marked: list[str] = []
    for word, fall in zip(words, falls, strict=True):
        color = "217,119,6" if fall > 0 else "59,130,246"
        depth = SHADE * abs(fall) / largest
        marked += [
            element(
                "span", word, style=f"background:rgba({color},{depth:.2f})", title=f"{fall:.3g}"
            ),
            " ",
        ]
    if len(text.split()) > len(words):
        marked.append("...")
    said = "Orange words speak for the predicted class, blue ones against it."
    return Markup(element("p", *marked) + aside(said))
