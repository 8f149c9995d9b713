"""Each fault that the doctor can see in a playground, made by settings, and its remedy applied."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from plainnet import Network
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers import Dense, LayerNorm, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground import findings, remedies
from plainnet.playground.datasets import examples_of
from plainnet.playground.messages import Message
from plainnet.playground.session import Session
from plainnet.playground.settings import Change, LayerSettings, Settings
from plainnet.playground.wire import packed

RELU, LEAKY = LayerSettings(), LayerSettings(8, "leaky_relu")
TANH, SIGMOID = LayerSettings(8, "tanh"), LayerSettings(8, "sigmoid")


class Page:
    """A session without a thread, with what it sends."""

    def __init__(self, given: Any = None, examples: Any = None, **settings: Any) -> None:
        self.got: list[dict[str, Any]] = []
        self.session = Session(self._take, Settings(**settings), given=given, examples=examples)
        self.do("hello", link="")

    def _take(self, content: dict[str, Any], buffers: Any) -> None:
        packed(content, buffers)  # which refuses what JSON cannot say
        self.got.append(content)
        if content["is"] == "frame":
            self.session.drawn(content["number"])

    def do(self, command: str, **fields: Any) -> dict[str, Any]:
        self.session._obey(Message({"do": command, **fields}))
        return self.got[-1]

    def last(self, kind: str) -> dict[str, Any]:
        return next(content for content in reversed(self.got) if content["is"] == kind)

    @property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.last("verdicts")["verdicts"]}

    def train(self, steps: int) -> None:
        session, training = self.session, self.session.training
        goal = training.step + steps

        def after_step() -> bool:
            if training.step % 20 == 0:
                session.look(training.past.at(training.step))
            return training.step >= goal

        while training.step < goal and not training.failed:
            training.run(after_step)
        session.goal = training.step
        session.look(training.past.at(training.step))

    def remedy(self, name: str) -> dict[str, Any]:
        self.do("remedy", name=name)
        self.session.goal = self.session.training.step
        return self.last("done")

    @property
    def settings(self) -> Settings:
        return self.session.training.settings

    @property
    def loss(self) -> float:
        """On the training rows, in NumPy."""
        training = self.session.training
        X, y = training.examples.train
        P = training.network.predict_proba(X).astype(np.float64)
        return float(-np.log(np.maximum(P[np.arange(len(y)), y], 1e-300)).mean())

    def flat(self, kind: str) -> float:
        """The largest share of a layer's units that are dead, or saturated, in NumPy."""
        network, A = self.session.training.network, self.session.training.examples.train[0]
        shares, most = [], 0.99 if kind == "dead_units" else 0.85
        for name in [f"{layer.name}.W" for layer in network.layers if "dense" in layer.name][:-1]:
            Z = A @ network[name].T + network[name.replace("W", "b")]
            A = np.maximum(Z, 0) if kind == "dead_units" else np.tanh(Z)
            is_flat = A == 0 if kind == "dead_units" else np.abs(A) > 0.9
            shares.append(float(np.mean(is_flat.mean(axis=0) > most)))
        return max(shares)


def killed(step: int) -> tuple[Change, ...]:
    return tuple(Change(step, edit=("0.dense.b", (i,), -100.0)) for i in range(8))


FAULTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("learning_rate_too_high", {"learning_rate": 1000.0}, {"learning_rate": 0.01}),
    ("learning_rate_too_high", {"learning_rate": 1000.0, "optimizer": "sgd"},
     {"learning_rate": 0.1}),
    ("dead_units", {"learning_rate": 1000.0}, {"learning_rate": 0.01}),
    ("dead_units", {"changes": killed(30)}, {"changes": (), "learning_rate": 0.01}),
    ("dead_units", {"changes": killed(0)}, {"changes": (), "learning_rate": 0.01}),
    ("dead_units", {"initialization": "zeros"}, {"initialization": "he"}),
    ("dead_units", {"initialization": "too_small"}, {"initialization": "he"}),
    ("symmetric_units", {"initialization": "zeros", "layers": (TANH, TANH)},
     {"initialization": "glorot"}),
    ("variance_gain", {"initialization": "too_small"}, {"initialization": "he"}),
    ("dead_units", {"initialization": "he_without_root", "layers": (RELU,) * 6},
     {"initialization": "he"}),
    ("large_start_loss", {"initialization": "too_large"}, {"initialization": "he"}),
    ("saturated_units", {"initialization": "too_large", "layers": (TANH,) * 3},
     {"initialization": "glorot"}),
    ("vanishing_gradients", {"layers": (SIGMOID,) * 8}, {"layers": (RELU,) * 8}),
    ("strong_regularization", {"l1": 10.0}, {"l1": 0.1}),
    ("never_changes", {"learning_rate": 0.0}, {"learning_rate": 0.001}),
    ("learning_rate_too_low", {"learning_rate": 1e-6}, {"learning_rate": 1e-5}),
    ("clipped_steps", {"clip_norm": 0.001, "optimizer": "sgd", "learning_rate": 0.1},
     {"clip_norm": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "changed"), FAULTS, ids=lambda each: str(each)[:60])
