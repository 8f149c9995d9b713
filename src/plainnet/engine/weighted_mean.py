"""A mean over numbers that come one after the other."""

from collections.abc import Mapping, Sequence


class WeightedMean:
    """A mean that grows number by number. No weight is too large or too small for it."""

    def __init__(self) -> None:
        self.value = self.weight = 0.0
        self.unit = 0.0
        """Of the weight: the largest so far."""

    def add(self, value: float, weight: float, unit: float = 1.0) -> float:
        """Add a number of the weight `weight * unit`; its share of the mean from now on."""
        if weight == 0:
            return 0.0
        if unit > self.unit:
            self.weight *= self.unit / unit
            self.unit = unit
        weight *= unit / self.unit
        self.weight += weight
        share = weight / self.weight
        self.value += share * (value - self.value)
        return share

    def add_all(self, values: Sequence[float], weights: Sequence[float]) -> None:
        """`add` for one after the other, with the unit 1."""
        self.add(values[0], weights[0])
        if self.unit != 1.0 or min(weights) <= 0:
            for value, each in zip(values[1:], weights[1:], strict=True):
                self.add(value, each)
            return
        mean, weight = self.value, self.weight
        for value, each in zip(values[1:], weights[1:], strict=True):
            weight += each
            mean += each / weight * (value - mean)
        self.value, self.weight = mean, weight

    def resume_state(self) -> dict[str, float]:
        return {"value": self.value, "weight": self.weight, "unit": self.unit}

    def resume(self, state: Mapping[str, float]) -> None:
        self.value, self.weight, self.unit = state["value"], state["weight"], state["unit"]
