"""What training measured, epoch by epoch."""

import copy
import json
import math
import pickle

import numpy as np
import pytest

from plainnet import History, Network, train
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD


def two_epochs() -> History:
    history = History()
    history.append({"loss": 0.9, "val_loss": 1.1})
    history.append({"loss": 0.5, "val_loss": 0.75})
    return history


def test_a_new_history_is_empty():
    history = History()
    assert len(history) == 0
    assert history.last() == {}
    assert "loss" not in history
    assert "0 epochs" in repr(history)
    assert "nothing yet" in repr(history)


def test_each_measure_is_a_list_of_one_number_an_epoch():
    history = two_epochs()
    assert history["loss"] == [0.9, 0.5]
    assert history["val_loss"] == [1.1, 0.75]
    assert list(history.columns) == ["loss", "val_loss"]
    assert len(history) == 2
    assert "val_loss" in history
    assert "accuracy" not in history


def test_last_is_the_last_epoch():
    assert two_epochs().last() == {"loss": 0.5, "val_loss": 0.75}


def test_a_measure_may_begin_later():
    history = History()
    history.append({"loss": 0.9})
    history.append({"loss": 0.5, "val_loss": 0.75})
    assert len(history) == 2
    assert history.last() == {"loss": 0.5, "val_loss": 0.75}


def test_what_is_not_measured_in_an_epoch_is_nan():
    history = History()
    for epoch in range(1, 5):
        history.append({"loss": 1 / epoch})
        if epoch in (2, 4):
            history.append({"score": float(epoch)})
        history.append({"val_loss": 2.0})
    np.testing.assert_array_equal(history["score"], [math.nan, 2, math.nan, 4])
    assert history["loss"] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert history["val_loss"] == [2.0] * 4
    assert len(history) == 4


def test_it_is_the_dict_of_its_columns():
    history = two_epochs()
    columns = {"loss": [0.9, 0.5], "val_loss": [1.1, 0.75]}
    assert dict(history) == {**history} == history.columns == columns
    assert list(history) == list(history.keys()) == ["loss", "val_loss"]
    assert list(history.items()) == list(columns.items())
    assert history == columns
    assert json.loads(json.dumps(history)) == columns
    assert (dict(History()), list(History()), bool(History())) == ({}, [], False)


def test_pandas_makes_a_row_an_epoch_and_a_column_a_measure():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra `cli`")
    frame = pandas.DataFrame(two_epochs())
    assert list(frame.columns) == ["loss", "val_loss"]
    assert frame.to_numpy().tolist() == [[0.9, 1.1], [0.5, 0.75]]
    assert pandas.DataFrame(History()).shape == (0, 0)
    history = two_epochs()
    history.append({"loss": 0.4, "score": 3.0})
    expected = [[0.9, 1.1, math.nan], [0.5, 0.75, math.nan], [0.4, math.nan, 3.0]]
    np.testing.assert_array_equal(pandas.DataFrame(history).to_numpy(), expected)


def test_that_of_a_training_is_a_table():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=1, seed=0)
    X = np.ones((4, 1), np.float32)
    history = train(
        network, X, X, optimizer=SGD(), epochs=3, batch_size=4, validation_data=(X, X),
        progress=False,
    )  # fmt: skip
    assert {name: len(values) for name, values in dict(history).items()} == {
        "loss": 3, "val_loss": 3,
    }  # fmt: skip
    assert len(history) == 3


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
def test_a_copy_is_equal_and_goes_on(copied):
    history = two_epochs()
    history.stopped = "Ctrl-C"
    other = copied(history)
    assert type(other) is History
    assert other == history
    assert other.stopped == "Ctrl-C"
    other.stopped = "all 2 epochs done"
    assert other != history
    other.append({"loss": 0.4, "val_loss": 0.7})
    assert len(other) == 3


def test_older_files_in_which_it_was_a_dataclass_can_be_read():
    history = History.__new__(History)
    history.__setstate__({"columns": {"loss": [0.9, 0.5]}, "stopped": "Ctrl-C"})
    assert (dict(history), history.stopped) == ({"loss": [0.9, 0.5]}, "Ctrl-C")
    history.append({"loss": 0.4})
    assert history["loss"] == [0.9, 0.5, 0.4]


def test_an_unknown_measure_is_told_what_there_is():
    with pytest.raises(KeyError, match="history has no 'accuracy'; it has loss, val_loss"):
        two_epochs()["accuracy"]
    with pytest.raises(KeyError, match="it has nothing"):
        History()["loss"]


def test_repr_shows_the_last_measures_and_why_it_ended():
    history = two_epochs()
    history.stopped = "Ctrl-C"
    shown = "<History of 2 epochs: loss=0.5, val_loss=0.75; Ctrl-C>"
    assert repr(history) == shown


def test_two_histories_share_no_list():
    first, second = History(), History()
    first.append({"loss": 1.0})
    assert len(second) == 0


def test_a_row_is_copied():
    history, row = History(), {"loss": 1.0}
    history.append(row)
    row["loss"] = 2.0
    assert history["loss"] == [1.0]


def test_the_plot_has_a_curve_for_each_part():
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed").use("Agg")
    history = two_epochs()
    history.append({"loss": 0.4, "val_loss": 0.5, "accuracy": 0.75})
    ax = history.plot()
    training, validation = (line.get_xydata().tolist() for line in ax.get_lines())
    assert training == [[1, 0.9], [2, 0.5], [3, 0.4]]
    assert validation == [[1, 1.1], [2, 0.75], [3, 0.5]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")

    assert history.plot("accuracy", ax) is ax
    measured_in_the_last_epoch_only = ax.get_lines()[-1].get_xydata().tolist()
    assert measured_in_the_last_epoch_only == [[3, 0.75]]


def test_the_plot_names_the_measures_that_there_are():
    with pytest.raises(KeyError, match="history has no 'acuracy'; it has loss, val_loss"):
        two_epochs().plot("acuracy")


def test_a_copy_is_a_history_of_the_same_lists():
    history = History({"loss": [0.5]}, "all 1 epoch done")
    copy = history.copy()
    assert isinstance(copy, History)
    assert (copy, copy.stopped, copy["loss"] is history["loss"]) == (history, history.stopped, True)
    copy.append({"loss": 0.25, "val_loss": 1.0})
    assert "val_loss" not in history


def test_one_epoch_is_not_epochs():
    assert repr(History({"loss": [0.5]}, "Ctrl-C")) == "<History of 1 epoch: loss=0.5; Ctrl-C>"