def test_a_fault_is_seen_within_a_hundred_steps_and_its_remedy_becomes_a_setting(
    name: str, settings: dict[str, Any], changed: dict[str, Any]
) -> None:
    page, without = Page(**settings), Page(**settings)
    without.train(260)

    page.train(100)
    assert name in page.verdicts
    done = page.remedy(name)

    assert done["why"].endswith(".")
    for setting, value in changed.items():
        assert getattr(page.settings, setting) == value
    page.train(260 - page.session.training.step)
    if name in remedies.OF_UNITS:
        assert page.flat(name) < min(without.flat(name), 0.5)
    if name != "saturated_units":  # with which these few rows can be learned by heart
        assert page.loss < without.loss
    if name != "learning_rate_too_low":  # which goes up by steps of ten
        assert name not in page.verdicts
    state = page.last("state")
    assert Settings.from_link(state["link"]).to_link() == state["link"]


def test_what_is_not_finite_begins_anew_with_a_lower_rate() -> None:
    page = Page(learning_rate=1000.0, optimizer="sgd", layers=(LEAKY,) * 4)
    page.train(50)
    assert page.session.training.failed
    assert next(iter(page.verdicts)) == "not_finite"

    page.do("remedy", name="not_finite")

    assert page.session.is_playing  # as it was when it failed
    page.train(100)
    assert not page.session.training.failed
    assert page.loss < 2


def test_gradients_that_explode_begin_anew_without_the_large_weights() -> None:
    large = tuple(
        Change(0, edit=("2.dense.W", (k, i), 100.0 if (k + i) % 2 else -100.0))
        for k in range(3)
        for i in range(8)
    )
    page = Page(layers=(RELU,), changes=large, optimizer="sgd", learning_rate=1e-5)
    page.train(40)
    assert "exploding_gradients" in page.verdicts

    page.remedy("exploding_gradients")

    assert page.settings.clip_norm == 1.0
    page.train(40)
    assert "exploding_gradients" not in page.verdicts
    assert np.abs(page.session.training.network["2.dense.W"]).max() < 10
    update = page.session.training.past.at(40).update
    assert np.linalg.norm(update) <= 1.01e-5  # the rate, times a gradient of length 1


def test_overfitting_goes_back_to_the_lowest_loss_of_the_test_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2)).astype(np.float32)
    examples = replace(
        examples_of(Settings(points=60)), X=X, y=rng.integers(0, 3, 60), points=X, n_train=40
    )
    page = Page(examples=examples, layers=(LayerSettings(64),) * 3)
    page.train(300)
    (name,) = set(page.verdicts) & {"overfitting", "loss_and_metric_disagree"}
    assert "EarlyStopping" in page.verdicts[name]["code"]

    done = page.remedy(name)

    losses = {step: test for step, _, test, *_ in page.session.curves.points}
    best = min(losses, key=lambda step: losses[step])
    assert page.session.shown.step == best
    assert f"step {best}" in done["why"]


def speak(page: Page, name: str) -> None:
    """Let the doctor that watches say so."""
    verdict = Verdict(name, "warning", "", "It is so.", "Do something.")
    doctor = page.session.training.doctor
    doctor._now[name] = verdict
    doctor.said.append((page.session.training.step, verdict))
    assert name in doctor.report.names


@pytest.mark.parametrize(("losses", "shows"), [([0.01, 0.02], False), ([0.01, 0.9], True)])
def test_a_small_rise_of_a_small_test_loss_is_no_overfitting(losses, shows) -> None:
    page = Page()
    page.train(150)
    training = page.session.training
    test = training.network.evaluate(*training.examples.test)["loss"]
    training.doctor.history = history = {
        "loss": [0.3] * 20, "val_loss": [losses[0]] * 10 + [min(losses[1], test)] * 10
    }  # fmt: skip
    for _ in range(3):
        for name in history:
            history[name].append(history[name][-1])
        names = [verdict.name for verdict in training.verdicts]
    assert ("overfitting" in names) == shows


def test_a_rate_is_not_too_low_where_a_schedule_lowers_it_or_little_is_left_to_learn() -> None:
    for settings, steps in (({}, 10), ({"schedule": "cosine"}, 10), ({}, 600)):
        page = Page(**settings)
        page.train(steps)
        speak(page, "learning_rate_too_low")
        shows = "learning_rate_too_low" in [v.name for v in page.session.training.verdicts]
        assert shows == (settings == {} and steps == 10)


def test_the_default_network_has_nothing_wrong() -> None:
    page = Page()
    page.train(300)
    assert page.verdicts == {}


def test_verdicts_are_sent_only_when_they_change() -> None:
    page = Page(learning_rate=0.0)
    page.train(50)
    sent = sum(content["is"] == "verdicts" for content in page.got)
    page.do("show", step=50)
    page.do("show", step=50)
    assert sum(content["is"] == "verdicts" for content in page.got) == sent


