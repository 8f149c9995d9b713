"""The reference, from the docstrings: `<!-- api: module -->` in a page becomes what it offers."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from docstrings import as_rst, escaped, inline
from docutils import nodes
from docutils.parsers.rst import roles
from formula_pages import has_formulas
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import NoUri
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms.post_transforms import SphinxPostTransform

MARK = re.compile(r"^<!-- api: ([\w.]+) -->$", re.MULTILINE)

MODULES = (
    "plainnet",
    "plainnet.layers",
    "plainnet.losses",
    "plainnet.optimizers",
    "plainnet.initializers",
    "plainnet.schedules",
    "plainnet.metrics",
    "plainnet.callbacks",
    "plainnet.data",
    "plainnet.datasets",
    "plainnet.augmentation",
    "plainnet.text",
    "plainnet.estimators",
    "plainnet.inspection",
    "plainnet.inspection.plots",
    "plainnet.files",
    "plainnet.rl",
    "plainnet.playground",
    "plainnet.kernels",
    "plainnet.errors",
)
FAMILIES = "plainnet.layers."
"""Each family of layers has a page; what it offers is documented as `plainnet.layers.Name`."""


CONSTANTS = ("plainnet.datasets.NAMES", "plainnet.datasets.TEXTS", "plainnet.metrics.METRICS")
"""What the docstrings name beside functions and classes."""


def public(module: ModuleType) -> list[str]:
    """What a module offers: its `__all__`, or what it defines itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if name[0] != "_"
        and callable(value)
        and getattr(value, "__module__", "") == module.__name__
    ]


def _homes() -> dict[str, str]:
    """For each public name, as users write it, the one under which it is documented.

    That is the shortest, unless the longer one belongs to a module that `plainnet` itself shows.
    """
    shown = import_module("plainnet").__all__
    homes: dict[tuple[str, int], str] = {}
    keys: dict[str, tuple[str, int]] = {}
    for path in MODULES:
        module = import_module(path)
        for name in public(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType):
                continue
            keys[f"{path}.{name}"] = key = (name, id(value))
            if path.removeprefix("plainnet.") in shown:
                homes[key] = f"{path}.{name}"
            homes.setdefault(key, f"{path}.{name}")
    return {name: homes[key] for name, key in keys.items()}


HOMES = _homes()
SHORT = {
    name.rpartition(".")[2]: home
    for name, home in HOMES.items()
    if name.rpartition(".")[2][0].isupper()
}
"""Classes by their names alone, in which there are no two."""


def complete_the_page(app: Sphinx, docname: str, source: list[str]) -> None:
    def reference(found: re.Match[str]) -> str:
        return "\n".join(["``````{eval-rst}", *_page(found[1]), "``````", ""])

    source[0] = MARK.sub(reference, source[0])


def _page(path: str) -> Iterator[str]:
    """A table of what there is, then each of it."""
    module = import_module(path)
    prefix = "plainnet.layers" if path.startswith(FAMILIES) else path
    names = sorted(public(module), key=str.lower)
    if path == "plainnet.layers":  # the rest is on the families' pages
        names = [name for name in names if getattr(module, name).__module__.count(".") == 2]
    yield from [".. list-table::", "   :class: summary", "   :widths: auto", ""]
    for name in names:
        value = getattr(module, name)
        text = inspect.getdoc(value) if callable(value) or inspect.ismodule(value) else ""
        said = inline(_first_sentence(text or _said_below(path, name)))
        if isinstance(value, ModuleType):
            yield f"   * - :doc:`{name} </api/{name}>`"
        else:
            home = HOMES[f"{prefix}.{name}"]
            yield f"   * - :py:obj:`{name} <{home}>`"
        yield f"     - {said}"
    yield ""
    for name in names:
        value = getattr(module, name)
        if not isinstance(value, ModuleType) and HOMES[f"{prefix}.{name}"] == f"{prefix}.{name}":
            yield from _entry(f"{prefix}.{name}", value)
    for name in CONSTANTS:
        if name.rpartition(".")[0] == path:
            yield from [f".. autodata:: {name}", "   :no-value:", ""]


def _entry(name: str, value: object) -> Iterator[str]:
    if not callable(value):
        yield from [f".. autodata:: {name}", ""]
        return
    if not inspect.isclass(value):
        yield from [f".. autofunction:: {name}", ""]
        return
    kind = "exception" if issubclass(value, Exception) else "class"
    yield f".. auto{kind}:: {name}"
    members = _members(value)
    if members:
        yield f"   :members: {', '.join(members)}"
    yield ""


