"""What a notebook shows: well-formed, escaped, needing nothing from outside, and printed too."""

import copy
import pickle
import re
from functools import cache
from math import inf, nan
from xml.etree import ElementTree

import numpy as np
import pytest

from layer_cases import CASES
from loss_cases import CASES as LOSS_CASES
from plainnet import Network, check_gradients, compare, find_learning_rate, train
from plainnet.inspection import GradientCheck, Trace, trace
from plainnet.inspection.markup import LARGEST, MANY, Markup, element, judged
from plainnet.layers import Dense, Formula, Formulas, ReLU
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD, Adam
from plainnet.training.history import History
from traced import HOSTILE, Odd

SVG = "{http://www.w3.org/2000/svg}"


def network() -> Network:
    return Network([Dense(5), ReLU(), Dense(1)], loss=MeanSquaredError(), input_shape=3, seed=0)


@cache
def data() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(64, 3))
    return X, X.sum(axis=1, keepdims=True)


@cache
def trained() -> History:
    X, y = data()
    return train(
        network(), X, y, optimizer=Adam(0.01), epochs=12, batch_size=32, progress=False, seed=0,
        validation_data=(X, y),
    )  # fmt: skip


@cache
def rates():
    return find_learning_rate(network(), *data(), optimizer=SGD(), batch_size=16, steps=60, seed=0)


def traced() -> Trace:
    return trace(network(), [[1.0, 2.0, -0.5]], [[1.0]])


def with_an_odd_layer() -> Network:
    return Network([Odd(), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)


HISTORIES = {
    "trained": trained,
    "with NaN": lambda: History({"loss": [1.0, 0.5, 0.25], "val_loss": [1.5, nan, 0.75]}),
    "with infinity": lambda: History({"loss": [inf, 0.5, 0.25], "val_loss": [nan, nan, nan]}),
    "constant": lambda: History({"loss": [0.0, 0.0]}, "Ctrl-C"),
    "of one epoch": lambda: History({"loss": [0.5]}, "Ctrl-C"),
    "empty": History,
    "odd": lambda: History({HOSTILE: [1.0, 2.0]}, HOSTILE),
}
SHOWN = {
    "network": network,
    "odd network": with_an_odd_layer,
    "summary": lambda: network().summary(),
    "odd summary": lambda: with_an_odd_layer().summary(),
    "right gradients": lambda: check_gradients(Dense(2), input_shape=3),
    "wrong gradients": lambda: GradientCheck({HOSTILE: nan, "b": 1e-9}, 1e-7),
    "arrays that agree": lambda: compare({"W": [1.0]}, {"W": [1.0]}),
    "arrays that differ": lambda: compare({"W": 1.0, HOSTILE: 2.0}, {"W": 1.0, HOSTILE: 3.0}),
    "learning rates": rates,
    "trace": traced,
    "odd trace": lambda: trace(with_an_odd_layer(), [[1.0, 2.0]], [2.0]),
    "step": lambda: traced().steps[0],
    "line": lambda: traced().unit("0.dense.Z[0, 1]"),
    **{f"history {name}": make for name, make in HISTORIES.items()},
}
every_output = pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)


def parsed(shown: object) -> ElementTree.Element:
    return ElementTree.fromstring(shown._repr_html_())


def cells(root: ElementTree.Element) -> list[str]:
    return [text for each in root.iter() if each.tag in ("td", "th") if (text := words(each))]


def words(root: ElementTree.Element) -> str:
    return "".join(root.itertext()).strip()


# --- every output ---------------------------------------------------------------------------------


@every_output
def test_it_is_a_document_that_needs_nothing_from_outside(make):
    html = make()._repr_html_()
    assert type(html) is str
    root = ElementTree.fromstring(html)
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in html
    assert "@import" not in html
    tags = {each.tag.removeprefix(SVG) for each in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "b", "i"}
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("href", "src")}
    assert len(html) < 30_000


@every_output
def test_its_styles_are_of_its_own_classes(make):
    (style,) = parsed(make()).iter("style")
    rules = re.sub(r"@media print\{(.*)\}", r"\1", style.text).replace("\n", "")
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", rules)
    assert len(selectors) > 5
    for selector in selectors:
        assert all(part.startswith(".plainnet-") for part in re.split(r",(?![^(]*\))", selector))


