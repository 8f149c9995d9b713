"""One training of a playground: through `plainnet.train`, with everything recorded."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks import Callback
from plainnet.callbacks.base import Run
from plainnet.errors import DivergedError, SettingError
from plainnet.inspection.doctor.callback import Doctor
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers import Dense
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.playground.building import network_of, optimizer_of, schedule_of
from plainnet.playground.columns import (
    after_move,
    carry_over,
    order_after_move,
    state_of_units,
    without_unit,
)
from plainnet.playground.examples import Examples
from plainnet.playground.findings import Findings
from plainnet.playground.past import Past
from plainnet.playground.settings import Change, LayerSettings, Settings, with_change
from plainnet.training import train

Array = npt.NDArray[Any]

LOOK_EVERY = 10
"""Steps between the doctor's looks. It speaks at the third in a row, so within thirty steps."""


class Training:
    """A network that learns from examples, from its first weights on.

    The settings decide every bit of it: the network's first weights, the order of the examples, and
    at which steps something was changed by hand. So a training that is begun anew with the same
    settings comes to the same numbers, and going back in time is to train again up to there.

    Attributes
    ----------
    begun_with, settings : Settings
        Those at the start, and those now, after the changes by hand.
    made : list of Change
        The changes by hand so far.
    network : Network
    is_given : bool
        Whether it was given, rather than described by the settings.
    optimizer : Optimizer
    step, epoch : int
        Steps and whole epochs done.
    past : Past
    doctor : Doctor
    findings : Findings
        What is wrong, by the doctor.
    failed : str
        Why it cannot go on, such as a loss that became infinite.
    """

    def __init__(
        self, settings: Settings, examples: Examples, given: Network | None = None
    ) -> None:
        self.begun_with = self.settings = settings
        self.examples, self.is_given = examples, given is not None
        self.network = network_of(settings, examples) if given is None else deepcopy(given)
        self.optimizer: Optimizer = optimizer_of(settings)
        self.rng = np.random.default_rng([settings.network_seed, 1])
        self.step = self.epoch = 0
        self.failed = ""
        self.made: list[Change] = []
        self._fewer: list[tuple[int, int]] = []
        """The steps at which units were removed, and from which hidden layers."""
        self._due = list(settings.changes)
        self._hidden = [e.name for e in self.network.layers[:-1] if isinstance(e, Dense)]
        network = self.network
        for change in self._due:
            _expect_possible(network, change)
            if change.remove is not None:
                network, _ = without_unit(network, *change.remove)
        self.past, self.doctor = Past(), Doctor(LOOK_EVERY, stream=io.StringIO())
        self.findings = Findings(self)
        self._left = self.steps_per_epoch
        self._record()
        self.take_due()

    @property
    def steps_per_epoch(self) -> int:
        """The batches that all training rows make."""
        return -(-self.examples.n_train // self.settings.batch_size)

    @property
    def verdicts(self) -> list[Verdict]:
        """What the doctor says at present."""
        return self.findings.now()

    def _record(self) -> None:
        begun = self.epoch + (self._left < self.steps_per_epoch)
        self.past.add(self.network, self.step, begun, self._left)

    # --- training ----------------------------------------------------------------------------

    def run(self, after_step: Callable[[], bool]) -> bool:
        """Train for the settings' epochs, or until `after_step` returns True; whether it ended.

        It is called after each step, with everything recorded, and may change the network through
        `change`.
        """
        if self.failed:
            return True
        settings = self.settings
        player = _Player(self, after_step)
        self._left = self.steps_per_epoch
        self._set_optimizer()  # a schedule puts back what it found, after the changes by hand
        X, y = self.examples.train
        try:
            train(
                self.network, X, y,
                optimizer=self.optimizer, epochs=settings.epochs, batch_size=settings.batch_size,
                validation_data=self.examples.test, seed=self.rng, progress=False,
                clip_norm=settings.clip_norm or None,
                callbacks=[*schedule_of(settings), self.doctor, player],
            )  # fmt: skip
        except DivergedError as error:
            self.failed = error.reason  # the page shows the network where it diverged
            player.stopped = False
        return not player.stopped

    # --- changes by hand ---------------------------------------------------------------------

    def change(self, change: Change) -> bool:
        """Change something now; True if `run` must be called anew for it.

        Raises
        ------
        SettingError
            If the network has no such tensor or unit. Nothing has changed then.
        """
        _expect_possible(self.network, change)
        made = with_change(self.made, change)
        anew = self._apply(change)
        self.made = made
        self._due = []  # what comes after was made for another training
        return anew

    def take_due(self) -> bool:
        """Make the changes whose step has come; True if `run` must be called anew."""
        anew = False
        while self._due and self._due[0].step <= self.step:
            change = self._due.pop(0)
            anew |= self._apply(change)
            self.made.append(change)
        return anew

    def _apply(self, change: Change) -> bool:
        if change.settings is not None:
            self.settings = replace(self.settings, **change.settings)
            if "optimizer" in change.settings:
                self.optimizer = optimizer_of(self.settings)
            self._set_optimizer()
            self._begin_epoch()
            return True
        if change.edit is not None:
            tensor, index, value = change.edit
            self.network[tensor][index] = value
            self.past.amend(parameters=self.network.parameters.copy())
        if change.move is not None:
            self._move(*change.move)
        if change.remove is not None:
            self._remove(*change.remove)
        return change.remove is not None

    def _set_optimizer(self) -> None:
        self.optimizer.learning_rate = self.settings.learning_rate
        self.optimizer.weight_decay = self.settings.l2
        self.optimizer.l1 = self.settings.l1

    def _move(self, layer: str, start: int, end: int) -> None:
        order = order_after_move(self.network, layer, start, end)
        vectors = [self.network.parameters, self.network.gradients]
        vectors += [v for v in self.optimizer.state.values() if v.shape == order.shape]
        for vector in vectors:
            vector[:] = vector[order]
        for view in state_of_units(self.network, layer):
            view[:] = view[after_move(len(view), start, end)]
        last = self.past.at(self.step)
        self.past.amend(
            parameters=self.network.parameters.copy(),
            state=self.network.state.copy(),
            gradients=last.gradients[order],
            update=last.update[order],
        )

    def _remove(self, layer: str, unit: int) -> None:
        self.network, order = without_unit(self.network, layer, unit)
        carry_over(self.optimizer, self.network, order)
        self._fewer.append((self.step, self._hidden.index(layer)))
        self.settings = replace(self.settings, layers=self.layers_at(self.step))
        last = self.past.at(self.step)
        self.past.amend(
            network=self.network,
            parameters=self.network.parameters.copy(),
            state=self.network.state.copy(),
            gradients=last.gradients[order],
            update=last.update[order],
        )
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        """Let the next step begin an epoch, since `run` must be called anew."""
        self._left = self.steps_per_epoch
        self.past.amend(left=self._left)

    # --- back in time ------------------------------------------------------------------------

    def layers_at(self, step: int) -> tuple[LayerSettings, ...]:
        """The hidden layers after `step` steps: units may have been removed."""
        layers = list(self.begun_with.layers)
        for removed_at, i in self._fewer:
            if removed_at <= step and i < len(layers):  # of a given network, they may say nothing
                layers[i] = replace(layers[i], units=layers[i].units - 1)
        return tuple(layers)

    def until(self, step: int) -> Settings:
        """The settings that lead to what this training was after `step` steps."""
        changes = tuple(change for change in self.made if change.step <= step)
        return replace(self.begun_with, changes=changes, step=step)

    @property
    def reached(self) -> Settings:
        """The settings that lead to where this training is, or to where it failed.

        To fail again, a training must try one step more than it can make.
        """
        return self.until(self.step + 1 if self.failed else self.step)


def _expect_possible(network: Network, change: Change) -> None:
    """Refuse what this network does not have."""
    if change.edit is not None:
        tensor, index, _ = change.edit
        if tensor not in network.tensors:
            known = ", ".join(network.tensors)
            raise SettingError(f"there is no tensor {tensor!r}; the network has {known}")
        shape = network[tensor].shape
        if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
            raise SettingError(f"{tensor} has the shape {shape}; got the index {index}")
    subject = change.move or change.remove
    if subject is not None:
        layer, *places = subject
        hidden = {e.name: e.units for e in network.layers[:-1] if isinstance(e, Dense)}
        if layer not in hidden:
            what = "can be removed from" if change.remove is not None else "move within"
            known = ", ".join(hidden) or "no layer"
            raise SettingError(f"units {what} {known}; got {layer!r}")
        if max(places) >= hidden[layer]:
            last = hidden[layer] - 1
            raise SettingError(f"{layer} has the units 0 to {last}; got {max(places)}")
        if change.remove is not None and hidden[layer] == 1:
            raise SettingError(f"{layer} has one unit, which stays; remove the layer instead")


class _Player(Callback):
    """Records each step, and hands control to the playground between steps."""

    def __init__(self, training: Training, after_step: Callable[[], bool]) -> None:
        self._training, self._asked = training, after_step
        self.stopped = False

    def end_step(self, run: Run) -> None:
        training = self._training
        training.step += 1
        training._left -= 1
        if not training._left:
            training.epoch += 1
            training._left = training.steps_per_epoch
        training._record()
        must_leave = training.take_due()
        if self._asked() or must_leave:
            self.stopped = True
            run.stop("the playground")
