"""The page as a whole: what a newcomer, a reader of a recording and a notebook see of it."""

import re

import numpy as np
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

CONTROLS = ".plainnet-playground :is(button, input, select):not(.net-unit)"


def labels(page):
    """What the controls that are there are called."""
    return page.locator(CONTROLS).evaluate_all(
        """all => all.filter((each) => each.offsetParent).map((each) =>
          each.ariaLabel ?? each.labels?.[0]?.textContent ?? each.textContent)"""
    )


@pytest.fixture
def recording(browser, tmp_path):
    from plainnet.playground.exporting import export

    path = tmp_path / "page.html"
    export(path, "layers=3-tanh,2-relu&points=60&batch_size=20&learning_rate=0.05", steps=30)
    complaints = []
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.locator(".net-unit[aria-label]").first.wait_for()
    yield page
    page.close()
    assert complaints == []


def test_a_recording_has_no_controls_that_change_a_network(recording):
    page = recording
    assert labels(page) == [
        "Start over", "Play", "A step back", "Step that is shown", "A step forward",
        "Steps per frame", "Test points", "Hard regions", "Accuracy", "Log scale",
    ]  # fmt: skip
    page.locator(".net-unit").nth(3).click()
    numbers = page.locator(".net-inspector data")
    expect(numbers).to_have_count(4)  # a bias and three weights, as text
    assert re.fullmatch(r"−?[\d.]+(e−\d+)?", numbers.first.inner_text())
    assert page.locator(".net-inspector input").count() == 0
    unit = page.locator(".net-unit").nth(1)
    before = page.locator(".net-unit").evaluate_all("all => all.map((each) => each.ariaLabel)")
    unit.focus()
    page.keyboard.press("Alt+ArrowDown")
    assert page.locator(".notice").is_hidden()
    after = page.locator(".net-unit").evaluate_all("all => all.map((each) => each.ariaLabel)")
    assert after == before


def test_a_recording_says_what_it_is(recording):
    about = recording.locator("footer").inner_text()
    assert "This page is a recording. Spirals: 45 examples for training and 15" in about
    assert "2-3-2-3 units (tanh, ReLU). Training: Adam, learning rate 0.05, batches of 20, 30" in (
        about
    )
    assert "the Python package plainnet with its extra playground, and run plainnet" in about


def test_space_plays_while_nothing_has_the_focus(recording, playground):
    recording.keyboard.press("Space")
    expect(recording.locator(".status")).to_have_text("Recorded up to step 30")
    page, _ = playground()
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Space")
    expect(page.locator(".status")).to_have_text("Playing")
    page.keyboard.press("Space")
    expect(page.locator(".status")).to_have_text("Paused")


def test_the_introduction_is_dismissed_for_good(playground):
    page, _ = playground()
    page.get_by_role("button", name="Dismiss the introduction").click()
    page.reload()
    page.locator(".net-unit[aria-label]").first.wait_for()
    assert page.locator(".introduction").is_hidden()


def test_the_bar_is_one_row_and_the_title_names_the_data(playground):
    page, _ = playground("data=moons")
    expect(page).to_have_title(re.compile("^Two moons"))
    assert page.locator(".transport").bounding_box()["height"] < 56
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_role("button", name="Epoch", exact=True).click()
    page.get_by_role("button", name="A step back").click()
    expect(page.locator(".status")).to_have_text(re.compile("drops the rest$"))
    assert page.locator(".transport").bounding_box()["height"] < 56


def test_clip_norm_changes_during_training(playground):
    page, session = playground()
    page.get_by_role("button", name="Step", exact=True).click()
    page.locator(".place", has_text="step 1").wait_for()
    page.get_by_label("Clip norm").fill("0.5")
    page.keyboard.press("Enter")
    page.get_by_role("listitem").filter(has_text="Step 1: clip norm 0.5").wait_for()
    assert session.training.settings.clip_norm == 0.5


def test_a_chosen_layer_is_marked_in_the_diagram(playground):
    page, _ = playground("initialization=zeros")
    page.locator(".verdict").get_by_role("button", name="Layer 1: 0.dense").click()
    chosen = page.locator(".net-chosen")
    expect(chosen).to_have_count(1)
    assert chosen.get_attribute("aria-label") == "Layer 1"


def test_what_was_given_in_python_is_shown_and_not_offered(playground, monkeypatch):
    from plainnet import Network, layers
    from plainnet.losses import SoftmaxCrossEntropy
    from plainnet.playground.given import examples_given
    from plainnet.playground.session import Session
    from plainnet.playground.settings import Settings

    given = Network(
        [layers.Dense(5), layers.Softplus(), layers.Dense(2)],
        loss=SoftmaxCrossEntropy(), input_shape=2, seed=0,
    )  # fmt: skip
    X = np.random.default_rng(0).standard_normal((40, 2))
    examples = examples_given(
        given, X, (X[:, 0] > 0).astype(int), names=["height", "weight"], classes=["no", "yes"]
    )
    begin = Session.__init__
    monkeypatch.setattr(
        Session, "__init__", lambda self, send, **known: begin(
            self, send, Settings(data="given"), given=given, examples=examples)
    )  # fmt: skip
    page, _ = playground()
    facts = page.locator(".facts li").all_inner_texts()
    assert facts == ["40 rows for training", "Inputs: height, weight", "Classes: no, yes"]
    assert page.locator(".data :is(input, select, button):visible").count() == 0
    assert page.get_by_role("button", name="Draw points").count() == 0
    assert page.locator(".introduction").is_hidden()
    for control in page.locator(".net-settings :is(button, input, select)").all():
        assert control.is_disabled()
        assert "given in Python" in control.get_attribute("title")
    assert page.get_by_label("Optimizer").is_enabled()
