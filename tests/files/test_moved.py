"""Names in earlier files and pickles are found, wherever the classes stand by now.

tests/old_files.py shows the same with whole files that earlier code writes.
"""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.engine.moved import MOVED

NAMES = Path(__file__).parents[1] / "old_names.txt"
LINES = [line.partition(": ") for line in NAMES.read_text(encoding="utf-8").splitlines()]
OLD = {module: names.split() for module, _, names in LINES}
"""The classes that files and pickles of commit 0a24c10 name, by module."""
OLD["plainnet.cache"] = ["Cache"]  # examples import it from there


def needs_sklearn(module):
    if module.startswith("plainnet.estimators"):
        pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")


@pytest.mark.parametrize("module", OLD)
def test_each_name_is_found(module):
    needs_sklearn(module)
    for name in OLD[module]:
        kind = getattr(import_module(module), name)
        assert (kind.__name__, kind.__module__.partition(".")[0]) == (name, "plainnet")


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_module_itself(old):
    needs_sklearn(old)
    assert import_module(old) is import_module(MOVED[old])
    assert import_module(old).__name__ == import_module(old).__spec__.name == MOVED[old]
    package = import_module(old.rpartition(".")[0])
    assert PathFinder.find_spec(old, package.__path__) is None, f"{old} is there: it needs no row"


def test_an_old_name_can_be_the_first_import(tmp_path):
    """As it is for a program that loads a pickle."""
    pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")
    code = (
        "from plainnet.estimators.columns import Number; import plainnet.estimators.tabular.columns"
        " as now; print(Number is now.Number)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("name", ["plainnet.nonsense", "plainnet.layers.nonsense"])
def test_what_never_was_is_not_found(name):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'") as caught:
        import_module(name)
    assert caught.value.name == name


# --- files ----------------------------------------------------------------------------------------


def present(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


def renamed(data, names):
    """A file of skops with other names of classes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = json.dumps(_renamed(json.loads(content), names))
            new.writestr(name, content)
    return whole.getvalue()


def _renamed(tree, names):
    if isinstance(tree, list):
        return [_renamed(each, names) for each in tree]
    if not isinstance(tree, dict):
        return tree
    tree = {key: _renamed(value, names) for key, value in tree.items()}
    full = f"{tree.get('__module__')}.{tree.get('__class__')}"
    if full in names:
        tree["__module__"] = names[full].rpartition(".")[0]
    return tree


def test_a_file_with_old_names_is_loaded_by_us_and_by_skops(tmp_path):
    skops = pytest.importorskip("skops.io", reason="skops is the extra `sklearn`")
    pandas = pytest.importorskip("pandas", reason="pandas is the extra `cli`")
    from plainnet.estimators import TabularClassifier, tabular

    table = pandas.DataFrame({"a": [1.0, 2.0] * 20, "b": list("xyyx") * 10})
    model = TabularClassifier("fast", epochs=1, n_networks=1, random_state=0)
    model.fit(table, list("rs") * 20)
    old = {
        present(TabularClassifier): "plainnet.estimators.tabular.TabularClassifier",
        present(tabular.columns.Columns): "plainnet.estimators.columns.Columns",
        present(tabular.columns.Number): "plainnet.estimators.columns.Number",
        present(tabular.columns.Category): "plainnet.estimators.columns.Category",
    }
    plainnet.save(model, tmp_path / "new.skops")
    path = tmp_path / "old.skops"
    path.write_bytes(renamed((tmp_path / "new.skops").read_bytes(), old))
    never_moved = present(tabular.written_numbers.NumberNotation)
    assert set(skops.get_untrusted_types(file=path)) == {*old.values(), never_moved}
    for again in (plainnet.load(path), skops.load(path, trusted=[*old.values(), never_moved])):
        assert type(again) is TabularClassifier
        np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))


def test_a_name_that_was_never_ours_is_not_trusted(tmp_path):
    pytest.importorskip("skops.io", reason="skops is the extra `sklearn`")
    from plainnet.errors import FileError
    from plainnet.estimators import MLPClassifier

    plainnet.save(MLPClassifier(), tmp_path / "m.skops")
    for name in ("plainnet.callbacks.files.CSVLog", "os.MLPClassifier", "nowhere.MLPClassifier"):
        data = renamed((tmp_path / "m.skops").read_bytes(), {present(MLPClassifier): name})
        (tmp_path / "bad.skops").write_bytes(data)
        with pytest.raises(FileError, match="which is not plainnet's own"):
            plainnet.load(tmp_path / "bad.skops")


def test_a_pickle_with_an_old_name():
    needs_sklearn("plainnet.estimators")
    from plainnet.estimators.tabular.columns import Columns

    new = pickle.dumps(Columns(np.arange(8.0).reshape(4, 2)), protocol=0)
    old = new.replace(b"plainnet.estimators.tabular.columns", b"plainnet.estimators.columns")
    assert old != new
    again = pickle.loads(old)
    assert type(again) is Columns
    assert again.n_numbers == 2
