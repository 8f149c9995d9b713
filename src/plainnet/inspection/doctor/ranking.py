"""Which finding comes first: of each kind of fault, how it is judged and what it is said before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from plainnet.inspection.doctor.verdicts import SEVERITIES, Verdict


class Tier(IntEnum):
    """Among findings of one severity, those of a lower tier come first."""

    TRUST = 0
    """No training mends or measures it: it is trust in the result that it spoils."""
    CAUSE = 1
    """Its remedy brings about as much as the best, or its symptoms hide behind other remedies."""
    LESSER = 2
    """Its remedy brings less than the best does."""
    PACE = 3
    """What is badly scaled, too, learns slowly."""
    UNTRIED = 4
    """No remedy of it has been tried."""
    TASTE = 5
    """It is within bounds, and may be better in another size."""


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of fault.

    Attributes
    ----------
    untried : Tier
        Where its remedy has not been tried.
    tried : Tier or None
        Where it has; None says that it follows from what the remedy brings.
    is_fact : bool
        It is said whether or not it does harm in a short training.
    is_of_size : bool
        What is within the bounds may still be better in another size, which is no fault.
    is_of_taste : bool
        As a warning it comes last, since nearly any network gains a little by its remedy.
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
"""What leads to others comes before them."""
PLACES = {name: place for place, name in enumerate(KINDS)}
AS_GOOD, NEAR = 1.5, 0.03
"""A remedy brings about as much as the best if it leaves so many times as little, or so near."""


def kind_of(verdict: Verdict) -> Kind:
    """What is known of its kind."""
    return KINDS.get(verdict.name, Kind())


def is_of_trust(verdict: Verdict) -> bool:
    """Whether no training measures it."""
    return kind_of(verdict).untried is Tier.TRUST


def ranked(found: Iterable[Verdict], left: float) -> Iterator[Verdict]:
    """The most serious first, and causes before their symptoms.

    Of those whose remedy has been tried, the ones that bring about as much as the best come in the
    order of `KINDS`, and the others after them. `left` is the loss without a remedy.
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
    """By its kind and by what its remedy leaves of the loss."""
    kind = kind_of(verdict)
    if verdict.gain is None:
        return kind.untried
    if kind.is_of_taste and verdict.severity == "warning":
        return Tier.TASTE
    if kind.tried is not None:
        return kind.tried
    return Tier.CAUSE if (1 - verdict.gain) * left <= bearable else Tier.LESSER


def place_of(verdict: Verdict) -> float:
    """In the order of causes; where another learning rate is the remedy, right after that."""
    if "learning_rate = " in verdict.code and verdict.name != "learning_rate_too_high":
        return PLACES["learning_rate_too_high"] + 0.5
    return PLACES.get(verdict.name, len(PLACES))