def test_a_live_remedy_is_a_change_that_a_link_repeats_bit_by_bit() -> None:
    page = Page(learning_rate=0.0)
    page.train(40)
    page.remedy("never_changes")
    page.train(30)

    other = Page(**vars(Settings.from_link(page.last("state")["link"])) | {"step": 0})
    other.train(70)

    there, here = (each.session.training.network for each in (page, other))
    np.testing.assert_array_equal(there.parameters, here.parameters)


def test_a_remedy_by_a_name_that_does_not_show_is_refused() -> None:
    page = Page()
    page.do("remedy", name="__import__('os')")
    assert "at present" in page.last("refused")["why"]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("X = X * 2", "other rows or columns"),
        ("train(network, X, y, class_weight='balanced')", "class weight"),
        ("from plainnet.optimizers import Lion\noptimizer = Lion(0.1)", "optimizer"),
        ("import plainnet.layers as l\nfrom plainnet import Network\nnetwork = Network("
         "[l.Dense(8), l.LayerNorm(), l.Dense(3)], loss=network.loss, input_shape=2)", "network"),
        ("1 / 0", "does not run"),
        ("", "no code"),
    ],
)  # fmt: skip
def test_what_settings_cannot_express_is_refused_in_a_sentence(code: str, what: str) -> None:
    page = Page()
    before = page.session.training.network.parameters.copy()
    with pytest.raises(ValueError, match=what):
        remedies.remedy_of(page.session.training, Verdict("a_fault", "note", "", "", "Do.", code))
    np.testing.assert_array_equal(page.session.training.network.parameters, before)


def test_code_that_only_corrects_a_trained_layer_becomes_edits() -> None:
    page = Page()
    page.train(20)
    W = page.session.training.network["4.dense.W"].copy()
    code = 'network["4.dense.W"] /= 2'
    verdict = Verdict("miscalibrated", "warning", "", "It is too sure.", "Divide.", code)
    found = remedies.remedy_of(page.session.training, verdict)

    why = remedies._apply(page.session, page.session.training, found)

    assert "24 numbers" in why
    np.testing.assert_array_equal(page.session.training.network["4.dense.W"], W / 2)
    assert page.session.training.step == 20


def test_a_network_that_settings_do_not_describe_takes_what_changes_the_training_alone() -> None:
    settings = Settings(learning_rate=1000.0)
    examples = examples_of(settings)
    layers = [Dense(8), ReLU(), LayerNorm(), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    page = Page(given=network, examples=examples, learning_rate=1000.0)
    page.train(60)

    page.remedy(next(name for name, v in page.verdicts.items() if "learning_rate" in v["code"]))

    assert page.settings.learning_rate <= 0.1
    first = page.session.training.past.at(0).parameters
    np.testing.assert_array_equal(first, network.parameters)
    verdict = Verdict("a_fault", "note", "", "", "Do.", 'network["0.dense.W"] *= 2')
    page.session.training.findings._report = (page.settings, [verdict])
    page.do("remedy", name="a_fault")
    assert "was given" in page.last("refused")["why"]


def test_a_check_up_says_what_it_looked_at_and_changes_nothing(monkeypatch) -> None:
    monkeypatch.setattr(findings, "TRIAL", 60)
    page = Page(initialization="too_large", test_share=0.0)
    page.train(30)
    before = page.session.training.network.parameters.copy()

    page.do("diagnose")

    said = page.last("check_up")
    assert said["step"] == 30
    assert "data" in said["looked_at"]
    assert "whether others are predicted as well" in said["left_out"]
    np.testing.assert_array_equal(page.session.training.network.parameters, before)


def test_findings_of_a_check_up_can_be_remedied_and_go_with_the_settings(monkeypatch) -> None:
    monkeypatch.setattr(findings, "TRIAL", 100)
    page = Page(layers=(LayerSettings(8, "identity"), RELU))
    page.do("diagnose")
    assert page.verdicts["missing_activation"]["code"]

    page.remedy("missing_activation")

    assert [each.activation for each in page.settings.layers] == ["relu", "relu"]
    assert "missing_activation" not in {v.name for v in page.session.training.verdicts}


def sentences() -> list[tuple[dict[str, Any], str]]:
    return [
        ({"learning_rate": 0.01}, "The learning rate is now 0.01."),
        ({"l2": 0.1}, "The weight decay is now 0.1."),
        ({"clip_norm": 0.0}, "Gradients are no longer shortened."),
        ({"layers": (TANH,)}, "The hidden layers are now 8-tanh."),
    ]


@pytest.mark.parametrize(("changed", "words"), sentences())
def test_changes_in_words(changed: dict[str, Any], words: str) -> None:
    in_words: Callable[..., str] = remedies.in_words
    assert in_words(changed) == words


def test_after_the_largest_seed_comes_the_first() -> None:
    assert remedies.next_seed(41) == 42
    largest = 2**31 - 1
    assert Settings().with_changes({"network_seed": largest}).network_seed == largest
    assert remedies.next_seed(largest) == 0
