"""The order of findings: for each kind of fault, how it is ranked and what it precedes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from plainnet.inspection.doctor.verdicts import SEVERITIES, Verdict


class Tier(IntEnum):
    """Among findings of one severity, those of a lower tier come first."""

    TRUST = 0
    """No training repairs or measures it: it undermines trust in the result."""
    CAUSE = 1
    """Its remedy gains about as much as the best, or other remedies hide its symptoms."""
    LESSER = 2
    """Its remedy gains less than the best one."""
    PACE = 3
    """It learns slowly, which bad scaling may also cause."""
    UNTRIED = 4
    """No remedy for it has been tried."""
    TASTE = 5
    """It is within bounds, but another size may be better."""


@dataclass(frozen=True)
class Kind:
    """Properties of a kind of fault.

    Attributes
    ----------
    untried : Tier
        The tier if its remedy has not been tried.
    tried : Tier or None
        The tier if it has; None means that it depends on what the remedy gains.
    is_fact : bool
        It is reported whether or not it does harm in a short training.
    is_of_size : bool
        A size within the bounds is no fault, although another size may be better.
    is_of_taste : bool
        As a warning it comes last, since its remedy helps nearly any network a little.
    """

    untried: Tier = Tier.UNTRIED
    tried: Tier | None = None
    is_fact: bool = False
    is_of_size: bool = False
    is_of_taste: bool = False


OF_TRUST = Kind(untried=Tier.TRUST)
KINDS = {
    "constant_target": OF_TRUST,
    "leaking_feature": OF_TRUST,
    "shared_rows": OF_TRUST,
    "too_good_validation": OF_TRUST,
    "shifted_validation": OF_TRUST,
    "shuffled_labels": OF_TRUST,
    "imbalanced_classes": OF_TRUST,
    "constant_columns": Kind(tried=Tier.CAUSE, is_fact=True),
    "unscaled_target": Kind(tried=Tier.CAUSE),
    "unscaled_inputs": Kind(is_of_size=True, is_of_taste=True),
    "sorted_labels": Kind(is_fact=True),
    "not_finite": Kind(untried=Tier.CAUSE),
    "symmetric_units": Kind(),
    "missing_activation": Kind(),
    "ignores_input": Kind(),
    "never_changes": Kind(),
    "dead_units": Kind(),
    "saturated_units": Kind(),
    "large_start_loss": Kind(is_of_size=True),
    "variance_gain": Kind(),
    "small_batches": Kind(is_fact=True),
    "strong_regularization": Kind(),
    "clipped_steps": Kind(is_fact=True),
    "vanishing_gradients": Kind(is_fact=True),
    "exploding_gradients": Kind(),
    "mode_mismatch": Kind(),
    "cannot_fit_a_batch": Kind(untried=Tier.CAUSE),
    "learning_rate_too_high": Kind(tried=Tier.CAUSE),
    "learning_rate_too_low": Kind(tried=Tier.PACE),
    "overfitting": Kind(),
    "underfitting": Kind(),
    "loss_and_metric_disagree": Kind(),
    "miscalibrated": Kind(),
}
"""Causes come before their consequences."""
PLACES = {name: place for place, name in enumerate(KINDS)}
AS_GOOD, NEAR = 1.5, 0.03
"""A remedy ties with the best if what it leaves is within this factor, or this difference."""


def kind_of(verdict: Verdict) -> Kind:
    """The properties of its kind."""
    return KINDS.get(verdict.name, Kind())


def is_of_trust(verdict: Verdict) -> bool:
    """Whether no training measures it."""
    return kind_of(verdict).untried is Tier.TRUST


def ranked(found: Iterable[Verdict], left: float) -> Iterator[Verdict]:
    """The most serious first, and causes before their symptoms.

    Among those whose remedy has been tried, the ones that gain about as much as the best come in
    the order of `KINDS`, followed by the others. `left` is the loss without a remedy.
    """
    verdicts = list(found)
    best = min((1 - v.gain for v in verdicts if v.gain is not None), default=1.0) * left
    bearable = max(AS_GOOD * best, best + NEAR)

    def key(verdict: Verdict) -> tuple[int, int, float, float]:
        tier, gain = tier_of(verdict, left, bearable), verdict.gain or 0.0
        place = 0.0 if tier is Tier.LESSER else place_of(verdict)
        return SEVERITIES.index(verdict.severity), tier, place, -gain

    seen: set[str] = set()
    for verdict in sorted(verdicts, key=key):
        if verdict.name not in seen:
            seen.add(verdict.name)
            yield verdict


def tier_of(verdict: Verdict, left: float, bearable: float) -> Tier:
    """The tier, by its kind and by how much of the loss its remedy leaves."""
    kind = kind_of(verdict)
    if verdict.gain is None:
        return kind.untried
    if kind.is_of_taste and verdict.severity == "warning":
        return Tier.TASTE
    if kind.tried is not None:
        return kind.tried
    return Tier.CAUSE if (1 - verdict.gain) * left <= bearable else Tier.LESSER


def place_of(verdict: Verdict) -> float:
    """Its place among the causes; a remedy that changes the learning rate comes after that one."""
    if "learning_rate = " in verdict.code and verdict.name != "learning_rate_too_high":
        return PLACES["learning_rate_too_high"] + 0.5
    return PLACES.get(verdict.name, len(PLACES))
