"""A session obeys its page: it trains, goes back in time, and begins anew with the same bits."""

import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plainnet.errors import SettingError
from plainnet.playground import session as module
from plainnet.playground.session import UNDER_WAY, Session
from plainnet.playground.settings import Settings

SMALL = "points=40&layers=5-tanh-bn,4-relu-drop0.2&batch_size=8&epochs=4"
STEPS = 4
"""Of an epoch: 30 rows in batches of 8."""


def bits(page):
    """All that decides how the training of a page goes on, which must be paused."""
    training = page.session.training
    vectors = training.optimizer.state
    return [
        training.step,
        training.epoch,
        training.network.parameters.tobytes(),
        training.network.state.tobytes(),
        *(vectors[name].tobytes() for name in sorted(vectors)),
        training.rng.bit_generator.state,
        page.session.shown.step,
        page.session.shown.left,
    ]


# --- what the page is told ------------------------------------------------------------------------


def test_a_page_that_says_hello_is_told_everything(open_page):
    page = open_page(SMALL)
    kinds = [each["is"] for each in page.told]
    assert kinds[:4] == ["welcome", "examples", "network", "frame"]
    state = page.settle()
    assert (state["status"], state["step"], state["link"]) == ("paused", 0, SMALL)
    assert state["steps_per_epoch"] == STEPS
    assert page.last("welcome")["choices"]["limits"]["classes"]["most"] == 5


def test_a_second_hello_shows_what_there_is(open_page):
    page = open_page(SMALL)
    page.train(steps=7)
    before = bits(page)
    told = page.ask("hello")
    assert [each["is"] for each in told][:4] == ["welcome", "examples", "network", "frame"]
    frame = next(each for each in told if each["is"] == "frame")
    assert frame["step"] == 7
    assert frame["curves_from"] == 0
    assert bits(page) == before


def test_a_link_that_makes_no_sense(open_page):
    page = open_page("points=cats")
    assert page.refusals() == ["points must be a whole number from 10 to 2000; got 'cats'"]
    assert page.settle()["link"] == ""
    page.ask("hello", link=SMALL)
    page.ask("hello", link="loss=squared")
    assert page.refusals()[1].startswith("Squared error does not suit targets that are classes")
    assert page.settle()["link"] == SMALL


def test_first_settings_that_do_not_fit_together():
    with pytest.raises(SettingError, match="does not suit"):
        Session(lambda content, buffers: None, Settings(loss="squared"))


def test_steps_and_epochs(open_page):
    page = open_page(SMALL)
    assert page.train(steps=1)["step"] == 1
    assert page.train(epochs=1)["step"] == STEPS
    assert page.train(epochs=2)["step"] == 3 * STEPS
    assert page.train(steps=2)["step"] == 3 * STEPS + 2
    assert page.last("frame")["step"] == 3 * STEPS + 2


def test_training_pauses_when_all_epochs_are_done_and_can_go_on(open_page):
    page = open_page(SMALL)
    for times in (1, 2, 3):
        page.ask("play")
        assert page.settle()["step"] == times * 4 * STEPS
    page.train(steps=4 * STEPS - 1)
    page.train(steps=1)  # exactly all epochs
    page.ask("play")
    assert page.settle()["step"] == 5 * 4 * STEPS


def test_links_have_no_later_step_than_a_session_reaches(open_page, monkeypatch):
    limits = module.choices.LIMITS
    monkeypatch.setitem(limits, "step", type(limits["step"])(0, 9, whole=True))
    page = open_page(SMALL)
    page.ask("play")
    assert page.settle()["step"] == 9
    page.ask("play")
    assert page.settle()["step"] == 9


def test_the_curves_are_sent_once_and_are_complete(open_page):
    page = open_page(SMALL)
    page.ask("speed", steps=3)
    page.train(steps=20)
    page.ask("begin")
    page.train(steps=13)
    points = []
    for frame in page.of("frame"):
        del points[frame["curves_from"] :]
        points += frame["curves"]
    steps = [point[0] for point in points]
    assert steps == sorted(set(steps))
    assert {0, 3, 6, 9, 10, 12, 13} <= set(steps) <= set(range(14))


