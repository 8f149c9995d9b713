"""Random arguments are taken or refused in clear words; `python -m fuzz arguments` tries more."""

from collections import Counter
from inspect import signature
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from fuzz.arguments import tries
from fuzz.calls import calls
from fuzz.uses import Call
from plainnet import layers, losses, optimizers, schedules
from plainnet.arguments.config import Configurable

TRIES = 1000


@pytest.mark.parametrize("seed", range(2))
def test_random_arguments(seed):
    outcomes = list(islice(tries(np.random.default_rng(seed)), TRIES))
    assert [outcome for outcome in outcomes if outcome.kind == "raw"] == []
    kinds = Counter(outcome.kind for outcome in outcomes)
    assert min(kinds["works"], kinds["refused"]) > TRIES / 20  # it tries both sides of the border


NEED_FILES = ("datasets.text", "datasets.read_idx")
"""Their only argument is always replaced, so they need none that is good."""


@pytest.mark.parametrize(
    "call", [call for call in calls() if call.name not in NEED_FILES], ids=lambda call: call.name
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_good_arguments_work(call: Call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call.use(call.function(**call.good()))


@pytest.mark.parametrize("module", [layers, losses, optimizers, schedules])
def test_every_class_with_settings_is_called(module):
    """A class without a setting has no argument that could be wrong."""
    called = {call.name for call in calls()}
    room = module.__name__.removeprefix("plainnet.")
    for name, kind in vars(module).items():
        concrete = isinstance(kind, type) and not getattr(kind, "__abstractmethods__", None)
        if concrete and issubclass(kind, Configurable) and signature(kind).parameters:
            assert {f"{room}.{name}", name} & called  # a name of plainnet's own is called as that


def test_what_is_no_refusal_is_raw():
    """The judge itself: a call that raises by accident, warns, or forgets the name."""
    from fuzz import arguments

    def outcome(function, **more):
        call = Call("f", function, lambda: {"size": object()}, **more)
        return arguments._try(call, np.random.default_rng(0), ".").kind

    assert outcome(lambda size: None) == "works"
    assert outcome(lambda size: size + object()) == "raw"
    assert outcome(lambda size: layers.Dense(0)) == "raw"  # it names `units`
    assert outcome(lambda size: layers.Dense(0), says={"size": ("units",)}) == "refused"
    assert outcome(lambda size: np.float32(1e30) * np.float32(1e30)) == "raw"  # a warning
    assert outcome(lambda size: 1, use=lambda result: result.train()) == "raw"  # too late
