"""Settings as JSON and as links: what is written is read, and nonsense is refused by name."""

import json
from dataclasses import fields
from operator import itemgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet.errors import SettingError
from plainnet.playground import choices
from plainnet.playground.settings import (
    CHECKS,
    LayerSettings,
    Settings,
    checked_change,
    with_change,
)


def numbers(name):
    limits = choices.LIMITS[name]
    if limits.whole:
        return st.integers(int(limits.least), int(limits.most))
    return st.floats(limits.least, limits.most)


def texts():
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


NAMES = [each.name for each in fields(Settings)]
step_of = itemgetter("step")
CHANGE = st.fixed_dictionaries({"step": numbers("step")}).flatmap(
    lambda form: st.one_of(
        st.fixed_dictionaries(
            {}, optional={"learning_rate": numbers("learning_rate"), "epochs": numbers("epochs"),
                          "optimizer": st.sampled_from(list(choices.OPTIMIZERS))},
        ).filter(bool).map(lambda changed: form | {"settings": changed}),
        st.tuples(st.sampled_from(["0.dense.W", "12.batchnorm.gamma"]),
                  st.lists(st.integers(0, 99), min_size=1, max_size=3),
                  st.floats(-1e30, 1e30)).map(lambda edit: form | {"edit": list(edit)}),
        st.tuples(st.just("0.dense"), st.integers(0, 99), st.integers(0, 99))
        .map(lambda move: form | {"move": list(move)}),
        st.tuples(st.just("0.dense"), st.integers(0, 99))
        .map(lambda unit: form | {"remove": list(unit)}),
    )
)  # fmt: skip
LAYER = st.fixed_dictionaries(
    {},
    optional={
        "units": numbers("units"),
        "activation": st.sampled_from(list(choices.ACTIVATIONS)),
        "batch_norm": st.booleans(),
        "dropout": numbers("dropout"),
    },
)
POINT = st.tuples(*[st.floats(-100, 100)] * 3).map(list)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        **{name: numbers(name) for name in NAMES if name in choices.LIMITS},
        "data": st.sampled_from(list(choices.DATA)),
        "drawn": st.lists(POINT, max_size=4),
        "target": texts(),
        "features": st.lists(st.sampled_from(list(choices.FEATURES)), min_size=1, unique=True),
        "plane": st.lists(texts(), min_size=2, max_size=2, unique=True),
        "layers": st.lists(LAYER, max_size=4),
        "initialization": st.sampled_from(list(choices.INITIALIZATIONS)),
        "loss": st.sampled_from(list(choices.LOSSES)),
        "optimizer": st.sampled_from(list(choices.OPTIMIZERS)),
        "schedule": st.sampled_from(list(choices.SCHEDULES)),
        "changes": st.lists(CHANGE, max_size=4).map(lambda some: sorted(some, key=step_of)),
    },
)  # fmt: skip


def test_each_setting_is_checked():
    assert {*NAMES} <= set(CHECKS)


@given(FORMS)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_json_and_links_bring_back_the_same(form):
    made = Settings.from_json(form)
    assert Settings.from_json(json.loads(json.dumps(made.to_json()))) == made
    link = made.to_link()
    assert Settings.from_link(link) == made
    assert Settings.from_link(f"http://127.0.0.1:8750/#{link}") == made
    assert link.isascii()
    assert not set(link) & set(' "<>[]{}')


@given(st.text(max_size=300))
@settings(deadline=None, derandomize=True)
def test_any_text_is_read_or_refused(text):
    said = ""
    try:
        Settings.from_link(text)
    except SettingError as error:
        said = str(error)
    assert len(said) < 800


def test_a_link_says_only_what_differs():
    assert Settings().to_link() == ""
    layers = (LayerSettings(4, "tanh", batch_norm=True, dropout=0.1), LayerSettings(3))
    made = Settings(data="circle", layers=layers, learning_rate=0.03)
    assert made.to_link() == "data=circle&layers=4-tanh-bn-drop0.1,3-relu&learning_rate=0.03"
    assert Settings(layers=()).to_link() == "layers=none"
    assert Settings.from_link("layers=&drawn=&changes=") == Settings(layers=())