# --- time -----------------------------------------------------------------------------------------


def test_back_in_time_and_on_again(open_page):
    page = open_page(SMALL)
    page.train(steps=5)
    at_5 = bits(page)
    page.train(steps=8)
    at_13 = bits(page)
    page.ask("show", step=5)
    assert page.last("frame")["step"] == 5
    state = page.settle()
    assert (state["step"], state["shown"]) == (13, 5)
    page.ask("show", step=13)
    assert bits(page) == at_13
    page.ask("show", step=5)
    page.train(steps=0 + 1)
    page.ask("show", step=5)
    assert page.session.shown.parameters.tobytes() == at_5[2]
    page.train(steps=8)
    assert bits(page) == at_13


def test_a_change_in_the_past_drops_what_came_after(open_page):
    page = open_page(SMALL)
    page.train(steps=13)
    page.ask("show", step=6)
    page.ask("edit", tensor="0.dense.b", index=[2], value=0.75)
    state = page.settle()
    assert (state["step"], state["shown"]) == (6, 6)
    assert state["link"] == f"{SMALL}&changes=6:0.dense.b(2)=0.75&step=6"
    assert page.session.training.network["0.dense.b"][2] == 0.75


def test_the_first_weights_again_with_the_settings_of_now(open_page):
    page = open_page(SMALL)
    page.ask("edit", tensor="0.dense.b", index=[2], value=0.75)
    first = bits(page)[2]
    page.train(steps=6)
    page.ask("settings", change={"learning_rate": 0.5})
    page.train(steps=6)
    page.ask("begin")
    state = page.settle()
    link = SMALL.replace("&batch", "&learning_rate=0.5&batch")
    assert state["link"] == f"{link}&changes=0:0.dense.b(2)=0.75"
    assert bits(page)[2] == first


def test_what_was_changed_later_is_dropped_with_a_change_at_the_start(open_page):
    page = open_page()
    page.ask("hello", link="step=40&changes=20:learning_rate=0.5")
    page.settle()
    page.ask("show", step=0)
    page.ask("settings", change={"learning_rate": 0.02})
    page.train(steps=30)
    assert page.session.training.settings.learning_rate == 0.02
    assert "learning_rate=0.5" not in page.last("state")["link"]


def test_other_data_have_columns_and_a_loss_of_their_own(open_page):
    page = open_page()
    page.ask("settings", change={"data": "iris", "loss": "focal"})
    names = page.last("examples")["names"]
    page.ask("settings", change={"plane": list(names[:2])})
    page.ask("settings", change={"data": "hills"})
    assert page.refusals() == []
    now = page.session.training.settings
    assert (now.data, now.plane, now.loss) == ("hills", (), "auto")


def test_a_number_that_is_too_large_is_refused_with_the_limit(open_page):
    page = open_page(SMALL)
    page.ask("edit", tensor="0.dense.b", index=[2], value=-1e31)
    assert page.refusals() == [
        "edit cannot take value = -1e+31; expected a number from -1e+30 to 1e+30"
    ]


def test_a_refusal_tells_how_things_stand(open_page):
    page = open_page()
    told = page.ask("settings", change={"data": "nonsense"})
    assert [each["is"] for each in told[:2]] == ["refused", "state"]
    assert told[1]["settings"]["data"] == "spirals"


def test_pause_stays_at_the_step_that_is_looked_at(open_page):
    page = open_page()
    page.train(steps=30)
    page.ask("show", step=10)
    page.ask("pause")
    assert page.session.shown.step == 10


def test_live_changes_while_playing_do_not_begin_anew(open_page):
    page = open_page(SMALL.replace("epochs=4", "epochs=100000"), draws=False)
    page.ask("speed", steps=7)
    training = page.session.training
    page.ask("play")
    page.wait(lambda: len(page.of("frame")) == UNDER_WAY)
    page.ask("settings", change={"learning_rate": 0.003})
    page.ask("edit", tensor="0.dense.W", index=[0, 0], value=0.25)
    page.draw()
    page.ask("settings", change={"batch_size": 5})
    page.ask("pause")
    page.draws = True
    for _ in range(UNDER_WAY):
        page.draw()
    assert page.settle()["link"].count(";") in (1, 2)
    assert page.session.training is training
    other = open_page(page.last("state")["link"])
    other.settle()
    assert bits(other) == bits(page)


