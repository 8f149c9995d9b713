"""Every layer of plainnet, with an input and a twin that is written straight from the definition.

A twin takes one example as a float64 array, and the layer, and returns one example. It uses loops
and `math`, never the functions that the layer itself calls.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plainnet import layers
from plainnet.initializers import Normal
from plainnet.layers import (
    ELU,
    GELU,
    GLU,
    GRU,
    LSTM,
    RNN,
    SELU,
    Add,
    AveragePool2d,
    BatchNorm,
    Bidirectional,
    CategoryEmbedding,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    CrossAttention,
    Dense,
    Dot,
    Dropout,
    Dropout2d,
    Embedding,
    EmbeddingBag,
    EncoderDecoder,
    Flatten,
    FromFormula,
    GaussianNoise,
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    Graph,
    GroupNorm,
    Highway,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LearnedPositions,
    Masking,
    MaxPool2d,
    Mish,
    MultiHeadAttention,
    Multiply,
    Parallel,
    ParametricActivation,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
    Sample,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    SinusoidalPositions,
    Softmax,
    Softplus,
    SwiGLU,
    Tanh,
    TiedEmbedding,
    TransformerBlock,
    Transposed,
    Upsample,
)
from twins import attention, convolution, recurrence

Twin = Callable[[np.ndarray, Layer], np.ndarray]


@dataclass(frozen=True)
class LayerCase:
    make: Callable[[], Layer]
    input_shape: tuple[int, ...]
    twin: Twin

    @property
    def id(self) -> str:
        return f"{self.make()!r} on {self.input_shape}"


def each(function: Callable[[float], float]) -> Twin:
    """The twin of an elementwise layer, from a function of one number."""

    def twin(example: np.ndarray, layer: Layer) -> np.ndarray:
        return np.array([function(float(z)) for z in example.flat]).reshape(example.shape)

    return twin


def softplus(z: float) -> float:
    return z if z > 30 else math.log(1 + math.exp(z))


def phi(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def gelu_tanh(z: float) -> float:
    return 0.5 * z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z)))


def elu(alpha: float, scale: float = 1.0) -> Twin:
    return each(lambda z: scale * (z if z > 0 else alpha * (math.exp(z) - 1)))


def dense(example: np.ndarray, layer: Dense) -> np.ndarray:
    out = np.empty((*example.shape[:-1], layer.units))
    for place in np.ndindex(*example.shape[:-1]):
        for j in range(layer.units):
            total = float(layer.b[j]) if layer.bias else 0.0
            for k in range(example.shape[-1]):
                total += float(layer.W[j, k]) * float(example[*place, k])
            out[*place, j] = total
    return out


def softmax(example: np.ndarray, layer: Layer) -> np.ndarray:
    out = np.empty_like(example)
    for place in np.ndindex(*example.shape[:-1]):
        powers = [math.exp(z) for z in example[place]]
        out[place] = [power / sum(powers) for power in powers]
    return out


def flat(example: np.ndarray, layer: Layer) -> np.ndarray:
    return np.array(list(example.flat))


def means(example: np.ndarray, layer: Layer) -> np.ndarray:
    """The first half, of which the second is the log variances."""
    k = example.shape[-1] // 2
    out = np.empty((*example.shape[:-1], k))
    for place in np.ndindex(*out.shape):
        out[place] = example[place]
    return out


def shaped(*shape: int) -> Twin:
    return lambda example, layer: np.array(list(example.flat)).reshape(shape)


def same(example: np.ndarray, layer: Layer) -> np.ndarray:
    return example


def chain(example: np.ndarray, layer: Sequential | Residual) -> np.ndarray:
    by_type = {type(case.make()): case.twin for case in reversed(CASES)}
    for inner in layer.layers:
        example = by_type[type(inner)](example, inner)
    return example


def residual(example: np.ndarray, layer: Residual) -> np.ndarray:
    out = chain(example, layer)
    return np.array([a + b for a, b in zip(example.flat, out.flat, strict=True)]).reshape(out.shape)


def normalized(
    numbers: list[float], epsilon: float, mean: float | None = None, variance: float | None = None
) -> list[float]:
    """Mean 0 and variance 1, their own if none is given."""
    if mean is None:
        mean = math.fsum(numbers) / len(numbers)
    if variance is None:
        variance = math.fsum((a - mean) ** 2 for a in numbers) / len(numbers)
    return [(a - mean) / math.sqrt(variance + epsilon) for a in numbers]


def batch_norm(example: np.ndarray, layer: BatchNorm) -> np.ndarray:
    """In prediction; tests/layers/test_normalization.py has a twin for training."""
    out = np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        running = float(layer.running_mean[j]), float(layer.running_variance[j])
        (a_hat,) = normalized([float(example[*place, j])], layer.epsilon, *running)
        out[*place, j] = float(layer.gamma[j]) * a_hat + float(layer.beta[j])
    return out


def layer_norm(example: np.ndarray, layer: LayerNorm) -> np.ndarray:
    out = np.empty_like(example)
    for place in np.ndindex(example.shape[:-1]):
        for j, a_hat in enumerate(normalized(list(example[place]), layer.epsilon)):
            out[*place, j] = float(layer.gamma[j]) * a_hat + float(layer.beta[j])
    return out


def rms_norm(example: np.ndarray, layer: RMSNorm) -> np.ndarray:
    out = np.empty_like(example)
    for place in np.ndindex(example.shape[:-1]):
        square = math.fsum(a * a for a in example[place]) / example.shape[-1]
        for j, a in enumerate(example[place]):
            out[*place, j] = float(layer.gamma[j]) * a / math.sqrt(square + layer.epsilon)
    return out


def group_norm(example: np.ndarray, layer: GroupNorm) -> np.ndarray:
    out = np.empty_like(example)
    width = example.shape[-1] // layer.groups
    for group in range(layer.groups):
        places = [p for p in np.ndindex(example.shape) if p[-1] // width == group]
        values = normalized([float(example[p]) for p in places], layer.epsilon)
        for p, a_hat in zip(places, values, strict=True):
            out[p] = float(layer.gamma[p[-1]]) * a_hat + float(layer.beta[p[-1]])
    return out


def scale(example: np.ndarray, layer: Scale) -> np.ndarray:
    out = np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        out[*place, j] = float(layer.gamma[j]) * example[*place, j]
    return out


def prelu(example: np.ndarray, layer: PReLU) -> np.ndarray:
    out = np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        z = float(example[*place, j])
        out[*place, j] = z if z > 0 else float(layer.alpha[j]) * z
    return out


def parametric(example: np.ndarray, layer: ParametricActivation) -> np.ndarray:
    bent, out = chain(example, layer), np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        alpha = float(layer.alpha[j])
        out[*place, j] = alpha * bent[*place, j] + (1 - alpha) * example[*place, j]
    return out


def powers(example: np.ndarray, layer: FromFormula) -> np.ndarray:
    out = np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        out[*place, j] = float(layer.g[j]) * float(example[*place, j]) ** 2
    return out


def swish(example: np.ndarray, layer: FromFormula) -> np.ndarray:
    """With a learned factor in the sigmoid (Ramachandran et al. 2017)."""
    return each(lambda z: z / (1 + math.exp(-float(layer.s) * z)))(example, layer)


def bilinear(example: np.ndarray, layer: FromFormula) -> np.ndarray:
    """(W a)_j (V a)_j, and behind them the mean of a."""
    none = np.zeros(len(layer.W))
    out = [
        weighted_sum(example, layer.W, none, j) * weighted_sum(example, layer.V, none, j)
        for j in range(len(none))
    ]
    return np.array([*out, math.fsum(example) / len(example)])


def weighted_sum(row: np.ndarray, W: np.ndarray, b: np.ndarray, j: int) -> float:
    return float(b[j]) + math.fsum(float(w) * float(a) for w, a in zip(W[j], row, strict=True))


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def glu(example: np.ndarray, layer: GLU) -> np.ndarray:
    out = np.empty((*example.shape[:-1], layer.units))
    b = layer.b if layer.bias else np.zeros(2 * layer.units)
    for *place, j in np.ndindex(out.shape):
        u, v = (weighted_sum(example[*place], layer.W, b, k) for k in (j, layer.units + j))
        out[*place, j] = u * logistic(v)
    return out


def highway(example: np.ndarray, layer: Highway) -> np.ndarray:
    F, out = chain(example, layer), np.empty_like(example)
    for *place, j in np.ndindex(example.shape):
        t = logistic(weighted_sum(example[*place], layer.W, layer.b, j))
        out[*place, j] = t * F[*place, j] + (1 - t) * example[*place, j]
    return out


def waves(example: np.ndarray, layer: PeriodicEmbedding) -> np.ndarray:
    out = []
    for f, x in enumerate(example.tolist()):
        angles = [
            2 * math.pi * float(w) * x + float(b)
            for w, b in zip(layer.w1[f], layer.b1[f], strict=True)
        ]
        for j in range(layer.width - 1):
            terms = [math.cos(a) * float(w) for a, w in zip(angles, layer.W2[f, :, j], strict=True)]
            out.append(sum(terms) + float(layer.b2[f, j]))
        out.append(x)
    return np.array(out)


def looked_up(example: np.ndarray, layer: CategoryEmbedding) -> np.ndarray:
    out, first = [], 0
    for x, size in zip(example.tolist(), layer.sizes, strict=True):
        k = round(x) if 0 <= round(x) < size else 0
        out += layer.E[first + k].tolist()
        first += size
    return np.array(out)


def side_by_side(example: np.ndarray, layer: Parallel) -> np.ndarray:
    by_type = {type(case.make()): case.twin for case in reversed(CASES)}
    out = []
    for (start, stop), inner in zip(layer.parts, layer.layers, strict=True):
        out += by_type[type(inner)](example[start:stop], inner).tolist()
    return np.array(out)


def joined(example: np.ndarray, graph: Graph) -> np.ndarray:
    """Each node after its sources; the merges number by number."""
    by_type = {type(case.make()): case.twin for case in reversed(CASES)}
    known = {graph.outputs[0]: None, next(iter(graph.inputs)): example}

    def value(name: str) -> np.ndarray:
        if known.get(name) is None:
            layer, *sources = graph.nodes[name]
            parts = [value(source) for source in sources]
            if isinstance(layer, Transposed):
                known[name] = transposed(*parts, layer)
            elif type(layer) in MERGES:
                known[name] = MERGES[type(layer)](parts, layer)
            else:
                known[name] = by_type[type(layer)](*parts, layer)
        return known[name]

    return value(graph.outputs[0])


def place_by_place(function: Callable[[list[float]], float]) -> Callable[..., np.ndarray]:
    def merge(parts: list[np.ndarray], layer: Layer) -> np.ndarray:
        out = np.empty(parts[0].shape)
        for place in np.ndindex(out.shape):
            out[place] = function([float(part[place]) for part in parts])
        return out

    return merge


def dot(parts: list[np.ndarray], layer: Layer) -> np.ndarray:
    one, other = parts
    out = np.zeros((*one.shape[:-1], 1))
    for place in np.ndindex(one.shape):
        out[(*place[:-1], 0)] += float(one[place]) * float(other[place])
    return out


def concatenated(parts: list[np.ndarray], layer: Concatenate) -> np.ndarray:
    """The example has no batch axis."""
    if layer.axis in (1, -2) and parts[0].ndim == 2:
        return np.array([row for part in parts for row in part.tolist()])
    places = list(np.ndindex(parts[0].shape[:-1]))
    rows = [[x for part in parts for x in part[place].tolist()] for place in places]
    return np.array(rows).reshape(*parts[0].shape[:-1], -1)


def shared_twice() -> Graph:
    """A layer in three places, one of them on top of another."""
    layer = Dense(3)
    nodes = {
        "first": (layer, "X"),
        "second": (layer, "bent"),
        "bent": (Tanh(), "first"),
        "third": (layer, "bent"),
        "sum": (Add(), "first", "second", "third"),
    }
    return Graph(nodes, inputs="X", outputs="sum")


def tied_both_ways(bias: bool) -> Graph:
    first = Dense(2)
    nodes = {
        "code": (first, "X"),
        "bent": (Tanh(), "code"),
        "again": (Transposed(first, bias=bias), "bent"),
    }
    return Graph(nodes, inputs="X", outputs="again")


def transposed(example: np.ndarray, layer: Transposed) -> np.ndarray:
    out = np.empty((*example.shape[:-1], layer.layer.W.shape[1]))
    for place in np.ndindex(*example.shape[:-1]):
        for j in range(out.shape[-1]):
            total = float(layer.b[j]) if layer.bias else 0.0
            for i in range(example.shape[-1]):
                total += float(example[(*place, i)]) * float(layer.layer.W[i, j])
            out[(*place, j)] = total
    return out


MERGES: dict[type[Layer], Callable[..., np.ndarray]] = {
    Add: place_by_place(math.fsum),
    Multiply: place_by_place(math.prod),
    Dot: dot,
    Concatenate: concatenated,
}


def binned(example: np.ndarray, layer: PiecewiseLinearEmbedding) -> np.ndarray:
    out = []
    for x, edges in zip(example.tolist(), layer.edges, strict=True):
        for low, high in itertools.pairwise(edges):
            out.append(0.0 if x < low else 1.0 if x > high else (x - low) / (high - low))
    return np.array(out)


CASES = [
    LayerCase(lambda: Dense(3), (4,), dense),
    LayerCase(lambda: Dense(3, bias=False), (4,), dense),
    LayerCase(lambda: Dense(3), (5, 2), dense),
    LayerCase(Identity, (6,), same),
    LayerCase(ReLU, (6,), each(lambda z: z if z > 0 else 0.0)),
    LayerCase(ReLU, (3, 2), each(lambda z: z if z > 0 else 0.0)),
    LayerCase(LeakyReLU, (6,), each(lambda z: z if z > 0 else 0.01 * z)),
    LayerCase(lambda: LeakyReLU(0.3), (6,), each(lambda z: z if z > 0 else 0.3 * z)),
    LayerCase(ELU, (6,), elu(1.0)),
    LayerCase(lambda: ELU(0.7), (6,), elu(0.7)),
    LayerCase(SELU, (6,), elu(1.6732632423543772, 1.0507009873554805)),
    LayerCase(GELU, (6,), each(lambda z: z * phi(z))),
    LayerCase(lambda: GELU("tanh"), (6,), each(gelu_tanh)),
    LayerCase(SiLU, (6,), each(lambda z: z / (1 + math.exp(-z)))),
    LayerCase(Mish, (6,), each(lambda z: z * math.tanh(softplus(z)))),
    LayerCase(Sigmoid, (6,), each(lambda z: 1 / (1 + math.exp(-z)))),
    LayerCase(Tanh, (6,), each(math.tanh)),
    LayerCase(Softplus, (6,), each(softplus)),
    LayerCase(Softmax, (6,), softmax),
    LayerCase(Softmax, (2, 3), softmax),
    LayerCase(lambda: Dropout(0.4), (6,), same),
    LayerCase(lambda: Dropout(0.0), (6,), same),
    LayerCase(Flatten, (2, 3), flat),
    LayerCase(lambda: Reshape((3, -1)), (2, 3), shaped(3, 2)),
    LayerCase(lambda: Sequential([Dense(3), Tanh(), Flatten()]), (4,), chain),
    LayerCase(lambda: Residual([Dense(5), ReLU(), Dense(4)]), (4,), residual),
    LayerCase(lambda: Residual([ReLU()]), (4,), residual),
    LayerCase(lambda: GaussianNoise(0.3), (6,), same),
    LayerCase(lambda: GaussianNoise(0), (6,), same),
    LayerCase(Sample, (6,), means),
    LayerCase(Sample, (2, 4), means),
    LayerCase(BatchNorm, (6,), batch_norm),
    LayerCase(lambda: BatchNorm(momentum=0.5, epsilon=0.1), (2, 3), batch_norm),
    LayerCase(BatchNorm, (2, 3, 2), batch_norm),
    LayerCase(LayerNorm, (6,), layer_norm),
    LayerCase(lambda: LayerNorm(epsilon=0.1), (2, 3), layer_norm),
    LayerCase(RMSNorm, (6,), rms_norm),
    LayerCase(lambda: RMSNorm(epsilon=0.1), (2, 3), rms_norm),
    LayerCase(lambda: GroupNorm(2), (6,), group_norm),
    LayerCase(lambda: GroupNorm(1, epsilon=0.1), (3, 2), group_norm),
    LayerCase(lambda: GroupNorm(2), (2, 3, 4), group_norm),
    LayerCase(lambda: GroupNorm(4), (3, 4), group_norm),
    LayerCase(Scale, (6,), scale),
    LayerCase(lambda: Scale(0.1), (3, 2), scale),
    LayerCase(PReLU, (6,), prelu),
    LayerCase(lambda: PReLU(1.5), (3, 2), prelu),
    LayerCase(lambda: ParametricActivation(Tanh()), (6,), parametric),
    LayerCase(lambda: ParametricActivation(Sigmoid()), (3, 2), parametric),
    LayerCase(lambda: ParametricActivation(PReLU()), (4,), parametric),
    LayerCase(
        lambda: FromFormula("R = maximum(Z, 0); R**2"), (6,), each(lambda z: max(z, 0.0) ** 2)
    ),
    LayerCase(lambda: FromFormula("g * Z**2", g=[1.0, -0.5, 2.0]), (3,), powers),
    LayerCase(lambda: FromFormula("g * Z**2", g=Normal()), (2, 3), powers),
    LayerCase(lambda: FromFormula("Z * sigmoid(s * Z)", s=1.5), (4, 2), swish),
    LayerCase(
        lambda: FromFormula(
            "P = (A @ W.T) * einsum('mk,jk->mj', A, V)\n"
            "mixed = concatenate([P, A.mean(axis=1, keepdims=True)], axis=1)",
            W=[[0.5, -1.0, 0.3], [1.0, 0.2, -0.4]],
            V=[[-0.3, 0.8, 0.1], [0.6, -0.7, 0.9]],
        ),
        (3,),
        bilinear,
    ),
    LayerCase(lambda: GLU(3), (4,), glu),
    LayerCase(lambda: GLU(3, bias=False), (5, 2), glu),
    LayerCase(lambda: Highway([Dense(4), Tanh()]), (4,), highway),
    LayerCase(lambda: Highway([Dense(2), ReLU()], gate_bias=0.5), (3, 2), highway),
    LayerCase(lambda: Highway([Sigmoid()]), (4,), highway),
    LayerCase(lambda: PeriodicEmbedding(5), (3,), waves),
    LayerCase(lambda: PeriodicEmbedding(4, width=2, sigma=0.5), (2,), waves),
    LayerCase(lambda: CategoryEmbedding([3, 2], 4), (2,), looked_up),
    LayerCase(lambda: PiecewiseLinearEmbedding([[-1, 0, 0.5, 2], [-0.3, 0.4]]), (2,), binned),
    LayerCase(lambda: Parallel([(0, 3), (3, 5)], [Dense(4), ReLU()]), (5,), side_by_side),
    LayerCase(
        lambda: Parallel(
            [(0, 2), (2, 3), (1, 4)],
            [PeriodicEmbedding(3), CategoryEmbedding([4], 2), Tanh()],
        ),
        (4,),
        side_by_side,
    ),
    LayerCase(
        lambda: Graph(
            {
                "wide": (Dense(4), "X"),
                "bent": (Tanh(), "wide"),
                "gate": (Multiply(), "wide", "bent"),
                "sum": (Add(), "gate", "wide", "bent"),
                "Y": (Concatenate(), "sum", "X"),
            },
            inputs="X",
            outputs="Y",
        ),
        (3,),
        joined,
    ),
    LayerCase(
        lambda: Graph(
            {
                "one": (Dense(2), "X"),
                "two": (Sigmoid(), "X"),
                "longer": (Concatenate(1), "one", "two", "X"),
                "product": (Multiply(), "two", "one", "X"),
                "alike": (Dot(), "one", "product"),
                "Y": (Concatenate(-2), "longer", "repeated"),
                "repeated": (Concatenate(), "alike", "alike"),
            },
            inputs="X",
            outputs="Y",
        ),
        (3, 2),
        joined,
    ),
    LayerCase(shared_twice, (3,), joined),
    LayerCase(lambda: tied_both_ways(True), (4,), joined),
    LayerCase(lambda: tied_both_ways(False), (3, 4), joined),
    LayerCase(lambda: Embedding(4, 3), (5,), attention.looked_up_tokens),
    LayerCase(lambda: Embedding(3, 2, padding=0), (4,), attention.looked_up_tokens),
    LayerCase(lambda: EmbeddingBag(4, 3), (5,), attention.bag),
    LayerCase(lambda: EmbeddingBag(3, 2, padding=0), (4,), attention.bag),
    LayerCase(lambda: EmbeddingBag(3, 2, combine="sum", padding=1), (4,), attention.bag),
    LayerCase(lambda: TiedEmbedding(5, 3, [Dense(3), Tanh()]), (4,), attention.tied(chain)),
    LayerCase(
        lambda: TiedEmbedding(3, 2, [Dense(2), Tanh()], padding=1), (4,), attention.tied(chain)
    ),
    LayerCase(lambda: LearnedPositions(3), (3, 4), attention.learned_positions),
    LayerCase(lambda: LearnedPositions(5), (3, 2), attention.learned_positions),
    LayerCase(SinusoidalPositions, (5, 4), attention.sinusoidal_positions),
    LayerCase(lambda: MultiHeadAttention(2), (3, 4), attention.self_attention),
    LayerCase(
        lambda: MultiHeadAttention(4, causal=True, key_value_heads=2, rotary=True, head_width=4),
        (5, 3),
        attention.self_attention,
    ),
    LayerCase(
        lambda: MultiHeadAttention(2, rotary="interleaved", rotary_base=100.0, bias=False),
        (3, 8),
        attention.self_attention,
    ),
    LayerCase(lambda: SwiGLU(3), (4,), attention.swiglu),
    LayerCase(lambda: SwiGLU(3, bias=False), (2, 4), attention.swiglu),
    LayerCase(lambda: TransformerBlock(2), (3, 4), chain),
    LayerCase(
        lambda: TransformerBlock(
            2,
            hidden=3,
            activation="swiglu",
            norm="post",
            causal=True,
            rotary=True,
            bias=False,
            normalization="RMSNorm",
        ),
        (3, 4),
        chain,
    ),
    LayerCase(lambda: TransformerBlock(1, activation="relu"), (2, 4), chain),
    LayerCase(
        lambda: EncoderDecoder([Dense(6), Tanh()], [CrossAttention(2, source_width=6)], 2),
        (5, 4),
        attention.encoder_decoder(chain),
    ),
    LayerCase(lambda: RNN(3), (4, 2), recurrence.recurrent),
    LayerCase(
        lambda: RNN(3, activation="relu", return_sequences=True), (4, 2), recurrence.recurrent
    ),
    LayerCase(lambda: LSTM(3), (4, 2), recurrence.recurrent),
    LayerCase(
        lambda: LSTM(3, return_sequences=True, reverse=True, learned_start=True),
        (4, 2),
        recurrence.recurrent,
    ),
    LayerCase(lambda: GRU(3, return_sequences=True), (4, 2), recurrence.recurrent),
    LayerCase(lambda: GRU(3, reverse=True, learned_start=True), (4, 2), recurrence.recurrent),
    LayerCase(lambda: GRU(3, reset="before", return_sequences=True), (4, 2), recurrence.recurrent),
    LayerCase(lambda: Bidirectional(LSTM(3, return_sequences=True)), (4, 2), recurrence.both_ways),
    LayerCase(lambda: Bidirectional(GRU(3), merge="sum"), (4, 2), recurrence.both_ways),
    LayerCase(Masking, (4, 2), recurrence.masking),
    LayerCase(lambda: Conv2d(3, 3), (5, 4, 2), convolution.conv2d),
    LayerCase(lambda: Conv2d(2, (3, 2), padding="same"), (4, 5, 1), convolution.conv2d),
    LayerCase(lambda: Conv2d(3, 1, bias=False), (3, 2, 4), convolution.conv2d),
    LayerCase(
        lambda: Conv2d(4, 3, stride=2, dilation=2, groups=2, padding=((1, 2), (3, 0))),
        (6, 5, 4),
        convolution.conv2d,
    ),
    LayerCase(lambda: Conv2d(3, 2, stride=3, padding=(2, 1)), (5, 4, 5), convolution.conv2d),
    LayerCase(lambda: Conv2d(3, 2, padding=2), (1, 2, 2), convolution.conv2d),
    LayerCase(
        lambda: Conv2d(3, 3, groups=3, padding="same", stride=(2, 1)), (4, 3, 3), convolution.conv2d
    ),
    LayerCase(lambda: ConvTranspose2d(3, 3), (2, 3, 2), convolution.conv_transpose2d),
    LayerCase(
        lambda: ConvTranspose2d(4, (3, 2), stride=2, padding=1, output_padding=(1, 0), groups=2),
        (3, 2, 4),
        convolution.conv_transpose2d,
    ),
    LayerCase(
        lambda: ConvTranspose2d(2, 3, stride=2, padding="same", dilation=2, bias=False),
        (3, 2, 5),
        convolution.conv_transpose2d,
    ),
    LayerCase(
        lambda: ConvTranspose2d(2, 2, stride=2, groups=2), (2, 3, 2), convolution.conv_transpose2d
    ),
    LayerCase(
        lambda: ConvTranspose2d(2, (2, 1), dilation=(2, 1), output_padding=(1, 0)),
        (2, 2, 3),
        convolution.conv_transpose2d,
    ),
    LayerCase(lambda: Conv1d(3, 3, padding="causal", dilation=2), (6, 2), convolution.conv1d),
    LayerCase(lambda: Conv1d(4, 2, stride=2, groups=2, bias=False), (5, 4), convolution.conv1d),
    LayerCase(lambda: Conv1d(3, 4, padding="same"), (5, 4), convolution.conv1d),
    LayerCase(lambda: Conv1d(2, 2, padding=(2, 1)), (3, 2), convolution.conv1d),
    LayerCase(lambda: MaxPool2d(2), (4, 4, 2), convolution.max_pool2d),
    LayerCase(lambda: MaxPool2d((3, 2), stride=(2, 1)), (6, 3, 2), convolution.max_pool2d),
    LayerCase(
        lambda: MaxPool2d(3, stride=2, padding=1, ceil_mode=True), (4, 5, 2), convolution.max_pool2d
    ),
    LayerCase(lambda: MaxPool2d(3, stride=2, ceil_mode=True), (2, 5, 2), convolution.max_pool2d),
    LayerCase(lambda: AveragePool2d(2), (4, 5, 2), convolution.average_pool2d),
    LayerCase(lambda: AveragePool2d((2, 3)), (4, 3, 2), convolution.average_pool2d),
    LayerCase(
        lambda: AveragePool2d(3, stride=2, padding="same"), (4, 5, 2), convolution.average_pool2d
    ),
    LayerCase(
        lambda: AveragePool2d(3, stride=1, padding=1, count_padding=True),
        (3, 4, 1),
        convolution.average_pool2d,
    ),
    LayerCase(GlobalAveragePool1d, (3, 4), convolution.mean_of_all),
    LayerCase(GlobalAveragePool2d, (3, 2, 4), convolution.mean_of_all),
    LayerCase(GlobalMaxPool1d, (3, 4), convolution.max_of_all),
    LayerCase(GlobalMaxPool2d, (3, 2, 4), convolution.max_of_all),
    LayerCase(lambda: Upsample(2), (2, 3, 2), convolution.upsample),
    LayerCase(lambda: Upsample((3, 2), mode="bilinear"), (2, 3, 2), convolution.upsample),
    LayerCase(lambda: Dropout2d(0.4), (2, 3, 4), convolution.dropout2d),
]

EXPORTED = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}