def _members(kind: type) -> list[str]:
    """Public ones with docstrings, of the class and of bases that have no entry of their own."""
    entries = set(SHORT)
    found: dict[str, None] = {}
    for base in kind.__mro__:
        if base is not kind and base.__name__ in entries:
            break
        if not base.__module__.startswith("plainnet"):
            continue
        attributes = ModuleAnalyzer.for_module(base.__module__).find_attr_docs()
        found |= {name: None for at, name in attributes if at == base.__qualname__}
        for name, member in vars(base).items():
            member = getattr(member, "__func__", member)
            is_one = inspect.isfunction(member) or isinstance(member, property)
            if is_one and member.__doc__:
                found[name] = None
    return [name for name in found if name[0] != "_"]


def _said_below(path: str, name: str) -> str:
    """The docstring of a constant."""
    return "\n".join(ModuleAnalyzer.for_module(path).find_attr_docs().get(("", name), []))


def _first_sentence(docstring: str) -> str:
    text = docstring.strip().partition("\n\n")[0].replace("\n", " ")
    found = re.match(r"(.+?(?<!et al)(?<!eq)[.])(?: [A-Z`]|$)", text)
    return found[1] if found else text.rstrip(":") + "."


def rewrite_docstring(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    lines[:] = as_rst(lines)
    if what == "class" and has_formulas(name):
        label = name.rpartition(".")[2].lower()
        lines += [f"The :ref:`formulas of {escaped(name.rpartition('.')[2])} <formulas-{label}>`, "
                  "forward and backward.", ""]  # fmt: skip


def sign(
    app: Sphinx, what: str, name: str, value: object, options: object, sig: str, returns: str
) -> tuple[str, str] | None:
    """A class by its `__init__`, where Sphinx takes the `__new__` of a base."""
    if what != "class" or sig != "(*args, **kwargs)":
        return None
    signature = inspect.signature(value)
    parameters = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty)), ""


def note_other_names(app: Sphinx, env: BuildEnvironment) -> None:
    """`plainnet.inspection.trace` leads to `plainnet.trace`."""
    objects = env.domains.python_domain.objects
    for name, home in HOMES.items():
        if name != home:
            objects[name] = objects[home]._replace(aliased=True)


class NamesInCode(SphinxPostTransform):
    """Code that is a public name becomes a link to it, once in a page or an entry."""

    default_priority = 20

    def run(self, **kwargs: object) -> None:
        linked: set[tuple[int, str]] = set()
        objects = self.env.domains.python_domain.objects
        for node in list(self.document.findall(nodes.literal)):
            name = node.astext()
            name = _documented_as(name)
            if name not in objects or not _may_be_linked(node):
                continue
            entry = objects[name]
            within = _entry_of(node)
            ids = within[0]["ids"] if within is not None else []
            if entry.node_id in ids or (id(within), name) in linked:
                continue
            linked.add((id(within), name))
            try:
                uri = self.app.builder.get_relative_uri(self.env.docname, entry.docname)
            except NoUri:
                continue
            link = nodes.reference("", "", refuri=f"{uri}#{entry.node_id}", internal=True)
            node.replace_self(link)
            link += node


def _documented_as(name: str) -> str:
    """`Network.backward` as `plainnet.Network.backward`."""
    if name in HOMES:
        return HOMES[name]
    first, dot, rest = name.partition(".")
    return SHORT.get(first, first) + dot + rest


def _may_be_linked(node: nodes.Node) -> bool:
    outside = (nodes.reference, nodes.title, addnodes.pending_xref, addnodes.desc_signature)
    while node.parent is not None:
        node = node.parent
        if isinstance(node, outside):
            return False
    return True


def _entry_of(node: nodes.Node) -> addnodes.desc | None:
    """The outermost entry of the reference around a node."""
    found = None
    while node.parent is not None:
        node = node.parent
        if isinstance(node, addnodes.desc):
            found = node
    return found


def _kind(name, rawtext, text, lineno, inliner, options=None, content=None):
    text = re.sub(r"\\(.)", r"\1", text)
    return [nodes.inline(rawtext, text, classes=["kind"])], []


def setup(app: Sphinx) -> dict[str, bool]:
    roles.register_local_role("kind", _kind)
    app.connect("source-read", complete_the_page)
    app.connect("autodoc-process-docstring", rewrite_docstring)
    app.connect("autodoc-process-signature", sign)
    app.connect("env-updated", note_other_names)
    app.add_post_transform(NamesInCode)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