def test_changes_by_hand_are_short_in_a_link():
    forms = [
        {"step": 120, "edit": ["0.dense.W", [3, 1], 0.5]},
        {"step": 200, "settings": {"learning_rate": 0.003, "optimizer": "sgd"}},
        {"step": 240, "move": ["0.dense", 2, 5]},
        {"step": 240, "remove": ["0.dense", 2]},
    ]
    assert Settings.from_json({"changes": forms}).to_link() == (
        "changes=120:0.dense.W(3,1)=0.5;200:learning_rate=0.003,optimizer=sgd;240:0.dense(2-5);"
        "240:0.dense(2-)"
    )


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("nonsense=1", "there is no setting 'nonsense'; there are batch_size"),
        ("points=many", "points must be a whole number from 10 to 2000; got 'many'"),
        ("points=1e3", "points must be a whole number from 10 to 2000; got 1000.0"),
        ("points=" + "9" * 5000, "points must be a whole number from 10 to 2000; got inf"),
        ("learning_rate=nan", "learning_rate must be a number from 0 to 1000; got nan"),
        ("learning_rate=1e999", "learning_rate must be a number from 0 to 1000; got inf"),
        ("learning_rate=0.1&learning_rate=0.2", "the link has learning_rate twice"),
        ("data=cats", "data must be one of circle, .*; got 'cats'"),
        ("layers=8,8-swish", r"layers\[1\].activation must be one of relu, .*; got 'swish'"),
        ("layers=0", r"layers\[0\].units must be a whole number from 1 to 128; got 0"),
        ("layers=8-drop2", r"layers\[0\].dropout must be a number from 0 to 0.9; got 2"),
        ("layers=" + ",".join("8" * 9), "layers must be a list of at most 8; got 9 items"),
        ("drawn=1,2", r"drawn\[0\] must be x1, x2 and a target; got \[1, 2\]"),
        ("drawn=1,2,1e9", r"drawn\[0\] must be a number from -100 to 100; got 1000000000.0"),
        ("features=x1,x1", "features must be one or more, each once"),
        ("plane=a", "plane must be two columns, or none"),
        ("target=" + "a" * 201, "target must be a text of at most 200 characters"),
        ("changes=now", r"changes\[0\] must be an object with step and one of"),
        ("changes=5:data=xor", r"'data' cannot change during training"),
        ("changes=5:learning_rate=-1", "learning_rate must be a number from 0 to 1000; got -1"),
        ("changes=5:0.dense.W(1,2)=big", r"changes\[0\].edit must be a number .*; got 'big'"),
        ("changes=9:0.dense(1-2);5:0.dense(1-2)", "changes must be in the order of their steps"),
        ("changes=5:" + "changes=5:" * 9000, "'changes' cannot change during training"),
        ("changes=" + ";".join(["1:0.dense(1-2)"] * 201), "at most 200; got 201 items"),
        ("step=-1", "step must be a whole number from 0 to 1e.06; got -1"),
        ("a" * 100_001, "a link has at most 100,000 characters; got 100,001"),
    ],
    ids=lambda value: value[:30],
)
def test_nonsense_in_a_link_is_refused_by_name(link, message):
    with pytest.raises(SettingError, match=message):
        Settings.from_link(link)


@pytest.mark.parametrize(
    "form",
    [
        None, [], "x", 3, {"points": True}, {"points": None}, {"points": 10**400}, {"data": []},
        {"data": {}}, {"layers": {}}, {"layers": [None]}, {"layers": [{"units": "8"}]},
        {"layers": [{"batch_norm": 1}]}, {"drawn": [[1, 2]]}, {"drawn": [[1, 2, None]]},
        {"target": "\ud800"}, {"target": 3}, {"plane": [[], []]}, {"plane": ["a", "a"]},
        {"features": "x1"}, {"changes": {}}, {"changes": [{"step": 1}]}, {3: 3},
        {"changes": [{"step": 1, "edit": ["a b", [1], 1]}]},
        {"changes": [{"step": 1, "edit": ["0.dense.W", [1], float("inf")]}]},
        {"changes": [{"step": 1, "edit": ["0.dense.W", [-1], 1]}]},
        {"changes": [{"step": 1, "edit": ["0.dense.W", [1], 1], "move": ["0.dense", 1, 1]}]},
        {"changes": [{"step": 1, "move": ["0.dense", 1]}]},
        {"changes": [{"step": 1, "remove": ["0.dense", 1, 1]}]},
        {"changes": [{"step": 1, "settings": {}}]},
        {"changes": [{"step": 1, "settings": {"network_seed": 1}}]},
    ],
    ids=repr,
)  # fmt: skip
def test_nonsense_as_json_is_refused(form):
    with pytest.raises(SettingError):
        Settings.from_json(form)


def test_changes_of_one_thing_at_one_step_are_one():
    def after(*forms):
        changes = []
        for form in forms:
            changes = with_change(changes, checked_change(form))
        return changes

    weight = {"step": 5, "edit": ["0.dense.W", [0, 0], 1]}
    other = {"step": 5, "edit": ["0.dense.W", [0, 1], 1]}
    again = {"step": 5, "edit": ["0.dense.W", [0, 0], 2]}
    rate, optimizer = ({"step": 5, "settings": {"learning_rate": 1}},
                       {"step": 5, "settings": {"optimizer": "sgd"}})  # fmt: skip
    assert [each.edit[2] for each in after(weight, weight, again)] == [2]
    assert len(after(weight, other, again)) == 3
    assert len(after(weight, weight | {"step": 6})) == 2
    assert [each.settings for each in after(rate, optimizer)] == [
        {"learning_rate": 1.0, "optimizer": "sgd"}
    ]
    with pytest.raises(SettingError, match="can be changed by hand 200 times"):
        after(*({"step": i, "move": ["0.dense", 0, 1]} for i in range(201)))