def test_play_during_a_replay_goes_on_from_where_it_leads(open_page):
    page = open_page(SMALL)
    page.train(steps=9)
    page.ask("edit", tensor="0.dense.b", index=[1], value=0.5)
    page.train(steps=2)
    link = page.settle()["link"]
    page.train(steps=5)
    other = open_page(None)
    for message in ({"do": "hello", "link": link}, {"do": "play"}):  # before it got there
        other.session.post(message)
    assert other.settle()["step"] == 4 * STEPS
    assert bits(other) == bits(page)


def test_a_training_that_failed_goes_on_from_its_last_good_step(open_page):
    page = open_page("points=40&layers=8-identity,8-identity,8-identity&optimizer=sgd"
                     "&learning_rate=1000&epochs=100")  # fmt: skip
    page.ask("play")
    state = page.settle()
    assert state["status"] == "failed"
    assert state["failed"]
    assert page.last("verdicts")["verdicts"]
    step = state["step"]
    page.ask("show", step=max(step - 3, 0))
    page.ask("settings", change={"learning_rate": 0.001, "optimizer": "adam"})
    page.ask("settings", change={"network_seed": 3})
    page.train(steps=3)
    assert page.settle()["status"] == "paused"


@pytest.mark.parametrize(
    ("link", "rate"),
    [
        ("lesson=4-the-rate-that-explodes", 1.1),
        ("points=40&layers=8-identity,8-identity&batch_size=8&optimizer=sgd", 10),
    ],
)
def test_a_training_fails_again_from_its_link(open_page, link, rate):
    page = open_page(link)
    page.ask("settings", change={"learning_rate": rate})
    page.ask("play")
    before = page.settle()
    assert before["status"] == "failed"
    other = open_page(before["link"])
    after = other.settle()
    for each in ("status", "step", "shown", "failed", "link"):
        assert after[each] == before[each]
    assert bits(other) == bits(page)
    assert other.last("goal") == page.last("goal")
    assert "lesson" not in link or other.last("goal")["done"]

    other.ask("show", step=before["step"] - 1)
    paused = other.train(steps=1)  # where the next step would fail
    assert (paused["status"], paused["step"]) == ("paused", before["step"])
    assert open_page(paused["link"]).settle()["status"] == "paused"


def test_a_failed_training_that_is_changed_is_what_its_link_says(open_page):
    page = open_page("points=40&layers=8-identity,8-identity,8-identity&optimizer=sgd"
                     "&learning_rate=1000&epochs=100")  # fmt: skip
    page.ask("play")
    assert page.settle()["status"] == "failed"
    page.ask("settings", change={"optimizer": "adam", "learning_rate": 0.01})
    page.settle()
    other = open_page(page.last("state")["link"])
    other.settle()
    assert bits(other) == bits(page)


WEIGHTS = [("0.dense.W", (5, 2)), ("0.dense.b", (5,)), ("1.batchnorm.gamma", (5,)),
           ("3.dense.W", (4, 5)), ("6.dense.b", (3,))]  # fmt: skip
