"""Which kernels run, and in how many threads: versions, settings, processes, pickles."""

import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from plainnet import Cache, Network, kernels, train
from plainnet.kernels import compiled, threads
from plainnet.layers import GELU, BatchNorm, Dense, LayerNorm, Sigmoid
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam
from systems import posix

ROOT = Path(__file__).parent.parent.parent
needs_twins = pytest.mark.skipif(
    kernels.info().version is None, reason="plainnet_kernels is missing"
)


def python(code: str, *arguments: str | Path, path: Path | None = None, **settings: str) -> str:
    """What a new interpreter prints; `path` is searched before what is installed."""
    environment = {**os.environ, "PLAINNET_KERNELS": "", **settings}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


# --- versions and settings ------------------------------------------------------------------------

STAND_IN = """
__version__, instructions, use_threads = {version!r}, "abacus", lambda n: None
def relu(Z, A):
    A[:] = 7
    return A
kernels = {{"relu": relu}}
"""

SAY = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    from plainnet import kernels
import numpy as np
from plainnet.kernels.activations import relu
relu(np.ones(1, np.float32), A := np.zeros(1, np.float32))
info = kernels.info()
print(info.kind, info.version, info.instructions, info.threads, *info.compiled, int(A[0]))
for each in said:
    print(each.message)
"""

FITS, OTHER = compiled.FITTING + "3", "99.0.0"


@pytest.mark.parametrize(
    ("version", "settings", "expected", "warning"),
    [
        (FITS, {"PLAINNET_THREADS": "5"}, f"c {FITS} abacus 5 relu 7", ""),
        (FITS, {"PLAINNET_THREADS": "many"}, f"c {FITS} abacus 1 relu 7", "many: it must be a pos"),
        (FITS, {"PLAINNET_THREADS": "-2"}, f"c {FITS} abacus 1 relu 7", "=-2: .*; 1 is used"),
        (FITS, {"PLAINNET_INSTRUCTIONS": "abacus"}, f"c {FITS} abacus 1 relu 7", ""),
        (
            FITS,
            {"PLAINNET_INSTRUCTIONS": "AVX2"},
            f"c {FITS} abacus 1 relu 7",
            "=AVX2: it must be avx512, avx2 or baseline, .*; abacus is used",
        ),
        (FITS, {"PLAINNET_KERNELS": "numpy"}, f"numpy {FITS} abacus 1 relu 1", ""),
        (FITS, {"PLAINNET_KERNELS": "fortran"}, f"numpy {FITS} abacus 1 relu 1", "got 'fortran'"),
        (OTHER, {}, "numpy None None 1 1", rf"{OTHER} is installed, and this plainnet needs"),
        (None, {}, "numpy None None 1 1", ""),
        (
            None,
            {"PLAINNET_KERNELS": "c"},
            "numpy None None 1 1",
            "C are not installed: pip install",
        ),
    ],
)
def test_what_is_installed_and_asked_for_is_used(version, settings, expected, warning, tmp_path):
    module = "raise ImportError" if version is None else STAND_IN.format(version=version)
    (tmp_path / "plainnet_kernels.py").write_text(module, encoding="utf-8")
    settings = {"OPENBLAS_NUM_THREADS": "1", **settings}
    said, *warnings = python(SAY, path=tmp_path, **settings).splitlines()
    assert said == expected
    assert len(warnings) == bool(warning)
    assert re.search(warning, "".join(warnings))


def test_the_kernels_of_this_checkout_fit():
    text = (ROOT / "kernels" / "meson.build").read_text(encoding="utf-8")
    assert re.search(r"version: '(.*)'", text)[1].startswith(compiled.FITTING)


def test_both_distributions_have_the_license():
    texts = [(ROOT / folder / "LICENSE").read_bytes() for folder in (".", "kernels")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("environment", "n"),
    [
        ({"PLAINNET_THREADS": "3", "OPENBLAS_NUM_THREADS": "7"}, 3),
        ({"PLAINNET_THREADS": "many", "OPENBLAS_NUM_THREADS": "7"}, 7),
        ({"PLAINNET_THREADS": "0", "OMP_NUM_THREADS": " 2,1"}, 2),
        ({"MKL_NUM_THREADS": "-4"}, threads.threads_for({})),
    ],
)
def test_the_number_of_threads(environment, n):
    assert threads.threads_for(environment) == n


# --- with the twins -------------------------------------------------------------------------------


@pytest.fixture
def three_threads():
    import plainnet_kernels

    plainnet_kernels.use_threads(3)
    yield
    plainnet_kernels.use_threads(kernels.info().threads)


@pytest.fixture
def twins():
    before = kernels.info().kind
    kernels.use("c")
    yield
    kernels.use(before)


LARGE = np.random.default_rng(2).standard_normal((200, 1000)).astype(np.float32)


def elementwise() -> Network:
    """Without products, which may differ in the last bits from process to process."""
    return Network([GELU(), Sigmoid()], loss=MeanSquaredError(), input_shape=1000)


@needs_twins
def test_calls_side_by_side_have_the_bits_of_a_call_alone(twins, three_threads):
    network = elementwise()
    alone = network.predict(LARGE)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: network.predict(LARGE), range(12)):
            np.testing.assert_array_equal(result, alone)


@needs_twins
@pytest.mark.parametrize("prefer", ["processes", "threads"])
def test_joblib(prefer, twins, three_threads, monkeypatch):
    joblib = pytest.importorskip("joblib")
    monkeypatch.setenv("PLAINNET_KERNELS", "c")  # of the processes
    monkeypatch.setenv("PLAINNET_THREADS", "2")
    network = elementwise()
    parallel = joblib.Parallel(n_jobs=2, prefer=prefer)
    for result in parallel(joblib.delayed(network.predict)(LARGE) for _ in range(4)):
        np.testing.assert_array_equal(result, network.predict(LARGE))


FORK = """
import os, threading
import numpy as np
from plainnet import kernels
from plainnet.kernels import activations

