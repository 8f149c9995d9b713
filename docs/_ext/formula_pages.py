"""The formulas as the classes have them: `<!-- formulas: module -->` in a page becomes them."""

import re
from collections.abc import Iterator
from html import escape
from importlib import import_module
from inspect import isabstract

from mathematics import mathml
from sphinx.application import Sphinx

from plainnet import layers, losses, optimizers
from plainnet.layers import Formula, Formulas

MARK = re.compile(r"^<!-- formulas: ([\w.]+) -->$", re.MULTILINE)

EXAMPLES = {
    "AveragePool2d": "AveragePool2d(2)",
    "Bidirectional": "Bidirectional(GRU(3))",
    "CategoryEmbedding": "CategoryEmbedding([3, 2])",
    "Conv1d": "Conv1d(8, 3)",
    "Conv2d": "Conv2d(8, 3)",
    "ConvTranspose2d": "ConvTranspose2d(8, 3)",
    "CrossAttention": "CrossAttention(2)",
    "Dense": "Dense(3)",
    "Dropout": "Dropout(0.5)",
    "Dropout2d": "Dropout2d(0.5)",
    "Embedding": "Embedding(10, 4)",
    "EachOutput": "EachOutput({'a': MeanSquaredError(), 'b': SoftmaxCrossEntropy()})",
    "EmbeddingBag": "EmbeddingBag(10, 4)",
    "FromFormula": 'FromFormula("Z * sigmoid(s * Z)", s=1.0)',
    "GLU": "GLU(3)",
    "GRU": "GRU(3)",
    "GaussianNoise": "GaussianNoise(0.1)",
    "GroupNorm": "GroupNorm(2)",
    "Highway": "Highway([Dense(4), Tanh()])",
    "LSTM": "LSTM(3)",
    "LearnedPositions": "LearnedPositions(8)",
    "MaxPool2d": "MaxPool2d(2)",
    "MultiHeadAttention": "MultiHeadAttention(2)",
    "Parallel": "Parallel([(0, 3), (3, 5)], [Dense(4), ReLU()])",
    "ParametricActivation": "ParametricActivation(Tanh())",
    "PiecewiseLinearEmbedding": "PiecewiseLinearEmbedding([[-1, 0, 1]])",
    "RNN": "RNN(3)",
    "Reshape": "Reshape((3, -1))",
    "Residual": "Residual([Dense(4), ReLU()])",
    "Sequential": "Sequential([Dense(4), ReLU()])",
    "SwiGLU": "SwiGLU(3)",
    "TiedEmbedding": "TiedEmbedding(10, 4, [Dense(4)])",
    "TransformerBlock": "TransformerBlock(2)",
    "Transposed": "Transposed(Dense(3))",
    "Upsample": "Upsample(2)",
}
"""Those that cannot be made without arguments."""

PAGE = "formulas"


def has_formulas(name: str) -> bool:
    """Whether the class that the reference calls so is on the page of formulas."""
    module, _, short = name.rpartition(".")
    return module in ("plainnet.layers", "plainnet.losses", "plainnet.optimizers") and bool(
        short in import_module(module).__all__ and _sides(short, import_module(module))
    )


def complete_the_page(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        source[0] = MARK.sub(lambda found: "\n".join(_section(found[1])), source[0])


def _section(path: str) -> Iterator[str]:
    """What a module, or a family of layers, offers that has formulas."""
    home = import_module("plainnet.layers" if path.startswith("plainnet.layers") else path)
    for name in sorted(import_module(path).__all__, key=str.lower):
        sides = _sides(name, home)
        if not sides:
            continue
        yield f"(formulas-{name.lower()})=\n### {name}\n"
        conditions = _conditions(getattr(home, name))
        example = EXAMPLES.get(name, f"{name}()")
        said = f"{{py:obj}}`{home.__name__}.{name}`"
        if name in EXAMPLES or conditions:
            said += f", here `{example}`"
        if conditions:
            said += "; with other settings, other lines hold"
        yield f"{said}.\n"
        yield _table(sides)
        if conditions:
            summary = "<summary>Lines that depend on settings</summary>"
            yield f"<details>{summary}{_table(conditions)}</details>"
        yield ""


Sides = dict[str, tuple[Formula, ...]]


def _example(name: str, home: object) -> object:
    known = {**vars(layers), **vars(losses), **vars(optimizers)}
    return eval(EXAMPLES.get(name, f"{name}()"), known)


def _sides(name: str, home: object) -> Sides:
    """The lines that hold for the example, by direction; none for what has no formulas."""
    kind = getattr(home, name)
    if not isinstance(kind, type) or not hasattr(kind, "formulas") or isabstract(kind):
        return {}
    if name in ("Graph", "EncoderDecoder"):  # the same whatever is in them
        formulas = kind.formulas
    else:
        subject = _example(name, home)
        formulas = getattr(subject, "formulas", None)
        if formulas is None:
            return {}
        if isinstance(formulas, tuple):
            return {"update": tuple(each for each in formulas if each.holds(subject))}
    return {"forward": formulas.forward, "backward": formulas.backward}


def _conditions(kind: type) -> Sides:
    """All lines that hold for some settings only, as the class has them."""
    formulas = kind.formulas
    if isinstance(formulas, Formulas):
        sides = {"forward": formulas.forward, "backward": formulas.backward}
    elif isinstance(formulas, tuple):
        sides = {"update": formulas}
    else:
        return {}
    some = {name: tuple(each for each in side if each.when) for name, side in sides.items()}
    return {name: side for name, side in some.items() if side}


def _table(sides: Sides) -> str:
    rows = []
    for name, side in sides.items():
        for i, each in enumerate(side):
            title = f'<th scope="rowgroup" rowspan="{len(side)}">{name}</th>' if not i else ""
            when = f'<span class="when">if <code>{escape(each.when)}</code></span>'
            code = f"<code>{escape(str(each))}</code>{when if each.when else ''}"
            rows.append(f"<tr>{title}<td>{_in_a_box(each.latex)}</td><td>{code}</td></tr>")
    head = '<tr><td></td><th scope="col">formula</th><th scope="col">NumPy</th></tr>'
    return f'<table class="formulas"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def _in_a_box(latex: str) -> str:
    """It scrolls by itself where there is not enough room."""
    return f'<div class="mathematics">{mathml(latex, display=True)}</div>'


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", complete_the_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
