"""`plainnet tune`: tries settings around the preset's, and keeps the trials in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import join
from time import perf_counter
from typing import Any

from rich.console import Console

from plainnet.callbacks import Callback, Run
from plainnet.cli import folders, report, sources
from plainnet.cli import study as studies
from plainnet.cli.settings import Settings, as_text, option
from plainnet.cli.tables import Task, prepare
from plainnet.errors import DivergedError, SettingError, counted, optional
from plainnet.estimators.tabular import recipe
from plainnet.estimators.tabular.sizes import hidden_layer_sizes_for

HIDDEN = ("256,256,256", "128,128", "512,512", "256", "64,64,64,64,64")


def tune(
    settings: Settings, trials: int, timeout: float | None, study: Path | None, quiet: bool
) -> None:
    """Run `plainnet tune`."""
    _check(settings, trials, timeout)
    if folders.is_folder(settings.source):
        raise SettingError(f"{settings.source} is a folder, and `plainnet tune` is for tables")
    optuna = optional("optuna", purpose="plainnet tune", extra="tune")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # errors are reported once, by us
    path = study or studies.default_path(settings.source)
    place = studies.check(path)
    data = sources.to_learn(settings)
    if isinstance(data, sources.Images):
        raise SettingError(f"{data.name} are images, and `plainnet tune` is for tables")
    task = prepare(data, settings)
    console = report.make_console(quiet)
    with (
        studies.storing(path),
        studies.alone(place),
        studies.opened(optuna, place, studies.identity(task, settings)) as opened,
    ):
        search = _Search(optuna, opened, task, settings, console)
        report.show_table(console, data)
        search.say_found(path)
        search.run(trials, timeout)
        search.say_best()


class _Search:
    """The trials of one study."""

    def __init__(
        self, optuna: Any, study: Any, task: Task, settings: Settings, console: Console
    ) -> None:
        self.study, self.task, self.settings, self.console = study, task, settings, console
        self.states = optuna.trial.TrialState
        self.preset = _preset(task, settings)
        self.space = _space(optuna.distributions, self.preset) | self._kept_choices()

    # --- trials ----------------------------------------------------------------------------------

    def run(self, trials: int, timeout: float | None) -> None:
        """Run trials up to this number, until the time is over or Ctrl-C."""
        self._again_what_was_cut_off()
        started = perf_counter()
        try:
            while len(self._done()) < trials:
                if timeout is not None and perf_counter() - started >= timeout:
                    self.console.print(f"The {timeout:g} seconds are over.")
                    return
                self._trial()
        except KeyboardInterrupt:
            self.console.print("Interrupted. The same command continues from here.")

    def _trial(self) -> None:
        """One trial, which does not count if Ctrl-C ends it."""
        trial = self.study.ask(self.space)
        settings = self._settings(trial.params)
        model = self.task.estimator(settings.with_training({"networks": 1}))
        started, interrupted = perf_counter(), True
        try:
            self.task.fit(model, [_Interrupted()], hold_out=True)
            loss = self.task.loss(model, self.task.parts.validation)
            interrupted = False
        except DivergedError:
            interrupted = False
            self.study.tell(trial, state=self.states.PRUNED)
            self._say(trial, "diverged", started)
            return
        finally:
            if interrupted:
                self._cut_off(trial.number, trial.params)
        self.study.tell(trial, loss)
        self._say(trial, f"{self.task.loss_name} {report.precise(loss)}", started)

    def _done(self) -> list[Any]:
        ended = self.states.COMPLETE, self.states.PRUNED
        return list(self.study.get_trials(deepcopy=False, states=ended))

    def _again_what_was_cut_off(self) -> None:
        """Trials that a killed process left are tried again; the very first is the preset."""
        if not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(self.preset)
        for trial in self.study.get_trials(states=(self.states.RUNNING,)):
            self._cut_off(trial.number, trial.params)

    def _kept_choices(self) -> dict[str, Any]:
        """Choices in a study must stay what they were, also if an earlier version began it."""
        return {
            name: distribution
            for trial in self.study.get_trials(deepcopy=False)
            for name, distribution in trial.distributions.items()
            if hasattr(distribution, "choices")
        }

    def _cut_off(self, number: int, params: dict[str, Any]) -> None:
        self.study.tell(number, state=self.states.FAIL)
        self.study.enqueue_trial(params)

    # --- settings --------------------------------------------------------------------------------

    def _settings(self, params: dict[str, Any]) -> Settings:
        """The settings of a trial, as they can be typed: three digits of a rate are enough."""
        rounded: dict[str, Any] = {
            name: float(f"{value:.3g}") if isinstance(value, float) else value
            for name, value in params.items()
        }
        return self.settings.with_training(rounded)

    # --- output ----------------------------------------------------------------------------------

    def say_found(self, path: Path) -> None:
        """How far the study is."""
        found = len(self._done())
        what = f"{counted(found, 'trial')} found" if found else "a new study"
        self.console.print(f"Study: {path}, {what}", soft_wrap=True)
        self.console.print()

    def _say(self, trial: Any, result: str, started: float) -> None:
        tried = ", ".join(f"{name} {value}" for name, value in self._tried(trial.params).items())
        best = self._best()
        so_far = (
            "" if best is None else f"; best {report.precise(best.value)} (trial {best.number})"
        )
        self.console.print(
            f"trial {trial.number}: {result}{so_far}  [{tried}; {perf_counter() - started:.1f} s]",
            soft_wrap=True,
        )

    def say_best(self) -> None:
        """The best settings as a command; -q leaves nothing else."""
        best = self._best()
        if best is None:
            sys.stdout.write("No trial was completed.\n")
            return
        self.console.print()
        count = counted(len(self._done()), "trial")
        loss = f"{self.task.loss_name} {report.precise(best.value)}"
        self.console.print(
            f"Best of {count}: trial {best.number}, validation {loss}. To train and test it:"
        )
        sys.stdout.write(f"{command(self._settings(best.params))}\n")
        sys.stdout.flush()

    def _tried(self, params: dict[str, Any]) -> dict[str, Any]:
        chosen = self._settings(params).by_option()
        return {name.replace("_", " "): chosen[name] for name in self.space}

    def _best(self) -> Any:
        complete = self.study.get_trials(deepcopy=False, states=(self.states.COMPLETE,))
        return min(complete, key=lambda trial: trial.value, default=None)


class _Interrupted(Callback):
    """Turns a training that Ctrl-C ended into KeyboardInterrupt: half a trial says nothing."""

    def end_training(self, run: Run) -> None:
        if run.history.stopped == "Ctrl-C":
            raise KeyboardInterrupt


def command(settings: Settings) -> str:
    """The command that trains with these settings."""
    words = ["plainnet", "train", settings.source]
    for name, value in settings.by_option().items():
        values = [] if value is None or name == "source" else [value]
        if isinstance(value, tuple):
            values = list(value)
        for each in values:
            if not (name == "seed" and each == 0):
                words += [option(name), str(each)]
    return join(words)


def _preset(task: Task, settings: Settings) -> dict[str, Any]:
    """The settings that the preset has for the first network of this table."""
    presets = recipe.CLASSIFIER if task.is_classification else recipe.REGRESSOR
    preset = presets[settings.training.preset or "default"]
    hidden = preset.hidden_layer_sizes or hidden_layer_sizes_for(len(task.rest))
    values = {
        "learning_rate": preset.learning_rate,
        "dropout": preset.dropout[0],
        "weight_decay": preset.weight_decay,
        "hidden": as_text(hidden),
    }
    if task.is_classification:
        values["label_smoothing"] = preset.label_smoothing
    return values


def _space(distributions: Any, preset: dict[str, Any]) -> dict[str, Any]:
    """Where each setting is looked for: around the preset's value."""
    number, choice = distributions.FloatDistribution, distributions.CategoricalDistribution
    rate = preset["learning_rate"]
    space = {
        "learning_rate": number(rate / 8, rate * 8, log=True),
        "dropout": number(0, 0.5, step=0.05),
        "weight_decay": number(0, 0.1, step=0.005),
        "hidden": choice(list(dict.fromkeys([preset["hidden"], *HIDDEN]))),
        "label_smoothing": number(0, 0.2, step=0.02),
    }
    return {name: space[name] for name in preset}


def _check(settings: Settings, trials: int, timeout: float | None) -> None:
    settings.check()
    if trials < 1:
        raise SettingError(f"--trials must be 1 or more; got {trials}")
    if timeout is not None and not timeout > 0:
        raise SettingError(f"--timeout must be above 0 seconds; got {timeout:g}")
