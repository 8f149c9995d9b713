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
