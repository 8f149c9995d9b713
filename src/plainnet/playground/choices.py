"""What the settings of a playground may be, with the words that the page shows for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """The least and the most that a number may be."""

    least: float
    most: float
    whole: bool = False


LIMITS = {
    "classes": Range(2, 5, whole=True),
    "points": Range(10, 2000, whole=True),
    "noise": Range(0, 1),
    "test_share": Range(0, 0.9),
    "data_seed": Range(0, 2**31 - 1, whole=True),
    "units": Range(1, 128, whole=True),
    "dropout": Range(0, 0.9),
    "network_seed": Range(0, 2**31 - 1, whole=True),
    "learning_rate": Range(0, 1000),
    "batch_size": Range(1, 2000, whole=True),
    "epochs": Range(1, 100_000, whole=True),
    "l1": Range(0, 10),
    "l2": Range(0, 10),
    "clip_norm": Range(0, 1000),
    "step": Range(0, 1_000_000, whole=True),
}

DATA = {
    "circle": "Circle",
    "xor": "XOR",
    "moons": "Two moons",
    "spirals": "Spirals",
    "gaussians": "Gaussians",
    "plane": "Regression: a plane",
    "waves": "Regression: waves",
    "hills": "Regression: hills",
    "iris": "Iris",
    "digits": "Digits",
    "drawn": "Your own points",
    "table": "Your own table",
    "given": "Given in Python",
}
"""The datasets. `table` is a CSV file that was dropped in; `given` are the rows of a view in a
notebook, and no page can choose them."""

MADE = "circle", "xor", "moons", "spirals", "gaussians", "plane", "waves", "hills"
"""Those of points that are drawn at random, as many and as noisy as one likes."""
OF_THE_PLANE = *MADE, "drawn"
"""Those whose points lie in a plane, where points can be added by hand."""
DRAWN_TARGETS = {"class": "Classes", "number": "Numbers"}

HAS_CLASSES = ("spirals", "gaussians", "drawn")
"""The datasets whose number of classes is a setting."""

MOST_CLASSES = 10
"""For which there are colours."""
MOST_DRAWN = 500
"""Points by hand."""
MOST_LAYERS = 8
"""Hidden layers."""

FEATURES = {
    "x1": "x₁",
    "x2": "x₂",
    "x1^2": "x₁²",
    "x2^2": "x₂²",
    "x1*x2": "x₁x₂",
    "sin(x1)": "sin x₁",
    "sin(x2)": "sin x₂",
}

ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "tanh": "tanh",
    "sigmoid": "Sigmoid",
    "identity": "None (linear)",
}

INITIALIZATIONS = {
    "he": "He",
    "he_without_root": "He without the square root",
    "glorot": "Glorot",
    "zeros": "Zeros",
    "too_small": "Too small (0.001)",
    "too_large": "Too large (3)",
}

LOSSES = {
    "auto": "To suit the data",
    "cross_entropy": "Cross-entropy",
    "focal": "Focal",
    "hinge": "Hinge",
    "squared": "Squared error",
    "absolute": "Absolute error",
    "huber": "Huber",
}

OF_CLASSES = ("auto", "cross_entropy", "focal", "hinge")
OF_NUMBERS = ("auto", "squared", "absolute", "huber")

OPTIMIZERS = {
    "sgd": "Gradient descent",
    "momentum": "Momentum",
    "nesterov": "Nesterov momentum",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
    "lion": "Lion",
}

SCHEDULES = {
    "constant": "Constant",
    "step": "Steps down",
    "exponential": "Exponential",
    "cosine": "Cosine",
    "one_cycle": "One cycle",
}

OF_DATA = (
    "data", "classes", "points", "noise", "test_share", "data_seed", "drawn", "drawn_target",
    "target", "features", "plane",
)  # fmt: skip
"""The settings that the examples follow from."""
OF_NETWORK = "layers", "initialization", "loss", "network_seed"
"""Those that the first weights follow from, unless a network was given."""
CHANGEABLE = (
    "optimizer",
    "learning_rate",
    "schedule",
    "batch_size",
    "epochs",
    "l1",
    "l2",
    "clip_norm",
)
"""The settings that may change during training; any other begins it anew."""

PARTS = {
    "data": "Data",
    "network": "Changes of the layers",
    "learning": "Learning",
    "doctor": "Doctor",
    "losses": "Loss chart",
    "layers": "Inside the layers",
    "representations": "Representations",
    "example": "One example, step by step",
    "lessons": "Lessons",
    "takeaway": "Take away",
}
"""The parts of the page that a link can hide."""


def as_json() -> dict[str, Any]:
    """All of it, for the page."""
    return {
        "limits": {name: asdict(limits) for name, limits in LIMITS.items()},
        "data": DATA,
        "made": MADE,
        "of_the_plane": OF_THE_PLANE,
        "most_drawn": MOST_DRAWN,
        "most_layers": MOST_LAYERS,
        "has_classes": HAS_CLASSES,
        "features": FEATURES,
        "activation": ACTIVATIONS,
        "initialization": INITIALIZATIONS,
        "loss": LOSSES,
        "of_classes": OF_CLASSES,
        "of_numbers": OF_NUMBERS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "parts": PARTS,
    }
