"""What `make benchmark` measures: a module a part, each with a function `measure(rounds)`.

`measure` returns a table as timing.py makes it. Each runs in a process of its own, once for each of
its `threads`: with one thread, or with as many as each library takes by itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    title: str
    about: str
    threads: tuple[str, ...]


PARTS = {
    "training": Part(
        "A training step",
        "A step with Adam in float32, its loss and its share of the shuffling included: the "
        "median, and how many times as fast as each other library plainnet is.",
        ("one", "all"),
    ),
    "layers": Part(
        "Layers",
        "Each layer at a small and a larger size: time forward, as in prediction, and time of a "
        "step (forward, backward, all gradients; whole networks with Adam), and how many times as "
        "fast as PyTorch plainnet is.",
        ("one", "all"),
    ),
    "bandwidth": Part(
        "Memory bandwidth",
        "Layers that go over large arrays number by number, against copying an array in the same "
        "run. Counted are the bytes that the operation has to read and to write. It may take less "
        "time a byte than a copy: where it writes over what it has read, as Adam does, memory need "
        "not be fetched only to be overwritten.",
        ("one", "all"),
    ),
    "products": Part(
        "The floor of the products",
        "A training step of dense layers cannot take less time than its matrix products: NumPy's "
        "alone, in the same shapes, as a share of the whole step.",
        ("one", "all"),
    ),
    "exponents": Part(
        "Exponents",
        "The cost of a training step as a power of a size that is varied while the others stay: "
        "the slope of a straight line through the logarithms, with its standard error.",
        ("one",),
    ),
    "latency": Part(
        "One row",
        "The probabilities of the classes for a single row, as a NumPy array, from a network in "
        "memory; and how many times as fast as each other library plainnet is.",
        ("one",),
    ),
    "imports": Part(
        "Imports",
        "A fresh Python that imports the package and ends: time, and peak memory. plainnet imports "
        "its parts when they are first used; training needs most of them.",
        ("one",),
    ),
    "memory": Part(
        "Memory of a step",
        "The most that a process holds in two training steps beyond what it held before it made "
        "the network and its data, but after it trained a small network.",
        ("one",),
    ),
    "fit": Part(
        "Fitting a table",
        "Estimators at their defaults on 1,000 rows of 10 numbers: time to fit, to predict one row "
        "and to predict 10,000, each with how many times as fast as that model plainnet is; and "
        "the memory that a fit of 1,000 x 1,000 adds. The MLP stands behind StandardScaler.",
        ("one",),
    ),
    "ppo": Part(
        "Steps of an agent",
        "PPO on CartPole-v1 beside the same algorithm in PyTorch, in the manner of CleanRL's "
        "single file: same environments, networks, batches, clipping and optimizer.",
        ("one", "all"),
    ),
}