Z = np.linspace(-4, 4, 500_000, dtype=np.float32)
def run():
    return activations.gelu(Z, np.empty_like(Z), np.empty_like(Z), np.empty_like(Z))

before = run()
def n_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None

assert kernels.info().kind == "c"
some = n_threads()
child = os.fork()
if not child:
    alone = n_threads()
    same = np.array_equal(run(), before)
    os._exit(0 if same and (some is None or n_threads() == alone + 1) else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def share_for_ever():
    while True:
        run()

threading.Thread(target=share_for_ever, daemon=True).start()
for _ in range(30):  # while a call is shared, in every state that it may be in
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(run(), before) else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@posix
@needs_twins
def test_a_forked_child_shares_its_calls():
    said = python(FORK, PLAINNET_KERNELS="c", PLAINNET_THREADS="2", PYTHONWARNINGS="ignore")
    assert said.strip() == "0"


INTERRUPTED = """
import signal, sys, threading, time
import numpy as np
from plainnet import kernels
from plainnet.kernels import activations

Z = np.full(3_000_000, 0.7, np.float32)
Phi, A = np.zeros_like(Z), np.zeros_like(Z)
wanted = activations.gelu(Z, Phi, A, Phi).copy()
assert kernels.info().kind == "c"
interrupted = 0
for i in range(40):
    A.fill(0)
    try:
        threading.Timer(1e-4 * i, signal.raise_signal, [signal.SIGINT]).start()
        activations.gelu(Z, Phi, A, Phi)
        time.sleep(0.1)
    except KeyboardInterrupt:
        interrupted += 1
    written = A.copy()
    time.sleep(0.01)
    np.testing.assert_array_equal(A, written)  # nobody is at work any more
    if written.any():  # otherwise the call had not begun
        np.testing.assert_array_equal(A, wanted)
print(interrupted)
"""


@needs_twins
def test_an_interrupted_call_ends_first():
    said = python(INTERRUPTED, PLAINNET_KERNELS="c", PLAINNET_THREADS="3")
    assert int(said) == 40


# --- the same networks with both ------------------------------------------------------------------


def network() -> Network:
    layers = [Dense(48), BatchNorm(), GELU(), Dense(24), LayerNorm(), Sigmoid(), Dense(3)]
    return Network(layers, loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)


X = np.random.default_rng(3).standard_normal((640, 6)).astype(np.float32)
y = (X[:, 0] > 0).astype(int) + (X[:, 1] > X[:, 2])

ELSEWHERE = """
import pickle, sys
from plainnet import kernels, train
from plainnet.optimizers import Adam
assert kernels.info().version is None
with open(sys.argv[1], "rb") as file:
    models, X, y = pickle.load(file)
predicted = [model.predict_proba(X) for model in models]
train(models[0], X, y, optimizer=Adam(), epochs=1, batch_size=32, seed=0)
for model in models[1:]:
    model.fit(X, y)
with open(sys.argv[2], "wb") as file:
    pickle.dump([predicted, models, [model.predict_proba(X) for model in models]], file)
"""


@needs_twins
def test_pickles_go_to_machines_without_the_twins_and_back(twins, tmp_path):
    models = [network()]
    train(models[0], X, y, optimizer=Adam(), epochs=1, batch_size=32, seed=0)
    if find_spec("sklearn"):
        from plainnet.estimators import MLPClassifier

        models.append(MLPClassifier(9, max_iter=60, tol=1e-2, random_state=0).fit(X, y))
    (tmp_path / "plainnet_kernels.py").write_text("raise ImportError", encoding="utf-8")
    there, back = tmp_path / "there.pickle", tmp_path / "back.pickle"
    there.write_bytes(pickle.dumps([models, X, y]))
    python(ELSEWHERE, there, back, path=tmp_path)
    predicted, others, predicted_by_others = pickle.loads(back.read_bytes())
    for model, values in zip([*models, *others], [*predicted, *predicted_by_others], strict=True):
        np.testing.assert_allclose(model.predict_proba(X), values, rtol=2e-5, atol=2e-6)


def stacked() -> Network:
    """One whose whole step is a call."""
    layers = [Dense(16), Sigmoid(), Dense(3)]
    return Network(layers, loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)


@needs_twins
@pytest.mark.parametrize("make", [network, stacked])
def test_200_steps_take_the_same_course(make, twins):
    losses = {}
    for kind in ("numpy", "c"):
        kernels.use(kind)
        trained = train(make(), X, y, optimizer=Adam(0.01), epochs=10, batch_size=32, seed=0)
        losses[kind] = trained["loss"]
    np.testing.assert_allclose(losses["c"], losses["numpy"], rtol=1e-5)
    assert losses["c"][-1] < 0.5 * losses["c"][0]


@needs_twins
def test_a_recording_has_the_bits_of_numpys_kernels(twins):
    recorded = {}
    for kind in ("numpy", "c"):
        kernels.use(kind)
        of_kind, cache = network(), Cache(training=True, record=True)
        of_kind.loss_and_gradients(X, y, cache)
        recorded[kind] = {name: cache[name].copy() for name in cache.names()}
        recorded[kind]["gradients"] = of_kind.gradients.copy()
    assert len(recorded["c"]) > 20
    for name, array in recorded["numpy"].items():
        np.testing.assert_array_equal(recorded["c"][name], array)