EDITS = st.sampled_from(WEIGHTS).flatmap(
    lambda each: st.tuples(*(st.integers(0, n - 1) for n in each[1]), st.floats(-2, 2)).map(
        lambda drawn: {"do": "edit", "tensor": each[0], "index": list(drawn[:-1]),
                       "value": drawn[-1]})
)  # fmt: skip
LIVE = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": st.sampled_from([0, 0.001, 0.05]),
        "optimizer": st.sampled_from(["sgd", "momentum", "rmsprop", "adam", "adamw", "lion"]),
        "schedule": st.sampled_from(["constant", "step", "exponential", "cosine", "one_cycle"]),
        "batch_size": st.sampled_from([1, 7, 30, 50]),
        "epochs": st.integers(1, 3),
        "l2": st.sampled_from([0, 0.1]),
    },
).filter(bool)
COMMANDS = st.one_of(
    st.integers(1, 9).map(lambda n: {"do": "advance", "steps": n}),
    st.integers(1, 2).map(lambda n: {"do": "advance", "epochs": n}),
    st.just({"do": "play"}),
    EDITS,
    st.tuples(st.sampled_from([("0.dense", 5), ("3.dense", 4)]), st.integers(0, 4),
              st.integers(0, 4)).map(
        lambda each: {"do": "move", "layer": each[0][0], "start": each[1] % each[0][1],
                      "end": each[2] % each[0][1]}),
    LIVE.map(lambda change: {"do": "settings", "change": change}),
    st.integers(0, 30).map(lambda step: {"do": "show", "step": step}),
    st.just({"do": "begin"}),
)  # fmt: skip


