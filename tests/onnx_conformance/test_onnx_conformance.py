"""Every vector of every operator that plainnet covers passes, or is left out with a reason."""

import pytest

pytest.importorskip("onnx")

from onnx_conformance.adapters import ADAPTERS
from onnx_conformance.left_out import IN_PART, LEFT_OUT, MODELS
from onnx_conformance.table import Row, render, run, run_converted
from onnx_conformance.vectors import converted, vectors_of

VECTORS_PASSED_IN_PART_LEFT_OUT = {
    "Adagrad": (2, 2, 0, 0),
    "Adam": (2, 2, 0, 0),
    "Attention": (93, 26, 1, 66),
    "AveragePool": (27, 17, 0, 10),
    "BatchNormalization": (9, 9, 0, 0),
    "CausalConvWithState": (13, 11, 0, 2),
    "Conv": (33, 26, 0, 7),
    "ConvTranspose": (14, 13, 0, 1),
    "Dropout": (12, 9, 3, 0),
    "Elu": (4, 4, 0, 0),
    "Flatten": (11, 11, 0, 0),
    "GLU": (2, 2, 0, 0),
    "GRU": (6, 6, 0, 0),
    "Gather": (6, 5, 0, 1),
    "Gelu": (4, 4, 0, 0),
    "Gemm": (14, 14, 0, 0),
    "GlobalAveragePool": (2, 2, 0, 0),
    "GlobalMaxPool": (2, 2, 0, 0),
    "GroupNormalization": (2, 2, 0, 0),
    "Identity": (3, 1, 0, 2),
    "InstanceNormalization": (3, 3, 0, 0),
    "LSTM": (6, 5, 0, 1),
    "LayerNormalization": (19, 19, 0, 0),
    "LeakyRelu": (5, 5, 0, 0),
    "LogSoftmax": (10, 10, 0, 0),
    "MatMul": (8, 8, 0, 0),
    "MaxPool": (28, 15, 2, 11),
    "Mish": (1, 1, 0, 0),
    "Momentum": (3, 3, 0, 0),
    "NegativeLogLikelihoodLoss": (18, 12, 0, 6),
    "PRelu": (8, 8, 0, 0),
    "RMSNormalization": (19, 19, 0, 0),
    "RNN": (6, 6, 0, 0),
    "Relu": (3, 3, 0, 0),
    "Reshape": (11, 10, 0, 1),
    "Resize": (39, 5, 0, 34),
    "RotaryEmbedding": (8, 8, 0, 0),
    "Selu": (5, 3, 0, 2),
    "Sigmoid": (3, 3, 0, 0),
    "Softmax": (10, 10, 0, 0),
    "SoftmaxCrossEntropyLoss": (34, 26, 0, 8),
    "Softplus": (3, 3, 0, 0),
    "SwiGLU": (3, 2, 0, 1),
    "Swish": (1, 1, 0, 0),
    "Tanh": (3, 3, 0, 0),
    "Upsample": (1, 1, 0, 0),
}


@pytest.mark.parametrize("operator", VECTORS_PASSED_IN_PART_LEFT_OUT)
def test_each_vector_passes_or_has_a_reason_not_to(operator):
    row = run(operator)
    assert not row.failed, render([row])
    assert row.counts == VECTORS_PASSED_IN_PART_LEFT_OUT[operator], render([row])


def test_the_counts_are_of_all_operators():
    assert set(VECTORS_PASSED_IN_PART_LEFT_OUT) == {*ADAPTERS}


def test_each_name_that_is_left_out_is_counted():
    counts = VECTORS_PASSED_IN_PART_LEFT_OUT
    assert len(IN_PART) == sum(in_part for _, _, in_part, _ in counts.values())
    assert len(LEFT_OUT) == sum(left_out for *_, left_out in counts.values())


def test_each_converted_model_is_counted_or_has_a_reason_not_to_be():
    _, others = converted()
    assert set(others) == set(MODELS)
    row = run_converted()
    assert not row.failed, render([row])
    assert row.counts == (82, 60, 0, 22), render([row])


def test_a_wrong_result_and_an_unknown_attribute_are_noticed(monkeypatch):
    monkeypatch.setitem(ADAPTERS, "Relu", lambda X: X)
    assert "Mismatched elements" in run("Relu").failed["test_relu"]
    monkeypatch.setitem(ADAPTERS, "Elu", lambda X: X)
    assert "unexpected keyword argument 'alpha'" in run("Elu").failed["test_elu"]


def test_what_is_left_out_and_passes_is_noticed(monkeypatch):
    monkeypatch.setitem(LEFT_OUT, "test_relu", "no reason at all")
    assert run("Relu").failed == {"test_relu": "passes, but is left out"}


def test_an_output_that_is_not_compared_is_noticed(monkeypatch):
    monkeypatch.setitem(ADAPTERS, "Relu", lambda X: None)
    assert run("Relu").failed["test_relu"] == "outputs that were not compared: ['y']"


def test_the_function_bodies_are_the_only_node_vectors_that_a_rule_leaves_out():
    names = [vector.name for vector in vectors_of("Softmax")]
    assert "test_softmax_example" in names
    assert not any("expanded" in name for name in names)


def test_the_table_says_what_is_left_out_and_why():
    row = Row("Relu", 2, passed=1)
    row.left_out["the moon is full"] = 1
    lines = render([row], Row("more", 3)).splitlines()
    assert lines[1].split() == ["Relu", "2", "1", "0", "1"]
    assert lines[2].split(maxsplit=2) == ["left", "out", "1: the moon is full"]
    assert lines[3].split() == ["all", "2", "1", "0", "1"]
    assert lines[4].split() == ["more", "3", "0", "0", "0"]
