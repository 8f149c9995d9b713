"""Schedules: their factors by hand and against PyTorch's, and what they do to a setting."""

import copy
import pickle
from inspect import signature

import numpy as np
import pytest

from layer_cases import CASES
from plainnet import Callback, Network, train
from plainnet import layers as all_layers
from plainnet.arguments.config import rebuild
from plainnet.errors import DivergedError, SettingError
from plainnet.layers import (
    BatchNorm,
    Dense,
    Dropout,
    EncoderDecoder,
    GaussianNoise,
    MultiHeadAttention,
    PReLU,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD, AdamW, RMSprop
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import (
    Constant,
    Cosine,
    CosLog4,
    Exponential,
    FlatCos,
    InverseScaling,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
    _expect_number,
)

X = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)


def network(*layers):
    return Network([*layers, Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)


class Watch(Callback):
    """Keeps a setting at every step."""

    def __init__(self, of="learning_rate", on=None):
        self.of, self.on, self.values = of, on, []

    def end_step(self, run):
        self.values.append(getattr(self.on or run.optimizer, self.of))


def values(schedule, steps, *, per_epoch=1, optimizer=None, **watched):
    """The setting that is scheduled, at every step; by default an epoch is one step."""
    watch = Watch(**watched)
    train(
        network(), X[:per_epoch], np.zeros(per_epoch), optimizer=optimizer or SGD(1.0),
        epochs=steps // per_epoch, batch_size=1, callbacks=[schedule, watch], progress=False,
    )  # fmt: skip
    return watch.values


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [1, 1, 1]),
        (Constant(warmup=3), [0.25, 0.5, 0.75, 1, 1]),
        (Constant(warmup=0.4), [1 / 3, 2 / 3, 1, 1, 1]),
        (Constant(warmup=1), [0.5, 1]),
        (Polynomial(), [1, 0.75, 0.5, 0.25]),
        (Polynomial(warmup=0.5, minimum=0.2), [1 / 3, 2 / 3, 1, 0.6]),
        (InverseScaling(), [1, 2**-0.5, 3**-0.5, 0.5]),
        (InverseScaling(2.0), [1, 1 / 4, 1 / 9]),
        (FlatCos(), [1, 1, 1, 1, 1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
        # log2(1 + 15 t) is 0, 1, 2 and 3 at t = 0, 1/15, 3/15 and 7/15, where a wave begins; in
        # the middle of the first wave t = (sqrt(2) - 1) / 15, of the last (8 sqrt(2) - 1) / 15.
        (CosLog4(), [0, 0, None, 0, *[None] * 3, 0, *[None] * 7]),
        (Cosine(), [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
        (Cosine(restarts=1), [1, 0.5, 1, 0.5]),
        (Cosine(restarts=2), [1, 0.5, 1, 0.5, 1, 0.5]),
        (Step(2), [1, 1, 0.1, 0.1, 0.01]),
        (Step(2, 0.5, warmup=1), [0.5, 1, 1, 0.5, 0.5]),
        (OneCycle(peak=0.5, start=0.2, end=0.1), [0.2, 0.6, 1, 0.55]),
        # The following are PyTorch's, 2.13: StepLR(3, 0.5), ExponentialLR(0.9),
        # PolynomialLR(10, 2.0), CosineAnnealingLR(8, eta_min=0.1),
        # CosineAnnealingWarmRestarts(2, T_mult=2, eta_min=0.1) and
        # OneCycleLR(1.0, total_steps=11, pct_start=4 / 11, div_factor=25, final_div_factor=1e4),
        # which is at its peak after 3 of 10 steps.
        (Step(3, 0.5), [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        (Exponential(0.9), [1, 0.9, 0.81, 0.7290000000000001, 0.6561000000000001]),
        (
            Polynomial(2.0),
            [1, 0.81, 0.64, 0.49, 0.36, 0.25, 0.16, 0.09, 0.04, 0.009999999999999998],
        ),
        (
            Cosine(minimum=0.1),
            [
                1.0, 0.9657457896300791, 0.8681980515339464, 0.7222075445642905, 0.55,
                0.3777924554357097, 0.2318019484660537, 0.134254210369921,
            ],
        ),
        (
            Cosine(minimum=0.1, restarts=2, growth=2),
            [
                1.0, 0.55, 1.0, 0.8681980515339464, 0.55, 0.23180194846605365, 1.0,
                0.9657457896300791, 0.8681980515339464, 0.7222075445642904, 0.55,
                0.3777924554357096, 0.23180194846605365, 0.13425421036992097,
            ],
        ),
        (
            OneCycle(),
            [
                0.040000000000000036, 0.28, 0.7599999999999999, 1.0, 0.9504846320134737,
                0.8117456539497631, 0.6112620219362893, 0.38874197806371075, 0.18825834605023697,
                0.049519367986526286,
            ],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_factors(schedule, expected):
    found = values(schedule, len(expected))
    pairs = [(f, e) for f, e in zip(found, expected, strict=True) if e is not None]
    assert [f for f, _ in pairs] == pytest.approx([e for _, e in pairs], rel=1e-12, abs=1e-12)


def test_coslog4_has_its_peaks_where_the_waves_are_half_through():
    schedule = CosLog4()
    for wave in range(4):
        peak = round(1e9 * (2 ** (wave + 0.5) - 1) / 15)
        assert schedule.factor(peak, 10**9) == pytest.approx(1, abs=1e-12)
        around = [schedule.factor(peak + d, 10**9) for d in (-(10**6), 10**6)]
        assert max(around) < 1 - 1e-6


def test_momentum_follows_the_other_way():
    # PyTorch 2.13: OneCycleLR(..., base_momentum=0.85, max_momentum=0.95) as above.
    cycle = OneCycle(start=0.95 / 0.85, end=0.95 / 0.85, of="momentum")
    optimizer = SGD(1e-3, momentum=0.85)
    assert values(cycle, 10, optimizer=optimizer, of="momentum") == pytest.approx([
        0.95, 0.9249999999999999, 0.875, 0.85, 0.854951556604879, 0.8688255099070633,
        0.8888739533021842, 0.9111260466978157, 0.9311744900929366, 0.945048443395121,
    ])  # fmt: skip
    assert optimizer.momentum == 0.85


class Losses(Callback):
    def __init__(self, losses):
        self.losses = losses

    def end_epoch(self, run):
        run.history.columns["loss"][-1] = self.losses[run.epoch]


def plateau(losses, **settings):
    watch, schedule = Watch(), ReduceOnPlateau(monitor="loss", **settings)
    for _ in range(2):  # the second training begins anew
        watch.values.clear()
        train(
            network(), X[:1], np.zeros(1), optimizer=SGD(1.0), epochs=len(losses), batch_size=1,
            callbacks=[Losses(losses), schedule, watch], progress=False,
        )  # fmt: skip
    return watch.values


def test_a_plateau_reduces():
    # PyTorch 2.13: ReduceLROnPlateau(factor=0.5, patience=1, threshold=0); it counts one less.
    losses = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2]
    expected = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    assert plateau(losses, by=0.5, patience=2) == expected
    assert plateau(losses, by=0.5, patience=2, minimum=0.2)[-3:] == [0.25, 0.2, 0.2]
    assert plateau([3, 2.9, 2.8, 2.7], by=0.5, patience=1, min_delta=0.15) == [1, 1, 0.5, 0.5]
    assert plateau([1, 2, 3], by=0.5, patience=1, mode="max") == [1, 1, 1]
    assert plateau([1, 2, 3], by=0.5, patience=1) == [1, 1, 0.5]


def test_steps_or_epochs_are_counted():
    halves = [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert values(Exponential(0.5), 6, per_epoch=2) == halves
    assert values(Exponential(0.5, per="step"), 6, per_epoch=2) == [0.5**k for k in range(6)]
    linear = [1 - k / 6 for k in range(6)]
    assert values(Polynomial(), 6, per_epoch=2) == pytest.approx(linear)
    assert values(Polynomial(per="epoch"), 6, per_epoch=2) == pytest.approx(
        [1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3]
    )


def test_any_setting_of_the_optimizer_can_follow_and_comes_back():
    optimizer = AdamW(0.01, weight_decay=0.1)
    schedule = Polynomial(of="weight_decay")
    assert values(schedule, 2, optimizer=optimizer, of="weight_decay") == pytest.approx([0.1, 0.05])
    assert (optimizer.learning_rate, optimizer.weight_decay) == (0.01, 0.1)


def test_layers_can_follow():
    for both, expected in ((True, 0.1), (False, 0.2)):
        dropouts = [Dropout(0.5), Dropout(0.2)]
        on = dropouts if both else dropouts[0]
        watches = [Watch("rate", layer) for layer in dropouts]
        train(
            network(Dense(4), dropouts[0], Dense(4), dropouts[1]), X, np.zeros(8),
            optimizer=SGD(0.0), epochs=2, batch_size=8, progress=False,
            callbacks=[Polynomial(of="rate", on=on), *watches],
        )  # fmt: skip
        assert watches[0].values == [0.5, 0.25]
        assert watches[1].values == [0.2, expected]
        assert [layer.rate for layer in dropouts] == [0.5, 0.2]


# --- whose setting --------------------------------------------------------------------------------


def sequences(*inner, callbacks, epochs=2):
    net = Network([*inner, Dense(1)], loss=MeanSquaredError(), input_shape=(3, 4), seed=0)
    X = np.random.default_rng(0).standard_normal((4, 3, 4)).astype(np.float32)
    train(
        net, X, np.zeros((4, 3, 1)), optimizer=SGD(0.0), epochs=epochs, batch_size=4,
        callbacks=callbacks, progress=False,
    )  # fmt: skip
    return net


class Rates(Callback):
    """Every dropout rate in the network at every step."""

    def __init__(self):
        self.rates = []

    def end_step(self, run):
        found = {}
        for layer in run.network.body.walk():
            for name in ("rate", "dropout"):
                if hasattr(layer, name):
                    found[f"{layer.name}.{name}"] = getattr(layer, name)
        self.rates.append(found)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_blocks_dropout_reaches_the_layers_that_drop(norm):
    block, other = TransformerBlock(2, dropout=0.4, norm=norm), TransformerBlock(2, dropout=0.2)
    watch = Rates()
    net = sequences(block, other, callbacks=[Polynomial(of="dropout", on=block), watch])
    first, second = watch.rates
    inside = {name for name in first if name.startswith("0.")}
    drops = [layer for layer in block.walk() if isinstance(layer, Dropout | MultiHeadAttention)]
    assert len(inside) == 1 + len(drops) == 4
    assert {first[name] for name in inside} == {0.4}
    assert {second[name] for name in inside} == {0.2}
    assert {second[name] for name in second if name.startswith("1.")} == {0.2}
    assert block.dropout == 0.4
    assert all(layer.rate == 0.4 for layer in block.walk() if isinstance(layer, Dropout))
    assert net.layers[0] is block


def test_a_block_inside_a_container_stops_dropping():
    def losses(seed):
        block, found = TransformerBlock(2, dropout=0.5), []

        class Losses(Callback):
            def end_step(self, run):
                found.append(run.loss)

        net = Network(
            [EncoderDecoder([TransformerBlock(2)], [block], source_length=1)],
            loss=MeanSquaredError(), input_shape=(3, 4), seed=0,
        )  # fmt: skip
        A = np.random.default_rng(0).standard_normal((4, 3, 4)).astype(np.float32)
        train(
            net, A, np.zeros((4, 2, 4)), optimizer=SGD(0.0), epochs=2, batch_size=4, seed=seed,
            callbacks=[Step(1, 1e-30, of="dropout", on=block), Losses()], progress=False,
        )  # fmt: skip
        return found

    one, other = losses(0), losses(1)
    assert one[0] != pytest.approx(other[0], rel=1e-3)
    assert one[1] == pytest.approx(other[1], rel=1e-6)  # the rate is 5e-31: nothing is random


@pytest.mark.parametrize(
    "pair",
    [
        lambda dropout: [Cosine(), Step(2)],
        lambda dropout: [Cosine(), ReduceOnPlateau(monitor="loss")],
        lambda dropout: [Cosine(), Cosine()],
        lambda dropout: [Cosine(of="rate", on=dropout), Step(2, of="rate", on=[dropout])],
    ],
)
def test_two_schedules_of_one_setting_are_refused(pair):
    optimizer, dropout = SGD(0.5), Dropout(0.5)
    with pytest.raises(SettingError, match=r"both set '(learning_)?rate' of .*last would win"):
        train(
            network(Dense(4), dropout), X, np.zeros(8), optimizer=optimizer, epochs=2,
            batch_size=8, callbacks=pair(dropout), progress=False,
        )  # fmt: skip
    assert (optimizer.learning_rate, dropout.rate) == (0.5, 0.5)


def test_a_container_and_a_layer_inside_it_have_one_schedule():
    block = TransformerBlock(2, dropout=0.5)
    net = Network([block, Dense(1)], loss=MeanSquaredError(), input_shape=(3, 4), seed=0)
    inner = next(layer for layer in block.walk() if isinstance(layer, Dropout))
    schedules = [Cosine(of="dropout", on=block), Step(2, of="rate", on=inner)]
    for callbacks in (schedules, schedules[::-1]):
        with pytest.raises(SettingError, match="both set 'rate' of Dropout"):
            train(
                net, np.zeros((4, 3, 4), np.float32), np.zeros((4, 3, 1)), optimizer=SGD(),
                epochs=1, batch_size=4, progress=False, callbacks=callbacks,
            )  # fmt: skip
        assert {layer.rate for layer in block.walk() if isinstance(layer, Dropout)} == {0.5}


def test_one_object_twice_is_refused():
    schedule = Cosine()
    with pytest.raises(SettingError, match="among the callbacks twice"):
        train(
            network(), X, np.zeros(8), optimizer=SGD(), epochs=1, batch_size=8,
            callbacks=[schedule, schedule], progress=False,
        )  # fmt: skip


def test_schedules_of_different_settings_go_together():
    first, second = Dropout(0.5), Dropout(0.5)
    watches = [Watch(), Watch("rate", first), Watch("rate", second)]
    train(
        network(Dense(4), first, second), X, np.zeros(8), optimizer=SGD(1e-9), epochs=2,
        batch_size=8, progress=False,
        callbacks=[
            Polynomial(), Polynomial(of="rate", on=[first, first]),
            Step(1, 0.1, of="rate", on=second), *watches,
        ],
    )  # fmt: skip
    assert watches[0].values == [1e-9, 5e-10]
    assert watches[1].values == [0.5, 0.25]
    assert watches[2].values == [0.5, pytest.approx(0.05)]


def numbers_of(kind):
    """A layer's settings that are numbers, by the annotations of its constructor."""
    return [
        name
        for name, argument in signature(kind).parameters.items()
        if any(word in str(argument.annotation) for word in ("int", "float"))
        and "Sequence" not in str(argument.annotation)
        and "Initializer" not in str(argument.annotation)
    ]


LIVE = {
    "BatchNorm": {"momentum", "epsilon"}, "GroupNorm": {"epsilon"}, "LayerNorm": {"epsilon"},
    "RMSNorm": {"epsilon"}, "Dropout": {"rate"}, "Dropout2d": {"rate"}, "ELU": {"alpha"},
    "GaussianNoise": {"standard_deviation"}, "LeakyReLU": {"negative_slope"},
    "CrossAttention": {"dropout"}, "MultiHeadAttention": {"dropout", "rotary_base"},
    "TransformerBlock": {"dropout", "rotary_base"}, "Masking": {"value"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_every_number_of_every_layer_is_followed_or_refused(case):
    layer = case.make()
    live = LIVE.get(type(layer).__name__, set())
    for name in numbers_of(type(layer)):
        base = getattr(layer, name)
        if not isinstance(base, int | float) or isinstance(base, bool):
            continue
        if name in live:
            _expect_number(layer, name)
        else:
            with pytest.raises(SettingError, match="only read before training"):
                _expect_number(layer, name)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (BatchNorm(momentum=0.9), "momentum"),
        (BatchNorm(epsilon=0.1), "epsilon"),
        (GaussianNoise(0.5), "standard_deviation"),
        (all_layers.ELU(0.5), "alpha"),
        (all_layers.LeakyReLU(0.5), "negative_slope"),
        (all_layers.LayerNorm(epsilon=0.1), "epsilon"),
        (all_layers.RMSNorm(epsilon=0.1), "epsilon"),
        (all_layers.GroupNorm(2, epsilon=0.1), "epsilon"),
    ],
)
def test_what_is_followed_changes_the_numbers(layer, name):
    def after(scheduled):
        own = copy.deepcopy(layer)
        net = network(Dense(4), own)
        callbacks = [Step(1, 0.5, of=name, on=own)] if scheduled else []
        train(
            net, X, np.ones(8), optimizer=SGD(0.1), epochs=2, batch_size=8, seed=0,
            callbacks=callbacks, progress=False,
        )  # fmt: skip
        return np.concatenate([net.parameters, net.state])

    assert not np.array_equal(after(True), after(False))


def test_the_setting_comes_back_after_an_error_too():
    class Poison(Callback):
        def end_step(self, run):
            run.network.parameters[:] = np.nan

    optimizer = SGD(0.5)
    with pytest.raises(DivergedError):
        train(
            network(), X, np.zeros(8), optimizer=optimizer, epochs=4, batch_size=4,
            callbacks=[Cosine(), Poison()], progress=False,
        )  # fmt: skip
    assert optimizer.learning_rate == 0.5


def test_where_the_number_of_steps_is_unknown():
    class Unknown:
        def __iter__(self):
            return iter([(X, np.zeros(8))] * 3)

    def run(schedule):
        watch = Watch()
        train(
            network(), Unknown(), optimizer=SGD(1.0), epochs=2, callbacks=[schedule, watch],
            progress=False,
        )  # fmt: skip
        return watch.values

    for schedule in (Cosine(), Constant(warmup=0.5)):
        with pytest.raises(SettingError, match="needs to know the number of steps"):
            run(schedule)
    assert run(Constant(warmup=2)) == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1])
    assert run(Polynomial(per="epoch")) == [1, 1, 1, 0.5, 0.5, 0.5]


def test_a_schedule_of_ones_own_is_a_factor():
    class Halves(Schedule):
        def factor(self, step, steps):
            return 0.5 if step >= steps / 2 else 1.0

    assert values(Halves(), 4) == [1, 1, 0.5, 0.5]
    assert values(Halves(warmup=2), 4) == pytest.approx([1 / 3, 2 / 3, 1, 0.5])


EVERY = [
    Constant(warmup=2), Step(3), Step(3, 0.5, per="step"), Exponential(0.9), InverseScaling(0.3),
    ReduceOnPlateau(0.2, patience=3), Polynomial(2.0, minimum=0.1), Cosine(restarts=3, growth=2.0),
    OneCycle(peak=0.2), FlatCos(of="weight_decay"), CosLog4(warmup=0.1),
]  # fmt: skip


@pytest.mark.parametrize("schedule", EVERY, ids=str)
def test_schedules_describe_themselves_and_can_be_copied(schedule):
    kinds = {type(s).__name__: type(s) for s in EVERY}
    rebuilt = rebuild(schedule.config(), kinds)
    for twin in (rebuilt, copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert twin.config() == schedule.config()
    assert eval(repr(schedule), kinds).config() == schedule.config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(warmup=-1), "warmup must be >= 0; got -1"),
        (
            lambda: Cosine(warmup=1.5),
            "warmup, which is not a share below 1, must be a whole number",
        ),
        (lambda: Cosine(per="batch"), 'per must be "step" or "epoch"; got \'batch\''),
        (lambda: Cosine(restarts=-1), "restarts must be a whole number >= 0"),
        (lambda: Cosine(growth=0), "growth must be > 0"),
        (lambda: Cosine(minimum=-1), "minimum must be >= 0"),
        (lambda: Step(0), "every must be a whole number >= 1"),
        (lambda: Step(3, 0), "by must be > 0"),
        (lambda: Exponential(-1), "by must be > 0"),
        (lambda: InverseScaling(0), "power must be > 0"),
        (lambda: Polynomial(0), "power must be > 0"),
        (lambda: OneCycle(peak=1), "peak must be > 0 and < 1"),
        (lambda: OneCycle(warmup=3), "got warmup=3 too"),
        (lambda: ReduceOnPlateau(1.0), "by must be > 0 and < 1"),
        (lambda: ReduceOnPlateau(patience=0), "patience must be a whole number >= 1"),
        (lambda: ReduceOnPlateau(monitor="x"), "not known whether more of 'x' is better"),
        (lambda: values(Cosine(of="speed"), 2), "has no number called 'speed' to schedule"),
        (lambda: values(Cosine(of="rate", on=Dense(2)), 2), "has no number called 'rate'"),
        (lambda: values(Cosine(of="rate", on=Dense(2)), 2), "it has none"),
        (
            lambda: values(Cosine(of="units", on=Dense(2)), 2),
            "'units' .* is only read before training",
        ),
        (lambda: values(Cosine(of="initial", on=PReLU()), 2), "'initial' .* is only read before"),
        (lambda: values(Cosine(of="bias", on=Dense(2)), 2), "has no number called 'bias'"),
        (lambda: values(Cosine(of="steps"), 2), "has no number called 'steps'"),
        (lambda: values(Cosine(of="nesterov"), 2), "has no number called 'nesterov'"),
        (
            lambda: values(Cosine(of="betas"), 2, optimizer=AdamW()),
            "'betas' to schedule; it has learning_rate, epsilon, weight_decay",
        ),
        (lambda: values(Cosine(of="centered"), 2, optimizer=RMSprop()), "number called 'centered'"),
        (lambda: values(Cosine(of="rate", on=Dropout(0.5)), 2), "is not a layer of the network"),
        (lambda: values(Cosine(of="weight_decay"), 2, optimizer=LBFGS()), "read before training"),
        (lambda: values(Cosine(), 2, optimizer=LBFGS()), "has no number called 'learning_rate'"),
        (lambda: Cosine(of=3), "of must be a string; got 3"),
        (lambda: Cosine(of="rate", on=[]), "on must be a list of Layer objects; got an empty one"),
        (lambda: Cosine(of="rate", on=Dropout), "on must be a list of Layer objects; got"),
        (lambda: Cosine(of="rate", on="0.dropout"), "on must be a list of Layer objects; got"),
        (lambda: values(ReduceOnPlateau(), 2), "needs validation_data"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


# --- settings that somebody else sets, or that cannot be ------------------------------------------


class Halve(Callback):
    def end_epoch(self, run):
        run.optimizer.learning_rate /= 2


@pytest.mark.parametrize("schedule_first", [False, True])
def test_a_callback_that_sets_what_a_schedule_sets_is_refused(schedule_first):
    callbacks = [Cosine(), Halve()] if schedule_first else [Halve(), Cosine()]
    optimizer = SGD(0.1)
    with pytest.raises(SettingError, match=r"Cosine\(\) sets 'learning_rate' .* something else"):
        train(network(), X, np.zeros(8), optimizer=optimizer, epochs=3, batch_size=8,
              callbacks=callbacks, progress=False)  # fmt: skip
    assert optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    ("schedule", "optimizer", "message"),
    [
        (OneCycle(start=2, end=2, of="momentum"), SGD(0.1, momentum=0.9), "'momentum' to 1.8: mom"),
        (OneCycle(start=2, end=2, of="rho"), RMSprop(0.1), "'rho' to 1.8: rho must be >= 0 and <"),
        (Exponential(by=1e300), SGD(1e-300), "must be >= 0; got inf"),
        (Cosine(of="weight_decay"), SGD(0.1), "which is 0: the schedule would do nothing"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Schedule) else "",
)
def test_a_value_that_the_constructor_would_refuse(schedule, optimizer, message):
    with pytest.raises(SettingError, match=message):
        values(schedule, 8, optimizer=optimizer)


def test_a_rate_of_dropout_that_would_be_1():
    dropout = Dropout(0.5)
    net = network(Dense(8), dropout)
    with pytest.raises(SettingError, match="sets 'rate' to 1: rate must be >= 0 and < 1"):
        train(net, X, np.zeros(8), optimizer=SGD(0.1), epochs=3, batch_size=8, progress=False,
              callbacks=[Step(every=1, by=2.0, of="rate", on=dropout)])  # fmt: skip
    assert dropout.rate == 0.5


class MoreThanTheySay:
    """Ten batches whose __len__ says two."""

    def __len__(self):
        return 2

    def __iter__(self):
        return iter([(X, np.zeros(8))] * 10)


@pytest.mark.parametrize("schedule", [Polynomial(), Polynomial(power=0.5), Cosine()], ids=repr)
def test_beyond_its_end_a_schedule_stays_there(schedule):
    watch = Watch()
    train(network(), MoreThanTheySay(), optimizer=SGD(0.1), epochs=1, progress=False,
          callbacks=[schedule, watch])  # fmt: skip
    assert watch.values[2:] == [watch.values[1]] * 8
    assert 0 <= watch.values[1] < watch.values[0]
