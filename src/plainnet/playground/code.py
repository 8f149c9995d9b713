"""What a playground did, as a Python script: with `train`, or with the guide's class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from textwrap import wrap

from plainnet.errors import SettingError, counted
from plainnet.playground import building
from plainnet.playground.building import loss_of, network_of, optimizer_of, schedule_of
from plainnet.playground.choices import OPTIMIZERS
from plainnet.playground.examples import Examples
from plainnet.playground.scripts import WIDTH, call, data_of, imports, indented
from plainnet.playground.settings import Change, Settings


def engine_code(
    settings: Settings,
    examples: Examples,
    *,
    own: bool = False,
    table: str = "",
    failed: str = "",
) -> str:
    """A script that does what `settings` lead to after `settings.step` steps, bit for bit.

    With `own`, the network and the examples are the reader's. `table` is the name of the file, and
    `failed` says why the training goes no further than this step.
    """
    steps = _Steps(settings, examples.n_train)
    training = list(steps.lines())
    start = replace(settings, changes=())
    if own:
        made = ["# network, X and y are the ones that the playground was given.", ""]
    else:
        made = [*data_of(settings, table), "X, y = examples.train", "", *_network(start, examples)]
    said = f"What the playground shows after {counted(settings.step, 'step')}"
    body = "\n".join(
        [
            *made,
            f"optimizer = {_optimizer(start)}",
            f"rng = np.random.default_rng([{settings.network_seed}, 1])",
            *steps.callback(),
            "",
            *training,
            "",
            *_end(failed),
            'print("training:", network.evaluate(X, y))',
            *_tested(examples, own),
        ]
    )
    return f'"""{said}."""\n\n{imports(body)}\n\n{body}\n'


def textbook_code(
    settings: Settings, examples: Examples, *, table: str = "", failed: str = ""
) -> str:
    """The same training of the guide's class, in which nothing else is.

    Raises
    ------
    SettingError
        If that class does not have what the settings ask for.
    """
    others = list(_beyond_the_textbook(settings, examples))
    if others:
        raise SettingError(
            "the guide's class has ReLU, softmax with cross-entropy, and gradient descent on all "
            f"examples at once; these settings have {', '.join(others)}"
        )
    n_out = len(examples.classes)
    units = [layer.units for layer in settings.layers]
    body = "\n".join(
        [
            *data_of(settings, table),
            "X, y = examples.train",
            f"X, Y = X.T, plainnet.one_hot(y, {n_out}).T  # a column for each example",
            "",
            *call(
                "network = plainnet.NeuralNetwork",
                [
                    f"{examples.X.shape[1]}, {units}, {n_out}",
                    f"learning_rate={settings.learning_rate!r}",
                    f"seed={settings.network_seed}",
                ],
            ),
            *_INITIAL[settings.initialization],
            f"network.train(X, Y, epochs={settings.step}, print_loss=False)",
            "",
            *_end(failed),
            'print("accuracy in training:", np.mean(network.predict(X) == y))',
            *(
                [
                    "X_test, y_test = examples.test",
                    'print("accuracy in testing:", np.mean(network.predict(X_test.T) == y_test))',
                ]
                if examples.test is not None
                else []
            ),
        ]
    )
    said = (
        f"The guide's class after {counted(settings.step, 'step')} of gradient descent, from the "
        "playground's first weights.\n\nIt computes in float64 and the playground in float32, so "
        "the numbers agree in their first digits."
    )
    return f'"""{said}\n"""\n\n{imports(body)}\n\n{body}\n'


# --- parts of a script ------------------------------------------------------------------------


def _network(settings: Settings, examples: Examples) -> list[str]:
    network = network_of(settings, examples)
    return [
        "network = plainnet.Network(",
        "    [",
        *(f"        {layer!r}," for layer in network.layers),
        "    ],",
        f"    loss={loss_of(settings, examples)!r},",
        f"    input_shape={examples.X.shape[1]},",
        f"    seed={settings.network_seed},",
        ")",
    ]


def _end(failed: str) -> list[str]:
    """A comment on why there are no further steps, where training has failed."""
    said = f"The playground's training diverges here: {failed}."
    return [f"# {line}" for line in wrap(said, WIDTH - 2)] if failed else []


def _tested(examples: Examples, own: bool) -> list[str]:
    if own or examples.test is None:
        return []
    return ['print("testing:", network.evaluate(*examples.test))']


class _Steps:
    """The calls of `train`, and what was done by hand before, within and after them."""

    def __init__(self, settings: Settings, n_train: int) -> None:
        self.settings, self.n_train = settings, n_train
        self.stops: list[int] = []
        self.within: list[Change] = []
        """Changes that do not end a call of `train`."""
        self.moves = any(change.move for change in settings.changes)

    def lines(self) -> Iterable[str]:
        changes, end = self.settings.changes, self.settings.step
        starts = (each.step for each in changes if each.settings or each.remove)  # `train` anew
        ends = sorted({0, end, *starts})
        self.within = [each for each in changes if each.step not in ends]
        now, done = replace(self.settings, changes=()), 0
        calls: list[list[str]] = []
        for stop in ends:
            if stop > done:
                calls += self._calls(now, done, stop)
            done = stop
            here = [change for change in changes if change.step == stop]
            if here:
                calls.append([line for change in here for line in _by_hand(change, now)])
            for change in here:
                now = replace(now, **(change.settings or {}))
        # Who needs to know how many steps there were sees all of them.
        also = ["after_steps"] if self.stops or self.within else []
        for lines in calls:
            yield from (line.replace("AFTER", ", ".join(also)) for line in lines)

    def _calls(self, now: Settings, start: int, stop: int) -> list[list[str]]:
        """From one step to another with the same settings."""
        steps, per_epoch = stop - start, -(-self.n_train // now.batch_size)
        if now.schedule == "constant":
            if steps % per_epoch:
                self.stops.append(stop)
            return [_train(now, -(-steps // per_epoch))]
        calls = []
        full, left = divmod(steps, per_epoch * now.epochs)
        if full > 1:
            calls.append([f"for _ in range({full}):", *indented(_train(now, now.epochs))])
        elif full:
            calls.append(_train(now, now.epochs))
        if left:
            self.stops.append(stop)
            calls.append(_train(now, now.epochs))
        return calls

    def callback(self) -> list[str]:
        """The class that acts between steps, and the function that moves units, if needed."""
        lines = []
        if self.moves:
            lines += [*MOVE.splitlines()]
            if any(layer.batch_norm for layer in self.settings.layers):
                lines += [*MOVE_STATE.splitlines()]
        if self.stops or self.within:
            lines += [*CALLBACK.splitlines()]
            for step in dict.fromkeys(change.step for change in self.within):
                lines.append(f"        if self.step == {step}:")
                for change in self.within:
                    if change.step == step:
                        lines += indented(_by_hand(change, self.settings), 3)
            if self.stops:
                test = f"== {self.stops[0]}" if len(self.stops) == 1 else f"in {self.stops}"
                lines += [f"        if self.step {test}:",
                          '            run.stop("enough steps")']  # fmt: skip
            lines += ["", "", "after_steps = AfterSteps()"]
        return lines


CALLBACK = '''

class AfterSteps(Callback):
    """Acts when so many steps have been made in all."""

    step = 0

    def end_step(self, run):
        self.step += 1'''

MOVE = '''

def move(layer, start, end):
    """Give a unit another place, with all that belongs to it."""
    order = order_after_move(network, layer, start, end)
    for vector in (network.parameters, *optimizer.state.values()):
        vector[:] = vector[order]'''

MOVE_STATE = """\
    for view in state_of_units(network, layer):
        view[:] = view[after_move(len(view), start, end)]"""


def _train(settings: Settings, epochs: int) -> list[str]:
    callbacks = [repr(each) for each in schedule_of(settings)]
    return call(
        "plainnet.train",
        [
            "network, X, y",
            "optimizer=optimizer",
            f"epochs={epochs}",
            f"batch_size={settings.batch_size}",
            "seed=rng",
            *([f"clip_norm={settings.clip_norm!r}"] if settings.clip_norm else []),
            f"callbacks=[{', '.join([*callbacks, 'AFTER'])}]",
            "progress=False",
        ],
    )


def _optimizer(settings: Settings) -> str:
    """Its constructor, with the learning rate even where it is the default."""
    optimizer = optimizer_of(settings)
    text = repr(optimizer)
    if "learning_rate=" in text:
        return text
    name, _, others = text.partition("(")
    between = "" if others == ")" else ", "
    return f"{name}(learning_rate={optimizer.learning_rate!r}{between}{others}"


def _by_hand(change: Change, settings: Settings) -> list[str]:
    """The lines that make a change, where these are the settings before it."""
    if change.edit is not None:
        name, index, value = change.edit
        return [f'network["{name}"][{", ".join(map(str, index))}] = {value!r}']
    if change.move is not None:
        return [f'move("{change.move[0]}", {change.move[1]}, {change.move[2]})']
    if change.remove is not None:
        layer, unit = change.remove
        return [f'network, order = without_unit(network, "{layer}", {unit})',
                "carry_over(optimizer, network, order)"]  # fmt: skip
    given = dict(change.settings or {})
    now = replace(settings, **given)
    if "optimizer" in given:
        return [f"optimizer = {_optimizer(now)}"]
    lines = []
    if "learning_rate" in given:
        lines.append(f"optimizer.learning_rate = {now.learning_rate!r}")
    if "l1" in given:
        lines.append(f"optimizer.l1 = {now.l1!r}")
    if "l2" in given:
        lines.append(f"optimizer.weight_decay = {now.l2!r}")
    return lines


# --- the guide's class ------------------------------------------------------------------------


def _beyond_the_textbook(settings: Settings, examples: Examples) -> Iterable[str]:
    """What the settings have and the guide's class does not."""
    if not examples.classes:
        yield "regression"
    elif settings.loss not in ("auto", "cross_entropy"):
        yield "another loss"
    found = {each.activation for each in settings.layers} - {"relu"}
    yield from sorted(building.ACTIVATIONS[name].__name__ for name in found)
    if any(each.batch_norm for each in settings.layers):
        yield "batch normalization"
    if any(each.dropout for each in settings.layers):
        yield "dropout"
    if settings.l1 or settings.l2:
        yield "regularization"
    if settings.clip_norm:
        yield "clipped gradients"
    if settings.optimizer != "sgd":
        yield OPTIMIZERS[settings.optimizer]
    if settings.schedule != "constant":
        yield "a schedule"
    if settings.batch_size < examples.n_train:
        yield f"batches of {settings.batch_size} of the {examples.n_train} examples"
    if settings.changes:
        yield "changes by hand"


def _scaled(*rule: str) -> list[str]:
    return ["for l in range(1, network.L + 2):",
            '    W = network.parameters[f"W{l}"]  # as He has it, of variance 2 / n_in',
            *(f"    {line}" for line in rule)]  # fmt: skip


_INITIAL = {
    "he": [],
    "he_without_root": _scaled("W *= np.sqrt(2 / W.shape[1])"),
    "glorot": _scaled("W *= np.sqrt(W.shape[1] / sum(W.shape))"),
    "zeros": _scaled("W *= 0"),
    "too_small": _scaled("W *= 0.001 / np.sqrt(2 / W.shape[1])"),
    "too_large": _scaled("W *= 3 / np.sqrt(2 / W.shape[1])"),
}