@every_output
def test_whoever_listens_is_told_as_much(make):
    root = parsed(make())
    for table in root.iter("table"):
        assert {cell.get("scope") for cell in table.iter("th")} == {"col", "row"}
        (head,) = table.iter("thead")
        assert all(words(cell) for cell in head.iter("th"))
    for svg in root.iter(f"{SVG}svg"):
        if svg.get("viewBox"):
            assert svg.get("aria-label") or svg.get("aria-labelledby")
            assert svg.find(f"{SVG}title").text


@every_output
def test_the_colours_of_text_are_the_readers_own(make):
    """But for that of a verdict, which brings its background, and for the drawing's boxes."""
    root = parsed(make())
    (style,) = root.iter("style")
    assert set(re.findall(r"[^-]color:([^;}]+)", style.text)) == {"inherit", "#fff"}
    for svg in root.iter(f"{SVG}svg"):
        if svg.get("role") == "img":
            assert {text.get("fill", "inherited") for text in svg.iter(f"{SVG}text")} == {
                "inherited"
            }
            assert svg.get("fill") == "currentColor"


@every_output
def test_what_the_table_says_is_printed_too(make):
    shown = make()
    printed = shown.summary() if isinstance(shown, Network) else str(shown)
    if isinstance(shown, Trace):
        printed = shown.text(elements=50)
    printed = printed.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
    for cell in cells(parsed(shown)):
        if cell not in ("array", "gradient", "verdict", "agrees", "WRONG"):
            assert cell in printed


# --- the bits -------------------------------------------------------------------------------------


def test_text_is_escaped_and_markup_is_not():
    inner = element("b", "<&>", "\ud800\n")
    assert inner == "<b>&lt;&amp;&gt;\ufffd </b>"
    assert element("p", inner, class_='"', stroke_width=2) == (
        f'<p class="&quot;" stroke-width="2">{inner}</p>'
    )
    assert isinstance(inner, Markup)


def test_a_verdict_is_in_words_whatever_its_colour():
    right, wrong = (ElementTree.fromstring(f"<p>{judged(w, ' <', right=w == 'right')}</p>")
                    for w in ("right", "WRONG"))  # fmt: skip
    assert (words(right), words(wrong)) == ("right <", "WRONG <")
    assert right.find("span").get("class") != wrong.find("span").get("class")


# --- each object ----------------------------------------------------------------------------------


def test_a_network_is_its_drawing_and_its_summary():
    shown = network()
    html = shown._repr_html_()
    assert shown.draw().svg in html
    assert "26 parameters, float32" in html
    assert "<details>" not in html


def test_a_long_table_is_folded_and_a_large_drawing_left_out():
    def of(n):
        layers = [ReLU() for _ in range(n)]
        return Network(layers, loss=MeanSquaredError(), input_shape=3)._repr_html_()

    assert "<details>" not in of(MANY - 2)
    folded, large = of(MANY), of(LARGEST)
    assert "<details><summary>0 parameters" in folded
    assert "<svg" in folded
    assert "<svg" not in large
    assert f"a drawing of {LARGEST + 2} boxes" in large
    assert len(large) < 30_000


def test_a_summary_is_a_string_in_every_way():
    summary = network().summary()
    text = "\n".join(summary.splitlines())
    assert isinstance(summary, str)
    assert summary == text
    assert hash(summary) == hash(text)
    assert summary + "!" == f"{summary}!" == f"{text}!"
    assert repr(summary) == str(summary) == text  # the prompt shows a table, not its characters
    for again in (pickle.loads(pickle.dumps(summary)), copy.deepcopy(summary)):
        assert again == text
        assert again._repr_html_() == summary._repr_html_()


def test_a_class_says_when_each_formula_holds_and_an_object_shows_those_that_hold():
    assert (
        str(Dense(2).formulas)
        == repr(Dense(2).formulas)
        == ("Z = A @ W.T + b\ndW = dZ.T @ A\ndb = dZ.sum(axis=0)\ndA = dZ @ W")
    )
    assert "Z = A @ W.T  if not bias" in str(Dense.formulas).splitlines()
    assert r"Z &= A W^\top \quad \text{if not bias}" in Dense.formulas._repr_markdown_()
    assert "if" not in Dense(2).formulas._repr_markdown_()


def test_formulas_are_aligned_at_the_first_relation_outside_braces():
    lines = [
        Formula("a", "b", r"a_{i=1} = b"),
        Formula("a", "b", r"a_{i} \mathrel{+}= b", when="not is_odd"),
        Formula("a", "b", "a"),
    ]
    markdown = Formulas("b", "a", tuple(lines), ())._repr_markdown_()
    assert markdown.splitlines() == [
        "$$",
        r"\begin{aligned}",
        r"\text{forward} && a_{i=1} &= b \\",
        r"&& a_{i} &\mathrel{+}= b \quad \text{if not is}\_\text{odd} \\",
        "&& &a",
        r"\end{aligned}",
        "$$",
    ]


