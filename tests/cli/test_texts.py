"""Folders of texts: training and predictions, encodings, what is left out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.cli import folders
from plainnet.estimators import TextClassifier

from .conftest import Refused, Run

QUICK = ("--networks", "1", "--epochs", "6")
WORDS = {"good": ("fine", "lovely", "très"), "bad": ("dull", "poor", "grim")}


def text(kind: str, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(rng.choice([*WORDS[kind], "the film", "was"], 9))


@pytest.fixture
def reviews(folder: Path) -> Path:
    """Two classes of twelve texts, some one folder deeper."""
    root = folder / "reviews"
    for kind in WORDS:
        (root / kind / "more").mkdir(parents=True)
        for i in range(12):
            place = root / kind / ("more" if i % 5 == 0 else "") / f"{i}.{('txt', 'TXT')[i % 2]}"
            place.write_text(text(kind, i), "utf-8")
    return root


def rows(out: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(out)))


def test_a_folder_is_learned_and_files_are_predicted(run: Run, reviews: Path) -> None:
    found = folders.to_learn("reviews")
    assert (found.kind, len(found.paths), found.labels[0]) == ("texts", 24, "bad")
    result = run("train", "reviews")
    assert (result.code, result.err) == (0, "")
    assert "reviews: 24 texts in 2 classes\n" in result.out
    assert "Texts: 20 to learn from, 4 to test (stratified, seed 0)\n" in result.out
    assert "5 networks are averaged. Each holds out another fifth of the texts" in result.out
    assert "words, pairs of words and parts of words" in result.out
    assert result.out.count("0.embeddingbag") == 1
    assert "network 5/5, epoch" in result.out
    assert "All 5 networks" in result.out
    assert "4 of 4 texts are right" in result.out

    Path("new.txt").write_text(text("good", 99), "utf-8")
    result = run("predict", "reviews-model.skops", "new.txt", "reviews/bad", "--proba")
    assert (result.code, result.err) == (0, "")
    header, *lines = rows(result.out)
    assert header == ["file", "prediction", "proba_bad", "proba_good"]
    assert [line[1] for line in lines] == ["good", *["bad"] * 12]
    texts = [Path(line[0]).read_text("utf-8") for line in lines]
    P = plainnet.load("reviews-model.skops").predict_proba(texts)
    np.testing.assert_allclose(np.array([line[2:] for line in lines], float), P, rtol=1e-5)


def test_settings_reach_the_estimator(run: Run, reviews: Path) -> None:
    given = ("--batch-size", 4, "--learning-rate", 0.02, "--dropout", 0.1, "--weight-decay", 0.01)
    result = run("train", "reviews", *QUICK, *given, "--out", "m.skops")
    assert "A fifth of the texts to learn from, at most 3,000, decides" in result.out
    model = plainnet.load("m.skops")
    assert (model.n_networks, model.epochs, model.batch_size) == (1, 6, 4)
    assert (model.learning_rate, model.dropout, model.weight_decay) == (0.02, 0.1, 0.01)
    assert len(model.callbacks) == 0


@pytest.mark.parametrize(
    "option",
    [
        ("--target", "x"), ("--column", "x=text"), ("--separator", ";"), ("--hidden", "8"),
        ("--preset", "fast"), ("--label-smoothing", "0"), ("--resume",),
    ],
)  # fmt: skip
def test_options_of_others_are_refused(
    refused: Refused, reviews: Path, option: tuple[str, ...]
) -> None:
    assert f"a folder of texts, and {option[0]} is for tables" in refused(
        "train", "reviews", *option
    )


def test_a_text_is_read_in_the_encoding_it_has(run: Run, reviews: Path) -> None:
    run("train", "reviews", *QUICK, "--out", "m.skops")
    said = text("good", 3)
    for name, encoding, ends in (
        ("plain", "utf-8", "\n"), ("marked", "utf-8-sig", "\r\n"), ("wide", "utf-16", "\n"),
        ("windows", "cp1252", "\r\n"),
    ):  # fmt: skip
        Path(f"{name}.txt").write_bytes((said + ends).encode(encoding))
    names = [f"{name}.txt" for name in ("plain", "marked", "wide", "windows")]
    result = run("predict", "m.skops", *names, "--proba")
    assert result.err.splitlines() == [
        "plainnet: warning: windows.txt is not UTF-8 text and is read as Windows-1252; --encoding "
        "names another"
    ]
    assert len({tuple(line[1:]) for line in rows(result.out)[1:]}) == 1
    result = run("predict", "m.skops", "windows.txt", "--encoding", "cp1252")
    assert (result.code, result.err) == (0, "")


def test_files_in_windows_encoding_are_one_warning(run: Run, reviews: Path) -> None:
    for kind in WORDS:
        for path in (reviews / kind).glob("*.txt"):
            path.write_bytes(path.read_bytes() + b" \xe9t\xe9")
    result = run("train", "reviews", *QUICK, "-q")
    assert result.err.count("\n") == 1
    assert "other files are not UTF-8 text and are read as Windows-1252" in result.err


def test_broken_and_empty_texts_are_named(run: Run, refused: Refused, reviews: Path) -> None:
    (reviews / "good/zero.txt").write_bytes(b"a\0b")
    (reviews / "good/late.txt").write_bytes(b"a" * 5000 + b"\0")
    (reviews / "good/odd.txt").write_bytes(b"\x81\xff")
    (reviews / "good/empty.txt").write_text(" \n")
    result = run("train", "reviews", *QUICK, "-q", "--out", "m.skops")
    assert (result.code, result.out) == (0, "")
    lines = result.err.splitlines()
    assert all(line.startswith("plainnet: left out: reviews/good/") for line in lines)
    for name, why in (
        ("zero", "zero bytes"), ("late", "zero bytes"), ("odd", "neither UTF-8 nor"),
        ("empty", "is empty"),
    ):  # fmt: skip
        assert sum(f"{name}.txt" in line and why in line for line in lines) == 1
    assert len(lines) == 4

    result = run("predict", "m.skops", "reviews/good")
    files = [Path(line[0]).name for line in rows(result.out)[1:]]
    assert "empty.txt" in files
    assert not {"zero.txt", "late.txt", "odd.txt"} & set(files)
    assert "warning: reviews/good/empty.txt is empty" in result.err
    for command in (("train", "reviews"), ("predict", "m.skops", "reviews")):
        assert "holds zero bytes" in refused(*command, "--broken", "refuse")


def test_what_leaves_nothing_to_learn_is_refused(run: Run, folder: Path) -> None:
    for name in ("a/1.txt", "a/2.txt", "b/1.txt"):
        path = folder / "x" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    result = run("train", "x")
    assert (result.code, result.err.splitlines()[-1]) == (
        2,
        "plainnet: x has only broken or empty files: there is nothing to learn",
    )
    for path in (folder / "x" / "a").glob("*"):
        path.write_text("words")
    assert "x has texts of only one class, 'a'" in run("train", "x").err
    (folder / "x/b/1.txt").write_text("others")
    assert "'b' has one text, and learning and testing need one each" in run("train", "x").err


def test_a_table_is_not_one_text(run: Run, refused: Refused, reviews: Path, flowers: Path) -> None:
    assert run("train", "reviews", *QUICK).code == 0
    message = refused("predict", "reviews-model.skops", flowers)
    assert f"{flowers} is a table, and the model was trained on texts" in message


def test_a_model_from_python_predicts_files(run: Run, refused: Refused, reviews: Path) -> None:
    texts, labels = [text(kind, i) for kind in WORDS for i in range(6)], ["good"] * 6 + ["bad"] * 6
    model = TextClassifier(epochs=2, n_networks=1, random_state=0)
    plainnet.save(model, "new.skops")
    assert "has not learned anything" in refused("predict", "new.skops", "reviews")
    plainnet.save(model.fit(texts, labels), "m.skops")
    assert len(run("predict", "m.skops", "reviews").out.splitlines()) == 25
    several = np.eye(2, dtype=int)[np.arange(12) % 2]
    plainnet.save(model.fit(texts, several), "several.skops")
    assert "more than one value per file" in refused("predict", "several.skops", "reviews")
