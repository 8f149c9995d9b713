"""Lessons: each built-in one can be solved and is not solved at first; a teacher's mistakes."""

import re
from pathlib import Path

import pytest

from plainnet.errors import FileError, SettingError
from plainnet.playground.choices import PARTS
from plainnet.playground.goals import MEASURES, OPERATORS, condition_of
from plainnet.playground.lessons import built_in, read_lessons
from plainnet.playground.settings import Settings
from playground_page import Page

TEACHERS = Path(__file__).parents[2] / "docs" / "playground-lessons.md"
LAYERS = [{"units": 4, "activation": "tanh"}]


def begin(page, name):
    page.send("speed", steps=100)  # fewer frames
    page.send("lesson", name=name)
    lesson = page.wait("lesson")
    assert lesson["name"] == name
    assert not page.wait("goal")["done"]
    return lesson


def change(page, **settings):
    """Change settings that begin the training anew."""
    page.send("settings", change=settings)
    page.wait("goal")


SOLUTIONS = {
    "1-a-line-is-not-enough": [({"layers": LAYERS}, 500)],
    "2-the-spiral-with-8-units": [({"layers": 2 * LAYERS, "learning_rate": 0.03}, 1000)],
    "3-revive-the-dead-units": [(None, 1000)],
    "4-the-rate-that-explodes": [({"learning_rate": 1.1}, 400)],
    "5-why-he-takes-the-square-root": [({"initialization": "he"}, 250)],
    "6-a-network-that-remembers-too-much": [({"l2": 0.03}, 1000)],
}


def test_every_lesson_has_a_solution_here():
    assert [lesson.name for lesson in built_in()] == list(SOLUTIONS)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_lesson_is_not_solved_as_it_begins_and_can_be(name):
    (found,) = [lesson for lesson in built_in() if lesson.name == name]
    with Page() as page:
        begin(page, name)
        for settings, steps in SOLUTIONS[name]:
            page.advance(steps)
            assert not page.last["goal"]["done"], page.last["goal"]
            page.send("begin")
            page.wait("goal")
            if settings is None:
                for unit in range(6):
                    page.send("edit", tensor="0.dense.b", index=[unit], value=0.0)
            else:
                page.send("settings", change=settings)
            page.advance(steps)
        goal = page.last["goal"]
        assert goal["done"], goal
        assert not found.changed(page.session.training)


def test_what_a_lesson_does_not_allow_is_said():
    with Page() as page:
        begin(page, "2-the-spiral-with-8-units")
        page.send("settings", change={"features": ["x1", "x2", "x1*x2"]})
        goal = page.wait("goal")
        assert goal["conditions"][-1] == {
            "text": "keep as given: features", "values": [], "kinds": [], "met": False,
        }  # fmt: skip
        page.send("settings", change={"features": ["x1", "x2"]})
        assert len(page.wait("goal")["conditions"]) == 3


def test_a_lesson_cannot_be_solved_without_what_it_gives():
    """A setting that is changed and changed back takes the dead units away."""
    with Page() as page:
        begin(page, "3-revive-the-dead-units")
        for seed in (1, 0):
            page.send("settings", change={"network_seed": seed})
            goal = page.wait("goal")
        assert "by hand" in goal["conditions"][-1]["text"]


def test_a_weight_is_changed_only_where_that_is_allowed():
    with Page() as page:
        begin(page, "5-why-he-takes-the-square-root")
        page.send("edit", tensor="0.dense.W", index=[0, 0], value=1.0)
        assert page.wait("goal")["conditions"][-1]["text"] == "keep as given: weights"


def test_points_may_be_drawn_where_that_is_allowed(tmp_path):
    (lesson,) = written(tmp_path, allowed='["drawn"]', goal='["steps >= 5"]')
    drawn = {"data": "drawn", "classes": 2, "drawn": [[0.5, 0.5, 0], [-0.5, 0.5, 1]]}
    with Page(lessons=[lesson]) as page:
        begin(page, "mine")
        change(page, **drawn)
        page.advance(6)
        assert page.last["goal"]["done"]
        change(page, data="moons")
        page.advance(6)
        assert "keep as given" in page.last["goal"]["conditions"][-1]["text"]