def all_formulas():
    subjects = [case.make() for case in CASES] + [case.loss for case in LOSS_CASES]
    subjects = [each for each in subjects if any(getattr(type(each), "formulas", ()))]
    return [of.formulas for each in subjects for of in (each, type(each))]


def test_every_line_of_formulas_has_one_alignment():
    assert len(all_formulas()) > 100
    for formulas in all_formulas():
        for line in formulas._repr_markdown_().splitlines()[2:-2]:
            title, _, side = line.partition("&& ")
            assert title in ("", r"\text{forward} ", r"\text{backward} ")
            assert side.split(r"\begin{cases}")[0].count("&") == 1, line


def test_all_latex_can_be_set():
    latex2mathml = pytest.importorskip(
        "latex2mathml.converter", reason="latex2mathml is in the extra `all-tests`"
    )
    for formulas in all_formulas():
        latex = formulas._repr_markdown_().strip("$").replace(r"\arg", r"\max")
        assert "\\" not in latex2mathml.convert(latex)  # a command that it does not know


def test_a_wrong_gradient_is_marked_where_it_is():
    shown = GradientCheck({"W": 0.5, "b": 1e-9}, 1e-7)
    first, second = parsed(shown).find("table/tbody")
    assert [words(cell) for cell in first] == ["W", "5.0e-01", "WRONG"]
    assert [words(cell) for cell in second] == ["b", "1.0e-09", "right"]
    assert repr(shown) == str(shown)
    assert GradientCheck({}, 1e-7)._repr_html_()
    assert len(str(GradientCheck({}, 1e-7)).splitlines()) == 1


def test_a_comparison_says_what_agrees_and_what_differs_first():
    arrays = {f"W{i}": [float(i)] for i in range(MANY)}
    root = parsed(compare({**arrays, "W2": [7.0]}, arrays))
    assert words(root.find("p")).startswith("WRONG W2 differs first: by 5 at [0]: 7 instead of 2")
    assert cells(root) == ["array", "verdict", "W0", "agrees", "W1", "agrees", "W2", "WRONG"]
    same = parsed(compare(arrays, arrays))
    assert words(same.find("p")).startswith("right all agree")
    assert words(same.find("details/summary")) == "20 of 20 agree"


# --- charts ---------------------------------------------------------------------------------------


def lines_of(svg: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """The points of each curve."""
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in svg.iter(f"{SVG}polyline")
    ]


def test_a_history_has_a_chart_for_each_measure():
    root = parsed(trained())
    charts = root.findall(f"{SVG}svg")
    assert len(charts) == 1
    assert [len(line) for line in lines_of(charts[0])] == [12, 12]
    label = charts[0].get("aria-label")
    first, last = (trained()["val_loss"][i] for i in (0, -1))
    assert label.startswith("loss over 12 epochs: training from ")
    assert label.endswith(f"validation from {first:.4g} to {last:.4g}")
    training, validation = root.iter(f"{SVG}polyline")
    assert training.get("stroke") != validation.get("stroke")
    assert training.get("stroke-dasharray") != validation.get("stroke-dasharray")
    many = parsed(History({f"m{i}": [1.0, 2.0] for i in range(9)}))
    assert 1 < len(many.findall(f"{SVG}svg")) < 9


def test_the_curve_goes_on_over_what_was_not_measured():
    (chart,) = parsed(HISTORIES["with NaN"]()).iter(f"{SVG}title")
    (svg,) = parsed(HISTORIES["with NaN"]()).findall(f"{SVG}svg")
    assert chart.text.endswith("validation from 1.5 to 0.75")
    training, validation = lines_of(svg)
    assert [x for x, _ in validation] == [training[0][0], training[-1][0]]
    assert validation[0][1] == 0.0  # 1.5 is the highest, and SVG counts downwards
    height = training[-1][1]
    assert [y for _, y in training] == pytest.approx(
        [height * (1.5 - loss) / 1.25 for loss in (1, 0.5, 0.25)], abs=0.06
    )


