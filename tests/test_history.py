"""What training measured, epoch by epoch."""

import pytest

from plainnet import History


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