def test_what_is_solved_stays_solved_until_the_lesson_begins_anew(tmp_path):
    (lesson,) = written(tmp_path, goal='["steps >= 5", "steps <= 8"]')
    with Page(lessons=[lesson]) as page:
        assert page.ask("lessons")["lessons"][0] == {"name": "mine", "title": "Mine"}
        begin(page, "mine")
        page.send("speed", steps=1)
        page.advance(6)
        assert page.last["goal"]["done"]
        page.advance(10)
        goal = page.last["goal"]
        assert goal["solved_at"] == 5
        assert [each["met"] for each in goal["conditions"]] == [True, False]
        begin(page, "mine")
        page.send("lesson", name="")
        assert page.wait("lesson")["name"] == ""
        page.inbox.queue.clear()
        page.advance(3)
        assert page.session.progress is None


def test_a_lesson_that_there_is_not():
    with Page() as page:
        page.send("lesson", name="nothing")
        assert "1-a-line-is-not-enough" in page.wait("refused")["why"]


def test_a_lesson_whose_settings_do_not_fit_is_not_begun(tmp_path):
    (lesson,) = written(tmp_path, settings='"loss=squared"')
    with Page(lessons=[lesson]) as page:
        page.send("lesson", name="mine")
        assert "Squared error does not suit" in page.wait("refused")["why"]
        assert page.last["lesson"]["name"] == ""
        assert page.session.progress is None


# --- lessons in links ---------------------------------------------------------------------------


def test_a_link_brings_back_a_lesson_with_its_time_and_edits():
    name = "3-revive-the-dead-units"
    with Page() as page:
        begin(page, name)
        page.send("edit", tensor="0.dense.b", index=[0], value=0.0)
        link = page.advance(20)["link"]
        before = page.session.training.network.parameters.tobytes()
        page.send("lesson", name="")
        ended = page.wait("state", lambda state: "lesson" not in state["link"])
    assert link == f"lesson={name}&{ended['link']}"
    with Page() as again:
        again.send("hello", link=link)
        again.wait("state", lambda state: state["step"] == 20 and state["status"] == "paused")
        assert again.session.training.network.parameters.tobytes() == before
        assert again.ask("lessons")["lessons"]
        assert again.wait("lesson")["name"] == name
        assert len(again.wait("goal")["conditions"]) == 2
        again.send("hello", link=ended["link"])
        again.wait("state", lambda state: state["step"] == 20)
        assert again.session.progress is None


def test_a_link_may_be_a_lesson_alone():
    with Page(link="lesson=5-why-he-takes-the-square-root&hide=doctor,data") as page:
        assert page.last["state"]["hidden"] == ("doctor", "data")
        assert page.session.training.settings.initialization == "he_without_root"
        page.send("settings", change=Settings().to_json() | {"changes": [], "step": 0})
        link = page.wait("state", lambda state: state["settings"]["data"] == "spirals")["link"]
        assert link == "lesson=5-why-he-takes-the-square-root&step=0"  # with the settings' defaults
        page.send("hello", link=link)
        page.wait("state", lambda state: not state["hidden"])
        assert page.session.training.settings == Settings()
        assert page.session.hidden == ()


def test_a_lesson_of_a_link_that_is_not_there_leaves_its_settings():
    with Page() as page:
        page.send("hello", link="lesson=mine&layers=4-tanh")
        assert (
            "has no lesson 'mine', so the link is shown without it" in page.wait("refused")["why"]
        )
        assert [str(each) for each in page.session.training.settings.layers] == ["4-tanh"]
        for link, why in (("hide=weather", "no part 'weather'"), ("lesson=a&lesson=b", "twice")):
            page.send("hello", link=link)
            assert why in page.wait("refused")["why"]


# --- goals --------------------------------------------------------------------------------------

NOTHING = dict.fromkeys(MEASURES, 0.0)


@pytest.mark.parametrize(
    ("text", "values", "met"),
    [
        ("units <= 8", {"units": 8}, True),
        ("units<8", {"units": 8}, False),
        ("test_accuracy >= 0.95", {"test_accuracy": 0.96}, True),
        ("test_accuracy >= .95", {"test_accuracy": None}, False),
        ("test_accuracy < 1", {"test_accuracy": None}, False),
        ("loss_gap <= -1e-3", {"loss_gap": -0.002}, True),
        ("steps != 5", {"steps": 5}, False),
        ("steps == 5", {"steps": 5}, True),
        ("steps > 5", {"steps": 5}, False),
        ("diverged", {"diverged": 1.0}, True),
        ("not diverged", {"diverged": 1.0}, False),
        ("units <= 4 or hidden_layers == 1", {"units": 5, "hidden_layers": 1}, True),
        ("units <= 4 or hidden_layers == 1", {"units": 5, "hidden_layers": 2}, False),
    ],
)
def test_a_condition(text, values, met):
    assert condition_of(text).report({**NOTHING, **values})["met"] is met