@given(st.lists(COMMANDS, min_size=1, max_size=12))
@settings(deadline=None, derandomize=True, max_examples=20,
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_a_link_leads_to_the_same_bits(open_page, commands):
    page = open_page(SMALL)
    for command in commands:
        page.post(command)
        page.settle()
    assert not page.refusals()
    state = page.settle()
    page.ask("show", step=state["step"])
    other = open_page(page.settle()["link"])
    assert other.settle()["step"] == state["step"]
    assert bits(other) == bits(page)
    for each in (page, other):
        each.train(steps=6)
    assert bits(other) == bits(page)
    for each in (page, other):
        each.close()


def test_a_unit_is_removed_and_is_there_again_back_in_time(open_page):
    page = open_page(SMALL)
    page.train(steps=9)
    page.ask("remove", layer="0.dense", unit=3)
    page.train(steps=5)
    units = [column["units"] for column in page.last("network")["columns"]]
    assert units == [4, 4, 3]
    assert page.settle()["settings"]["layers"][0]["units"] == 4
    link, after = page.settle()["link"], bits(page)
    told = page.ask("show", step=8)
    assert [each["is"] for each in told[:3]] == ["network", "frame", "state"]
    assert told[0]["columns"][0]["units"] == told[2]["settings"]["layers"][0]["units"] == 5
    assert page.ask("show", step=12)[0]["columns"][0]["units"] == 4
    page.ask("settings", change={"noise": 0.3})
    assert page.settle()["settings"]["layers"][0]["units"] == 4
    other = open_page(link)
    other.settle()
    assert bits(other) == after
    for unit in (0, 0, 0):
        other.ask("remove", layer="0.dense", unit=unit)
    refused = other.ask("remove", layer="0.dense", unit=0)
    assert refused[0]["why"] == "0.dense has one unit, which stays; remove the layer instead"
    other.ask("begin")
    assert other.last("network")["columns"][0]["units"] == 5


def test_a_unit_removed_while_frames_are_under_way_leaves_network_and_settings_alike(open_page):
    page = open_page(SMALL.replace("epochs=4", "epochs=100000"), draws=False)
    page.ask("play")
    page.wait(lambda: len(page.of("frame")) == UNDER_WAY)
    page.ask("remove", layer="0.dense", unit=3)
    page.session.post({"do": "drawn", "number": 1})  # a mark would be answered with the state
    page.wait(lambda: page.last("network")["columns"][0]["units"] == 4)
    told = page.wait(lambda: len(page.of("frame")) > UNDER_WAY and page.told[:])
    at = max(i for i, each in enumerate(told) if each["is"] == "network")
    page.wait(lambda: any(each["is"] == "state" for each in page.told[at:]))
    assert page.last("state")["settings"]["layers"][0]["units"] == 4
    assert page.last("state")["status"] == "playing"


def test_a_change_while_it_plays_is_told_at_once(open_page):
    page = open_page(SMALL.replace("epochs=4", "epochs=100000"))
    page.ask("advance", steps=100_000)
    page.wait(lambda: page.session.training.step > 3)
    told = page.ask("settings", change={"learning_rate": 0.05})
    state = next(each for each in told if each["is"] == "state")
    assert state["status"] == "playing"
    assert state["settings"]["learning_rate"] == 0.05
    assert [each["settings"] for each in state["changes"]] == [{"learning_rate": 0.05}]
    assert "learning_rate=0.05" in state["link"]


# --- two frames under way -------------------------------------------------------------------------


def test_a_page_that_does_not_draw_gets_two_frames_and_every_answer(open_page):
    page = open_page(SMALL, draws=False)
    page.ask("play")
    page.wait(lambda: len(page.of("frame")) == UNDER_WAY)
    for step in range(5):
        page.ask("edit", tensor="0.dense.W", index=[0, 0], value=step)
        page.ask("speed", steps=step + 1)
        assert "there is no command" in page.ask("nothing")[0]["why"]
    assert len(page.of("frame")) == UNDER_WAY
    step = page.session.training.step
    page.ask("speed", steps=3)
    assert page.session.training.step == step
    page.draws = True
    page.draw()
    assert page.settle()["step"] > step


def test_a_frame_that_two_views_draw_is_one(open_page):
    page = open_page(SMALL.replace("epochs=4", "epochs=100000"), draws=False)
    page.ask("speed", steps=1)
    page.ask("play")
    page.wait(lambda: len(page.of("frame")) == UNDER_WAY)
    for number in (1, 1, 1):
        page.session.post({"do": "drawn", "number": number})
    for _ in range(3):  # between these, a session that may goes on
        page.mark()
    assert [frame["number"] for frame in page.of("frame")] == [1, 2, 3]
    page.ask("drawn", number=10**9)  # of frames to come, nobody has seen any
    page.wait(lambda: len(page.of("frame")) == 3 + UNDER_WAY)
    for _ in range(3):
        page.mark()
    assert len(page.of("frame")) == 3 + UNDER_WAY


def test_nobody_watches_nobody_trains(open_page):
    page = open_page(SMALL.replace("epochs=4", "epochs=100000"))
    page.ask("play")
    page.wait(lambda: len(page.of("frame")) > 5)
    page.close()
    step = page.session.training.step
    assert page.session.join(0)
    assert page.session.training.step == step


def test_a_page_that_is_gone_ends_the_session():
    def send(content, buffers):
        if content["is"] == "frame" and content["step"]:
            raise ConnectionError

    session = Session(send, Settings.from_link(SMALL))
    session.start()
    session.post({"do": "hello"})
    session.post({"do": "play"})
    assert session.join(60)


def test_sessions_end_with_their_threads(open_page):
    before = threading.active_count()
    pages = [open_page(SMALL) for _ in range(5)]
    assert threading.active_count() == before + 5
    for page in pages:
        page.close()
    assert threading.active_count() == before


# --- mistakes -------------------------------------------------------------------------------------


def test_a_mistake_is_told_and_logged_and_the_session_goes_on(open_page, monkeypatch, caplog):
    page = open_page(SMALL)
    monkeypatch.setitem(module.STEERING, "pause", lambda session: 1 / 0)
    page.ask("pause")
    assert page.refusals() == ["plainnet made a mistake (ZeroDivisionError: division by zero)"]
    assert page.train(steps=2)["step"] == 2
    (record,) = caplog.records
    assert record.exc_info[0] is ZeroDivisionError
    caplog.clear()


def test_a_mistake_in_training_is_told_and_logged(open_page, monkeypatch, caplog):
    page = open_page(SMALL)
    monkeypatch.setattr(page.session.training, "take_due", lambda: 1 / 0)
    page.ask("play")
    state = page.settle()
    assert (state["status"], "ZeroDivisionError" in state["failed"]) == ("failed", True)
    assert caplog.records
    caplog.clear()
    page.ask("settings", change={"network_seed": 1})
    assert page.train(steps=2)["step"] == 2


def test_nothing_is_printed(open_page, capfd):
    page = open_page(SMALL)
    page.train(epochs=1)
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")