def test_what_cannot_be_drawn_is_left_out():
    (svg,) = parsed(HISTORIES["with infinity"]()).findall(f"{SVG}svg")
    assert [len(line) for line in lines_of(svg)] == [2]
    for name in ("of one epoch", "empty"):
        assert "<svg" not in HISTORIES[name]()._repr_html_()
    assert words(parsed(History()).find("p")) == str(History()) == "0 epochs"


def test_a_long_history_shows_its_end_and_every_extreme():
    losses = [1 / (1 + i) for i in range(20_000)]
    losses[7_777] = 5.0
    shown = History({"loss": losses}, "Ctrl-C")
    assert len(shown._repr_html_()) < 30_000
    (line,) = lines_of(parsed(shown))
    assert min(line, key=lambda point: point[1])[0] == pytest.approx(
        line[-1][0] * 7_777 / 19_999, abs=0.06
    )
    *_, last, done = str(shown).splitlines()
    assert last.split() == ["20,000", f"{losses[-1]:.4g}"]
    assert done == "20,000 epochs; Ctrl-C"
    assert len(str(shown).splitlines()) == 13


def test_what_was_not_measured_is_a_dash():
    *_, second, third, done = str(HISTORIES["with NaN"]()).splitlines()
    assert (second.split(), third.split()) == (["2", "0.5", "-"], ["3", "0.25", "0.75"])
    assert done == "3 epochs"


def test_the_suggested_learning_rate_is_marked_where_it_is():
    found = rates()
    assert str(found).startswith(f"suggested learning rate: {found.suggestion:.2g}; in ")
    assert repr(found) == str(found)
    root = parsed(found)
    assert words(root.find("p")) == str(found)
    (svg,) = root.findall(f"{SVG}svg")
    _, smoothed = lines_of(svg)
    (mark,) = (t for t in svg.iter(f"{SVG}text") if t.text == f"{found.suggestion:.2g}")
    low, high = (np.log(found.learning_rates[i]) for i in (0, -1))
    share = (np.log(found.suggestion) - low) / (high - low)
    left = float(svg.find(f"{SVG}svg").get("x"))
    assert float(mark.get("x")) == pytest.approx(left + share * smoothed[-1][0], abs=0.2)


# --- a notebook -----------------------------------------------------------------------------------

NOTEBOOK = {
    """
import numpy as np
import plainnet
from plainnet.layers import Dense, ReLU
from plainnet.losses import MeanSquaredError

network = plainnet.Network([Dense(5), ReLU(), Dense(1)], loss=MeanSquaredError(), input_shape=3)
X = np.random.default_rng(0).normal(size=(64, 3))
y = X.sum(axis=1, keepdims=True)
settings = dict(batch_size=16, seed=0)
network""": ("text/html", "Network([Dense(5)"),
    "network.summary()": ("text/html", "layer"),
    "network.draw()": ("image/svg+xml", "○"),
    "network.layers[0].formulas": ("text/markdown", "Z = A @ W.T + b"),
    "plainnet.check_gradients(Dense(2), input_shape=3)": ("text/html", "relative error"),
    "plainnet.compare({'W': [1.0]}, {'W': [2.0]})": ("text/html", "W differs first"),
    "plainnet.train(network, X, y, optimizer=plainnet.optimizers.Adam(0.01), epochs=3, "
    "progress=False, **settings)": ("text/html", "<History of 3 epochs"),
    "plainnet.find_learning_rate(network, X, y, optimizer=plainnet.optimizers.SGD(), steps=30, "
    "**settings)": ("text/html", "suggested learning rate"),
    "record = plainnet.trace(network, X[:2], y[:2])\nrecord": ("text/html", "<Trace of 8 steps"),
    "record.steps[0]": ("text/html", "<Step 0: 0.dense, forward>"),
    "record.unit('0.dense.Z', (0, 1))": ("text/html", "Z[0, 1] = "),
    "record.derivation('0.dense.W')": ("text/markdown", "2.dense  Z = A @ W.T + b"),
}
"""Each cell with the kind of its output, and what the plain text beside it begins with."""


def test_a_notebook_shows_each_of_them(tmp_path, monkeypatch):
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is in the extra `all-tests`")
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    notebook = new_notebook(cells=[new_code_cell(code) for code in NOTEBOOK])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(tmp_path))
    for cell, (kind, plain) in zip(notebook.cells, NOTEBOOK.values(), strict=True):
        (output,) = cell.outputs
        assert output.output_type == "execute_result"
        assert set(output.data) == {kind, "text/plain"}
        assert output.data["text/plain"].startswith(plain)
        if kind == "text/html":
            ElementTree.fromstring(output.data[kind])
