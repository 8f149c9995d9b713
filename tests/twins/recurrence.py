"""Recurrence for one example, number by number, from the definitions."""

import math

import numpy as np

from plainnet.layers import GRU, LSTM, RNN, Bidirectional, Masking

Vector = list[float]


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def product(matrix: np.ndarray, row: int, vector: Vector) -> float:
    return math.fsum(float(w) * a for w, a in zip(matrix[row], vector, strict=True))


def rnn_step(layer: RNN, x: Vector, h: Vector) -> tuple[Vector]:
    function = {"tanh": math.tanh, "relu": lambda z: z if z > 0 else 0.0}[layer.activation]
    return (
        [
            function(product(layer.W, j, x) + product(layer.U, j, h) + float(layer.b[j]))
            for j in range(layer.units)
        ],
    )


def lstm_step(layer: LSTM, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
    n = layer.units
    z = [product(layer.W, j, x) + product(layer.U, j, h) + float(layer.b[j]) for j in range(4 * n)]
    h_next, c_next = [], []
    for j in range(n):
        i, f, o = (logistic(z[gate * n + j]) for gate in range(3))
        c_next.append(f * c[j] + i * math.tanh(z[3 * n + j]))
        h_next.append(o * math.tanh(c_next[j]))
    return h_next, c_next


def gru_step(layer: GRU, x: Vector, h: Vector) -> tuple[Vector]:
    n = layer.units
    z = [product(layer.W, j, x) + float(layer.b[j]) for j in range(3 * n)]
    r = [logistic(z[j] + product(layer.U, j, h)) for j in range(n)]
    k = [logistic(z[n + j] + product(layer.U, n + j, h)) for j in range(n)]
    h_next = []
    for j in range(n):
        if layer.reset == "after":
            part = r[j] * (product(layer.U, 2 * n + j, h) + float(layer.b_reset[j]))
        else:
            part = product(layer.U, 2 * n + j, [a * b for a, b in zip(r, h, strict=True)])
        h_next.append((1 - k[j]) * math.tanh(z[2 * n + j] + part) + k[j] * h[j])
    return (h_next,)


STEPS = {RNN: rnn_step, LSTM: lstm_step, GRU: gru_step}


def recurrent(example: np.ndarray, layer: RNN | LSTM | GRU) -> np.ndarray:
    zero = np.zeros(layer.units)
    states = tuple(getattr(layer, f"{state}0", zero).tolist() for state in layer.states)
    out = {}
    places = range(len(example))
    for t in reversed(places) if layer.reverse else places:
        states = STEPS[type(layer)](layer, example[t].tolist(), *states)
        out[t] = states[0]
    return np.array([out[t] for t in places] if layer.return_sequences else states[0])


def both_ways(example: np.ndarray, layer: Bidirectional) -> np.ndarray:
    there, back = (recurrent(example, inner) for inner in layer.layers)
    if layer.merge == "concat":
        return np.concatenate([there, back], axis=-1)
    return np.array([a + b for a, b in zip(there.flat, back.flat, strict=True)]).reshape(
        there.shape
    )


def masking(example: np.ndarray, layer: Masking) -> np.ndarray:
    return example


# What PyTorch 2.13 gave in float64 for the input sines((2, 3, 2), 0.7) and two units: weight_ih of
# pace 0.9, weight_hh 1.1, bias_ih 0.4, bias_hh 0.6, the upstream gradient of the whole output 1.3,
# where sines(shape, pace) is sin(pace), sin(2 pace) ... in C order.
PYTORCH = {
    "tanh": {
        "Y": """
            0.9842591788 0.903074042 0.9983959188 0.6939031688 0.8568300645 0.7884627182
            -0.4055538392 0.9067370849 0.9624912256 0.5131324588 0.9990634884 0.783130169
        """,
        "dA": """
            0.1129652981 -0.05790287367 -0.2669346073 0.2724065868 0.2062505103 -0.1114809815
            0.06012687478 0.272393192 0.07605381217 -0.1795120744 0.01925564131 -0.01664036351
        """,
        "dW": """
            -0.1839906741 -0.1718464552 -0.2916277077 0.01220645282
        """,
        "dU": """
            0.07957175841 -0.01257291351 -0.3075820951 -0.02165198818
        """,
        "db_ih": """
            0.2209278841 0.0810959389
        """,
    },
    "lstm": {
        "Y": """
            0.1921258383 -0.3364689784 0.222593736 -0.4359167768 0.4101815125 -0.02178428042
            -0.03473360824 0.04814316968 0.2141227447 0.1333966374 0.2289676771 -0.1777474843
        """,
        "dA": """
            -0.1156242871 -0.04447243957 0.2422998348 0.1960837912 -0.07053108247 -0.09390351957
            -0.03329056941 -0.07657002983 -0.01535130988 -0.1220853114 -0.1484075997 -0.01941833925
        """,
        "dW": """
            0.004236791523 -0.002161465221 -0.03153373472 -0.04044005293 0.007167281359
            0.00795173504 0.01519396636 0.03668273369 0.005296114405 -0.01045703296 -0.04882213673
            0.05692541418 0.1172158874 0.1122351837 0.1542166254 0.07544450595
        """,
        "dU": """
            0.001213911577 -0.0002911840712 0.001507627985 -0.006079929475 0.001895826531
            0.002508503235 -0.005697583576 0.01170803323 0.002356211949 -0.002177077328
            0.004155675796 -0.003113715767 0.02732956275 0.03510943482 0.02538321789 -0.04826582473
        """,
        "db_ih": """
            -0.003289393927 0.004966476602 0.009592280954 -0.008253097576 -0.01236637608
            0.2510520507 0.1214436002 0.1100568367
        """,
    },
    "gru after": {
        "Y": """
            0.3623789222 -0.05769489916 0.5829248044 -0.102325818 0.5528643752 0.05807436171
            -0.008209181282 0.2107520126 0.1476899425 0.1725672183 0.5128201659 0.1105333477
        """,
        "dA": """
            0.1131869373 0.0952446223 -0.1051028555 -0.07535905684 -0.02913782622 -0.1715383803
            0.01729520664 0.07178175086 -0.03213189826 -0.03351071963 0.2180316269 0.1666974323
        """,
        "dW": """
            -0.0003320449253 -7.419371736e-05 0.0004351152659 0.002272797444 -0.1959533108
            -0.2516124657 0.002510753206 0.112258641 0.000143801052 0.002871725586 0.002897142902
            -0.009801132121
        """,
        "dU": """
            -9.337323668e-05 -5.760871217e-07 -0.003577791409 0.0001398976291 0.00669613249
            -0.03845530495 -0.07702866896 0.01793609412 0.00207684615 0.003188531238 0.03535987089
            0.0003491555632
        """,
        "db_ih": """
            0.0001579260477 -0.007984534139 -0.2042062387 -0.0264737229 0.03460706072 0.1033967953
        """,
        "db_hh": """
            0.0001579260477 -0.007984534139 -0.2042062387 -0.0264737229 0.02314904819 0.08583694375
        """,
    },
}