def test_a_condition_is_shown_in_words():
    report = condition_of("test_accuracy >= 0.9  or not diverged").report(NOTHING)
    assert report["text"] == "test accuracy ≥ 90% or the loss has not diverged"
    assert report["values"] == [0.0, 0.0]
    assert report["kinds"] == ["share", "flag"]  # of which the page shows the first, as 0%
    assert condition_of("units <= 8").words == "hidden units ≤ 8"
    assert condition_of("l2 > 1e-6").words == "L2 penalty > 1e-06"
    assert condition_of("diverged == 1").words == "the loss has diverged"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a measure, an operator and a number"),
        ("units", "units is a number"),
        ("width <= 8", "there is no measure 'width'"),
        ("8 >= units", "a measure, an operator and a number"),
        ("units <= hidden_layers", "a measure, an operator and a number"),
        ("units =< 8", "a measure, an operator and a number"),
        ("units <= 8 and steps <= 3", "a measure, an operator and a number"),
        ("units <= 8 or", "a measure, an operator and a number"),
        ("__import__('os')", "a measure, an operator and a number"),
        (8, 'a text such as "units <= 8"'),
    ],
)
def test_what_is_not_a_condition(text, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        condition_of(text)


# --- a teacher's files --------------------------------------------------------------------------


def written(folder, extra="", **keys):
    """The lessons of a file with these keys, as TOML."""
    form = {
        "title": '"Mine"',
        "text": '"One."',
        "settings": '"layers=4-tanh"',
        "goal": '["steps >= 5"]',
        **keys,
    }
    lines = [f"{key} = {value}" for key, value in form.items() if value is not None]
    (folder / "mine.toml").write_text("\n".join([*lines, extra]), "utf-8")
    return read_lessons([folder])


def test_settings_are_a_link_or_a_table(tmp_path):
    (link,) = written(tmp_path, settings='"http://127.0.0.1/#layers=4-tanh,2&noise=0.2"')
    table = """
    [settings]
    layers = "4-tanh,2"
    noise = 0.2
    """
    (one,) = written(tmp_path, table, settings=None)
    whole = """
    [settings]
    layers = [{ units = 4, activation = "tanh" }, { units = 2 }]
    noise = 0.2
    """
    (other,) = written(tmp_path, whole, settings=None)
    assert link.settings == one.settings == other.settings


def test_points_may_be_drawn_in_a_lesson(tmp_path):
    points = """
    [settings]
    data = "drawn"
    classes = 2
    drawn = [[0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1.0]]
    """
    (lesson,) = written(tmp_path, points, settings=None)
    assert lesson.settings.drawn[3] == (1.0, 0.0, 1.0)


def test_a_lesson_has_a_table_of_the_teachers(tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    rows = [f"{i},{-i % 7},{'high' if i > 20 else 'low'}" for i in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,level", *rows]), "utf-8")
    keys = {"settings": '"data=table&layers=4-tanh"', "file": '"own.csv"', "allowed": "[]"}
    (lesson,) = written(tmp_path, **keys)
    with Page(lessons=[lesson]) as page:
        begin(page, "mine")
        assert tuple(page.last["examples"]["classes"]) == ("high", "low")
        link = page.advance(10)["link"]
        assert page.last["goal"]["done"]
    with Page(lessons=[lesson]) as page:  # which a link brings back with its table
        page.send("hello", link=link)
        page.wait("state", lambda state: state["step"] == 10)
        assert tuple(page.last["examples"]["classes"]) == ("high", "low")
        assert page.last["goal"]["done"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"file": '"own.csv"'}, "a table needs both"),
        ({"settings": '"data=table"'}, "a table needs both"),
        ({"settings": '"data=table"', "file": '"own.csv"'}, "file: own.csv cannot be read"),
        ({"settings": '"data=table"', "file": '"../own.csv"'}, "a file beside the lesson"),
        ({"settings": '"data=table"', "file": '"mine.toml"'}, "mine.toml"),
        ({"settings": '"data=table&target=c"', "file": '"t.csv"'}, "has no column 'c'"),
    ],
)
def test_mistakes_with_a_table(tmp_path, keys, said):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n", "utf-8")
    with pytest.raises(SettingError, match=re.escape(said)):
        written(tmp_path, **keys)


