"""What a trace shows in a notebook, on a page, in a terminal and in LaTeX, besides its text."""

from __future__ import annotations

import builtins
import json
import re
import time
from functools import cache
from itertools import chain
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from layer_cases import CASES
from loss_cases import CASES as LOSSES
from plainnet import Network, NeuralNetwork
from plainnet.errors import SettingError
from plainnet.inspection import Trace, trace
from plainnet.inspection.tracing.html import COLUMNS, NOTEBOOK, ROWS, Bounds, html_of
from plainnet.inspection.tracing.terms import Function, Many, Number, Operation
from plainnet.inspection.tracing.writing import LatexWriter, Writer, number
from plainnet.layers import (
    LSTM,
    Add,
    BatchNorm,
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    Graph,
    MaxPool2d,
    ReLU,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam
from printed import Undecided, parsed
from traced import Odd, some_of, traced_layer, traced_loss


def traced(layers: Any, input_shape: Any, X: Any, y: Any, optimizer: Any = None) -> Trace:
    network = Network(
        layers, loss=SoftmaxCrossEntropy(), input_shape=input_shape, seed=0, dtype=np.float64
    )
    return trace(network, X, y, optimizer)


@cache
def small() -> Trace:
    return traced([Dense(2), ReLU(), Dense(2)], 2, [[1.0, 2.0]], [1], SGD(0.5))


@cache
def image() -> Trace:
    layers = [Conv2d(16, 3), BatchNorm(), ReLU(), MaxPool2d(2), Flatten(), Dense(10)]
    X = np.random.default_rng(0).normal(size=(4, 16, 16, 1))
    return traced(layers, (16, 16, 1), X, [0, 2, 1, 0], SGD(0.1))


def transformer(blocks: int) -> Trace:
    layers = [Embedding(20, 16), *(TransformerBlock(4) for _ in range(blocks)), Dense(20)]
    ids = np.arange(32).reshape(4, 8) % 20
    return traced(layers, (8,), ids, ids, Adam())


def with_an_odd_layer() -> Trace:
    network = Network([Odd(), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    return trace(network, [[1.0, 2.0]], [2.0])


def prediction() -> Trace:
    return trace(Network([Dense(2)], loss=MeanSquaredError(), input_shape=2), [[1.0, 2.0]])


def book() -> Trace:
    X, Y = np.array([[1.0, 0.5], [2.0, -1.0]]), np.array([[1.0, 0], [0, 1.0]])
    return trace(NeuralNetwork(2, [2], 2, seed=0), X, Y)


def recurrent() -> Trace:
    X = np.random.default_rng(0).normal(size=(2, 4, 2))
    return traced([LSTM(3), Dense(2)], (4, 2), X, [0, 1])


def not_finite() -> Trace:
    network = Network([Dense(3)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64)
    network["0.dense.W"] = [[np.inf, 1], [np.nan, 0], [-np.inf, 2]]
    return trace(network, [[1.0, -1.0]])


TRACES = {
    "small": small,
    "prediction": prediction,
    "image": image,
    "recurrent": recurrent,
    "odd": with_an_odd_layer,
    "textbook": book,
    "not finite": not_finite,
}  # fmt: skip
every_trace = pytest.mark.parametrize("make", TRACES.values(), ids=TRACES)


def words(root: ElementTree.Element) -> str:
    return "".join(root.itertext()).strip()


def tables(root: ElementTree.Element) -> dict[str, list[list[ElementTree.Element]]]:
    """The rows of cells of each table, by the name in its corner."""
    found = {}
    for table in root.iter("table"):
        rows = [[*row.iter("td")] for row in table.find("tbody")]
        found[words(table.find("thead/tr/th"))] = rows
    return found


# --- HTML -----------------------------------------------------------------------------------------


@every_trace
def test_it_is_a_document_that_needs_nothing_from_outside(make):
    record = make()
    html = record._repr_html_()
    root = ElementTree.fromstring(html)
    assert not re.search(r"http|url\(|@import|javascript", html)
    assert not {each.tag for each in root.iter()} & {"script", "link", "img", "iframe", "b"}
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("href", "src")}
    for step in record.steps:
        ElementTree.fromstring(step._repr_html_())
    first = next(step for step in record.steps if step.outputs)
    name, array = next(iter(first.outputs.items()))
    ElementTree.fromstring(first.line(name, (0,) * array.ndim)._repr_html_())


@every_trace
def test_each_step_has_its_section_and_the_text_that_is_printed(make):
    record = make()
    root = ElementTree.fromstring(record._repr_html_())
    sections = root.findall("details")
    assert len(sections) == len(record.steps)
    for step, section in zip(record.steps, sections, strict=True):
        title = words(section.find("summary"))
        printed = re.sub("[\x00\x1b]", "\ufffd", step.subject)
        assert title.startswith(f"{step.layer} {printed}")
        for name, origin in step.origins.items():
            assert f"{name} is {origin}" in words(section.find("p"))
        formulas = section.findall("p[@class='plainnet-formula']/code")
        assert [words(each) for each in formulas] == [*map(str, step.formulas)]
        if step.formulas:
            printed = words(section.find("details/pre")).split("\n")
            assert [each.strip() for each in printed] == [
                each.strip() for each in step.text().split("\n")[1:]
            ]  # fmt: skip
        else:
            assert step.why_no_formulas in words(section)


@every_trace
def test_a_table_has_the_numbers_of_the_array_and_their_lines(make):
    record = make()
    checked = 0
    for step in record.steps:
        for corner, rows in tables(ElementTree.fromstring(step._repr_html_())).items():
            name, _, places = corner.partition("[")
            array = step.outputs[name]
            shown = np.atleast_2d(eval(f"array[{places}") if places else array)[:ROWS, :COLUMNS]
            assert [[words(cell) for cell in row] for row in rows] == [
                [number(value) for value in row] for row in shown
            ]
            for cell, value in zip(chain(*rows), shown.ravel(), strict=True):
                if title := cell.get("title"):
                    checked += 1
                    assert title.endswith(f" = {number(value)}")
                colour = cell.get("class", "plainnet-0")
                if np.isfinite(value):
                    sign = {1.0: "p", -1.0: "n", 0.0: "0"}[float(np.sign(float(value)))]
                    assert colour.removeprefix("plainnet-")[0] == sign
    assert checked


def test_a_number_shows_its_line():
    rows = tables(ElementTree.fromstring(small().step(0)._repr_html_()))["Z"]
    line = small().unit("0.dense.Z", (0, 1))
    assert rows[0][1].get("title") == str(line)
    assert str(line).startswith("Z[0, 1] = 1*0.640 + 2*0.105")


def test_a_number_that_another_layer_has_made_says_which():
    record = transformer(1)
    step = next(s for s in record.steps if any("layers(" in f.plain for f in s.formulas))
    first = next(ElementTree.fromstring(step._repr_html_()).iter("td")).get("title")
    assert re.match(r"1\.transformerblock\.[\w.]+\.\w+\[0, 0, 0\] = ", first)


def test_what_is_left_out_is_said():
    root = ElementTree.fromstring(image().step(0)._repr_html_())
    assert [words(each) for each in root.iter("p") if words(each).startswith("Z[")] == [
        "Z[0, :6, :8, 0], 48 of 12,544 numbers of (4, 14, 14, 16)"
    ]
    assert "Z[0, :6, :8, 0]" in tables(root)
    update = ElementTree.fromstring(image().step("update.0.conv2d.W")._repr_html_())
    assert "p_next[0, :, :, 0]" in tables(update)  # height and width there too
    assert " numbers of " not in small()._repr_html_()


def test_first_steps_of_a_short_trace_are_open():
    sections = ElementTree.fromstring(small()._repr_html_()).findall("details")
    opened = [each.get("open") for each in sections]
    assert opened[:4] == [""] * 4
    assert set(opened[4:]) == {None}
    assert 'open=""' not in transformer(1)._repr_html_()


def test_it_is_escaped():
    html = with_an_odd_layer()._repr_html_()
    assert "<b>" not in html
    assert "Odd(&lt;b&gt;x" in html
    for step in with_an_odd_layer().steps:
        assert "<b>" not in step._repr_html_()


def test_size_and_time_are_bounded():
    record = transformer(2)
    assert sum(len(step.formulas) for step in record.steps) > 250

    def spent() -> float:
        start = time.process_time()
        record._repr_html_()
        return time.process_time() - start

    html = record._repr_html_()
    assert any(spent() < 4 for _ in range(3))  # about 0.6 s
    assert len(html) < 1_000_000
    assert 500 < html.count("title=") <= NOTEBOOK.lines
    assert len(image()._repr_html_()) < 500_000


def test_where_the_room_ends_it_says_so():
    html = html_of(small(), Bounds(3, 100, 2))
    root = ElementTree.fromstring(html)
    assert len(root.findall("details")) == 3
    assert words(root.findall("p")[-1]).startswith("... and 9 more steps: trace.step(3) is the ")
    titled = [cell.get("title") is not None for cell in root.iter("td")]
    assert titled == [True, False] * 3


@pytest.mark.parametrize("installed", [True, False])
def test_formulas_are_expressions_and_mathematics_where_it_can_be_set(installed, monkeypatch):
    from plainnet.inspection.tracing import html

    if installed:
        pytest.importorskip("latex2mathml", reason="latex2mathml is in the extra `all-tests`")
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("latex2mathml"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    if not installed:
        monkeypatch.setattr(builtins, "__import__", without)
    html.mathematics.cache_clear()
    try:
        root = ElementTree.fromstring(small()._repr_html_())
    finally:
        html.mathematics.cache_clear()
    assert bool([*root.iter("math")]) == installed
    assert "Z = A @ W.T + b" in [words(code) for code in root.iter("code")]


def test_the_numbers_of_a_line_have_their_full_names():
    line = small().unit("2.dense.Z", (0, 1))
    root = ElementTree.fromstring(line._repr_html_())
    assert words(root.find("p")) == str(line) == "Z[0, 1] = 0*0.261 + 0.850*0.562 + 0 = 0.478"
    assert [(span.text, span.get("title")) for span in root.iter("span")] == [
        ("Z[0, 1]", "2.dense.Z[0, 1]"),
        ("0", "2.dense.A[0, 0]"),
        ("0.261", "2.dense.W[1, 0]"),
        ("0.850", "2.dense.A[0, 1]"),
        ("0.562", "2.dense.W[1, 1]"),
        ("0", "2.dense.b[1]"),
    ]


# --- files ----------------------------------------------------------------------------------------


def test_it_is_saved_as_a_page_as_text_and_as_json(tmp_path):
    record = with_an_odd_layer()
    for ending in ("html", "txt", "json"):
        record.save(tmp_path / f"trace.{ending}")
    text = (tmp_path / "trace.html").read_text("utf-8")
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    page = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert words(page.find("head/title")).startswith("Trace of ")
    assert page.findall("head/meta[@name='viewport']")
    assert "color-scheme:light dark" in text
    assert "http" not in text
    assert (tmp_path / "trace.txt").read_text("utf-8") == f"{record}\n"
    form = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    assert form == json.loads(record.to_json())


def test_another_ending_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(SettingError, match=r"saved as \.html, \.txt or \.json; got .*trace\.pdf"):
        small().save(tmp_path / "trace.pdf")
    assert not [*tmp_path.iterdir()]


# --- the terminal ---------------------------------------------------------------------------------


@every_trace
def test_in_colour_it_is_the_same_text(make):
    pytest.importorskip("rich")
    record = make()
    assert record.__rich__().plain == str(record)
    for step in record.steps[:3]:
        assert step.__rich__().plain == str(step)


def test_names_have_a_colour():
    pytest.importorskip("rich")
    shown = small().__rich__()
    styled = {}
    for span in shown.spans:
        styled.setdefault(span.style, []).append(shown.plain[span.start : span.end])
    assert {"Forward", "0.dense", "loss", "Update"} <= {*styled["bold"]}
    assert {"Z[0, 1]", "L", "p_next[0]"} <= {*styled["cyan"]}
    assert {"  A is 1.relu.A", "  # (1, 2)"} <= {*styled["dim"]}


# --- LaTeX ----------------------------------------------------------------------------------------

WORDS = {
    r"\left(": "(", r"\right)": ")", r"\left|": "abs(", r"\right|": ")", r"\cdot": "*",
    r"\bmod": "%", r"\wedge": "&", r"\ge": ">=", r"\le": "<=", r"\ne": "!=", r"\infty": "inf",
    r"\sigma": "sigmoid",
}  # fmt: skip

INNER = r"\{([^{}]*)\}"
BRACES = {
    rf"\\left\\lfloor \\frac{INNER}{INNER} \\right\\rfloor": r"((\1)//(\2))",
    rf"\\frac{INNER}{INNER}": r"((\1)/(\2))",
    rf"\\sqrt{INNER}": r"sqrt(\1)",
    rf"(?<![\w.\\])e\^{INNER}": r"exp(\1)",
    rf"\^{INNER}": r"**(\1)",
}


def python_of(latex: str) -> str:
    """The expression that one side of a line in LaTeX stands for."""
    latex = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", latex)
    latex = re.sub(r"\\underbrace\{\\cdots\}_\{\\text\{[\d,]+ more: \} ([^{}]+)\}", r"(\1)", latex)
    latex = re.sub(r"\\operatorname\{(\w+)\}|\\text\{(\w+)\}", r"\1\2", latex)
    latex = latex.replace(" = ", " == ").translate(str.maketrans("[]", "()"))
    while "{" in latex:  # from the innermost braces outwards
        for braces, meaning in BRACES.items():
            latex, n = re.subn(braces, meaning, latex, count=1)
            if n:
                break
        else:
            raise AssertionError(latex)
    for word, meaning in WORDS.items():
        latex = re.sub(rf"{re.escape(word)}(?![a-z])", lambda _, m=meaning: m, latex)
    return re.sub(r"\\([a-zA-Z]+)", r"\1", latex)


def expect_same_in_latex(record: Trace, rng: np.random.Generator, n: int = 1) -> None:
    """The LaTeX of each line says what its text says."""
    for name, index in some_of(record, rng, n):
        line = record.unit(name, index)
        for digits in (3, 12):
            text, latex = line.text(digits=digits), line.latex(digits=digits)
            assert latex.count("{") == latex.count("}"), latex
            assert latex.count(r"\left") == latex.count(r"\right"), latex
            _, *said = text.split(" = ")
            _, rest = latex.split(" = ", 1)
            sides = rest.rsplit(" = ", 1) if len(said) > 1 else [rest]
            if isinstance(line.term, Number):  # what is only moved has a name before its value
                said, sides = said[-1:], sides[-1:]
            for one, other in zip(said, sides, strict=True):
                try:
                    expected = parsed(one, digits).value
                except Undecided:
                    continue
                found = parsed(python_of(other), digits).value
                same = pytest.approx(expected, rel=1e-7, abs=1e-12, nan_ok=True)
                assert found == same, (text, latex)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_latex_of_every_layer(case, rng):
    expect_same_in_latex(traced_layer(case, rng), rng)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in LOSSES])
def test_latex_of_every_loss(case, rng):
    expect_same_in_latex(traced_loss(case, rng), rng, n=2)


def test_all_lines_in_latex_can_be_set(rng):
    latex2mathml = pytest.importorskip(
        "latex2mathml.converter", reason="latex2mathml is in the extra `all-tests`"
    )
    records = [traced_layer(case, rng) for case in CASES] + [traced_loss(c, rng) for c in LOSSES]
    for record in records:
        for name, index in some_of(record, rng, 1):
            line = record.unit(name, index)
            for names in (True, False):
                assert "\\" not in latex2mathml.convert(line.latex(names=names))


def of(value: float, name: str = "", index: tuple[int, ...] = ()) -> Number:
    return Number(name, index, value, name)


def test_latex_by_hand():
    x, y = of(-0.5), of(2.0)
    written = LatexWriter()
    terms = {
        Operation("*", (y, x), -1.0): r"2 \cdot (-0.5)",
        Operation("*", (x, y), -1.0): r"-0.5 \cdot 2",
        Operation("/", (Operation("+", (x, y), 1.5), y), 0.75): r"\frac{-0.5 + 2}{2}",
        Operation("**", (x, y), 0.25): "(-0.5)^{2}",
        Operation("**", (Operation("/", (x, y), -0.25), y), 0.06):
            r"\left(\frac{-0.5}{2}\right)^{2}",
        Operation("**", (Function("log", (y,), 0.7), y), 0.5): r"(\log(2))^{2}",
        Operation("-", (y, Operation("*", (x, of(1.23e-8)), 0.0)), 2.0):
            r"2 - (-0.5) \cdot 1.23 \times 10^{-8}",
        Operation("*", (y, of(-1.23e-8)), 0.0): r"2 \cdot (-1.23 \times 10^{-8})",
        Operation("*", (y, Operation(">", (x, of(0.0)), False)), 0.0): r"2 \cdot [-0.5 > 0]",
        Operation("-", (Function("exp", (x,), 0.6),), -0.6): "-e^{-0.5}",
        Function("sigmoid", (x,), 0.4): r"\sigma(-0.5)",
        Function("sqrt", (y,), 1.4): r"\sqrt{2}",
        Function("maximum", (x, of(0.0)), 0.0): r"\max(-0.5, 0)",
        Function("log1p", (x,), -0.7): r"\log(1 + (-0.5))",
        Function("sign", (x,), -1.0): r"\operatorname{sign}(-0.5)",
    }  # fmt: skip
    assert {written(term): latex for term, latex in terms.items()} == {
        latex: latex for latex in terms.values()
    }


def test_a_long_sum_names_what_it_leaves_out():
    values = np.arange(1.0, 21.0)
    term = Many("mean", [of(value) for value in values], values, 10.5)
    assert Writer(most=4)(term) == "(1 + 2 + (16 more: 168) + 19 + 20)/20"
    assert LatexWriter(most=4)(term) == (
        r"\frac{1 + 2 + \underbrace{\cdots}_{\text{16 more: } 168} + 19 + 20}{20}"
    )


def test_names_in_latex():
    names = {
        ("Z", (0, 1)): "Z_{0,1}", ("dW", (2,)): "dW_{2}", ("L", ()): "L",
        ("p_next", (0, 1)): r"p_{\text{next};0,1}", ("gamma", (0,)): r"\gamma_{0}",
        ("dgamma", (0,)): r"d\gamma_{0}", ("losses", (3,)): r"\text{losses}_{3}",
        ("Z1", (0, 1)): "Z_{1;0,1}", ("A_2", (0,)): "A_{2;0}", ("dZ_i", ()): "dZ_{i}",
        ("exp_Z", (0,)): r"\text{exp}_{Z;0}", ("beta", ()): r"\beta", ("h0", (1,)): "h_{0;1}",
    }  # fmt: skip
    assert {name: LatexWriter().reference(*name) for name in names} == names


# --- derivations ----------------------------------------------------------------------------------


def test_a_derivation_ends_with_its_gradient_and_shows_every_formula():
    network = [LSTM(3, return_sequences=True), Dense(2)]
    X = np.random.default_rng(0).normal(size=(1, 3, 2))
    record = traced(network, (3, 2), X, [[0, 1, 1]])
    derivation = record.derivation("0.lstm.W", (0, 0))
    assert derivation.links[-1].formula.result == "dW"
    assert "dY = dH + dY_above" in derivation.symbols
    markdown = derivation._repr_markdown_()
    assert r"0.lstm} && \text{dY} &= \text{dH + dY}\_\text{above}" in markdown
    rows = markdown.partition("aligned}\n")[2].partition("\n\\end")[0].split(" \\\\\n")
    assert len(rows) == len(derivation.links)
    assert all(re.search(r"&& \S.* &= \S", row) for row in rows)
    assert {"loss.each", "1.dense", "0.lstm"} <= {link.layer for link in derivation.links[6:]}


def test_a_derivation_through_a_branch_names_who_gives_back():
    nodes = {"a": (Dense(2), "X"), "b": (ReLU(), "a"), "sum": (Add(), "a", "b")}
    graph = Graph(nodes, inputs="X", outputs="sum")
    markdown = traced(graph, 2, [[1.0, 2.0]], [1]).derivation("a.W")._repr_markdown_()
    assert r"\text{a} && \text{dZ} &= \text{b.dZ + sum.dA}\_\text{1}" in markdown