def test_a_view_of_ones_own_network_has_no_lessons():
    with Page() as page:
        training = page.session.training
        with Page(given=training.network, examples=training.examples) as own:
            assert own.ask("lessons")["lessons"] == []
            own.send("lesson", name="1-a-line-is-not-enough")
            assert "your own network" in own.wait("refused")["why"]


def test_a_text_has_paragraphs(tmp_path):
    (lesson,) = written(tmp_path, text='"""\nOne\nline.\n\n\nTwo."""', hints='["A\\n b", "c"]')
    assert lesson.paragraphs == ("One line.", "Two.")
    assert lesson.hints == ("A b", "c")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"title": None}, "title is missing"),
        ({"title": "3"}, "title must be a text; got 3"),
        ({"text": '" "'}, "text must be a text"),
        ({"hints": '"one"'}, "hints must be a list of texts; got 'one'"),
        ({"hints": "[1]"}, "hints[0] must be a text; got 1"),
        ({"goal": "[]"}, "goal must have a condition"),
        ({"goal": '["units <= 8", "width <= 8"]'}, "goal[1]: there is no measure 'width'"),
        ({"settings": '"noise=7"'}, "settings: noise must be a number from 0 to 1; got 7"),
        ({"settings": "7"}, "settings: must be a link or a table; got 7"),
        ({"settings": "{ width = 3 }"}, "settings: there is no setting 'width'"),
        ({"allowed": '["width"]'}, "allowed: there is no setting 'width'"),
        ({"hint": '["one"]'}, "a lesson has no key 'hint'; it has title"),
    ],
)
def test_a_teachers_mistake_is_named_with_its_file_and_key(tmp_path, keys, said):
    with pytest.raises(SettingError) as error:
        written(tmp_path, **keys)
    assert str(error.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert said in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match="has no lesson"):
        read_lessons([tmp_path])
    with pytest.raises(FileError, match=r"gone\.toml cannot be read: No such file"):
        read_lessons([tmp_path / "gone.toml"])
    path = tmp_path / "bad.toml"
    for written, said in ((b"title = ", "is not TOML"), (b"\xff", "is not text in UTF-8"),
                          (b"a = " + b"[" * 100_000, "is not TOML")):  # fmt: skip
        path.write_bytes(written)
        with pytest.raises(FileError, match=said):
            read_lessons([path])


def test_two_lessons_of_one_name(tmp_path):
    written(tmp_path)
    with pytest.raises(SettingError, match="another lesson of the name mine"):
        read_lessons([tmp_path, tmp_path / "mine.toml"])


# --- the page for teachers ----------------------------------------------------------------------


def test_the_page_for_teachers_has_a_lesson_that_works(tmp_path):
    (text,) = re.findall(r"^```toml\n(.*?)^```$", TEACHERS.read_text("utf-8"), re.M | re.S)
    (tmp_path / "moons.toml").write_text(text, "utf-8")
    (lesson,) = read_lessons([tmp_path])
    with Page(lessons=[lesson]) as page:
        begin(page, "moons")
        page.advance(500)
        assert not page.last["goal"]["done"], page.last["goal"]
        change(page, layers=[{"units": 6, "activation": "tanh"}])
        page.advance(500)
        assert page.last["goal"]["done"], page.last["goal"]


def test_the_page_for_teachers_lists_all_that_there_is():
    text = TEACHERS.read_text("utf-8")
    for measure, what in MEASURES.items():
        assert f"| `{measure}` | {what} |" in text
    for operator in OPERATORS:
        assert f"`{operator}`" in text


def test_the_command_names_a_mistake_before_it_serves(tmp_path, capsys):
    pytest.importorskip("typer")
    for package in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(package)
    from plainnet.cli import main

    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\ntext = "One."\nsettings = ""\ngoal = []\n', "utf-8")
    assert main(["playground", "--no-browser", "--lessons", str(path)])
    said = " ".join(capsys.readouterr().err.split())
    assert "mine.toml: goal must have a condition" in said


def test_the_page_for_teachers_lists_what_a_link_hides():
    listed = re.findall(r"^\| `(\w+)` \|", TEACHERS.read_text("utf-8"), re.M)
    hidden = listed[: listed.index("title")] if "title" in listed else listed
    assert hidden == list(PARTS)
