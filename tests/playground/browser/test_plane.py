"""The plane of examples and decisions in the browser, with pointer and keyboard."""

import re

import numpy as np
import pytest

from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

CELL = 2.4 / 80


def canvas(page):
    return page.get_by_role("application", name=re.compile("^Decision regions|^Predictions"))


def readout(page):
    return page.locator(".plane-readout")


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def test_the_crosshair_reads_what_numpy_decides(playground):
    page, _ = playground()
    canvas(page).focus()
    press(page, ["Shift+ArrowRight", "Shift+ArrowUp", "ArrowLeft"])
    # From the middle, 7 cells to the right and 8 up: the middle of the cell that begins there.
    point = np.array([[7.5 * CELL, 8 * CELL - 0.5 * CELL]])
    settings = Settings()
    training = Training(settings, examples_of(settings))
    P = training.network.predict_proba(training.examples.plane.inputs(point))[0]
    said = readout(page).text_content()
    found = re.search(r"x₁ 0.21, x₂ 0.24: class (\d), (\d+)% certain", said)
    assert found, said
    assert int(found[1]) == P.argmax()
    assert int(found[2]) == pytest.approx(100 * P.max(), abs=1)


def test_the_nearest_example_is_the_nearest(playground):
    page, _ = playground()
    canvas(page).focus()
    press(page, ["Shift+ArrowLeft"])
    examples = examples_of(Settings())
    nearest = np.argmin(np.linalg.norm(examples.points - [-8 * CELL, 0], axis=1))
    part = "training" if nearest < examples.n_train else "test"
    words = f"{part} example {nearest}, target {examples.y[nearest]}"
    assert words in readout(page).text_content()
    page.keyboard.press("Enter")
    assert page.locator(".plane-ring").is_visible()
    live = page.locator(".plane [aria-live]", has_text=f"Example {nearest} is selected")
    live.wait_for(state="attached")


def test_clicking_an_example_selects_it(playground):
    page, _ = playground()
    examples = examples_of(Settings())
    box = canvas(page).bounding_box()
    inside = box["width"] - 48
    # The example that is farthest from its neighbours.
    apart = np.linalg.norm(examples.points[:, None] - examples.points, axis=2)
    row = int(np.argmax(np.sort(apart, axis=1)[:, 1]))
    low, high = np.array(examples.plane.low), np.array(examples.plane.high)
    u, v = (examples.points[row] - low) / (high - low)
    x, y = 38 + inside * u, 18 + inside * (1 - v)
    canvas(page).click(position={"x": x, "y": y})
    ring = page.locator(".plane-ring")
    assert ring.is_visible()
    left, top = map(float, re.findall(r"[\d.]+", ring.get_attribute("style")))
    assert (left, top) == pytest.approx((x, y), abs=0.5)


def test_the_legend_counts_the_classes(playground):
    page, _ = playground()
    examples = examples_of(Settings())
    train, test = examples.train, examples.test
    for k, item in enumerate(page.locator(".plane-legend li").all()):
        counts = f"{(train[1] == k).sum()} + {(test[1] == k).sum()}"
        assert item.text_content() == f"{k}{counts}"


def shot(page):
    return canvas(page).evaluate("canvas => canvas.toDataURL()")


def test_the_canvases_follow_the_theme(playground):
    page, _ = playground()
    charts = [canvas(page), page.locator(".loss-canvas")]
    draws = "canvas => canvas.toDataURL()"
    light = [chart.evaluate(draws) for chart in charts]
    page.emulate_media(color_scheme="dark")
    page.locator('.plainnet-playground[data-theme="dark"]').wait_for()
    dark = [chart.evaluate(draws) for chart in charts]
    assert all(one != other for one, other in zip(light, dark, strict=True))
    page.emulate_media(color_scheme="light")
    page.locator('.plainnet-playground[data-theme="light"]').wait_for()
    assert [chart.evaluate(draws) for chart in charts] == light


def test_test_points_and_hard_regions_are_a_choice(playground):
    page, _ = playground()
    all_points = shot(page)
    page.get_by_label("Test points").uncheck()
    training_points = shot(page)
    page.get_by_label("Hard regions").check()
    assert len({all_points, training_points, shot(page)}) == 3


def test_points_of_two_classes_are_drawn_by_keyboard_and_learned(playground):
    page, _ = playground("data=iris&learning_rate=0.1")
    page.get_by_role("application", name=re.compile("component 1")).wait_for()
    toggle = page.get_by_role("button", name="Draw points")
    toggle.focus()
    press(page, ["Enter", "Tab"])  # to the classes
    assert page.evaluate("document.activeElement.type") == "radio"
    canvas(page).focus()
    for _ in range(3):
        press(page, ["Shift+ArrowLeft", "Enter"])
    page.get_by_role("radio", name="class 1").focus()
    page.keyboard.press("Space")
    canvas(page).focus()
    press(page, ["Shift+ArrowRight"] * 3)
    for _ in range(3):
        press(page, ["Shift+ArrowRight", "Enter"])
    page.get_by_text("6 of at most 500 points").wait_for()
    page.locator(".plane-meanings", has_text="6 for training").wait_for()
    page.get_by_label("Epochs", exact=True).fill("60")
    page.keyboard.press("Enter")
    page.locator(".place", has_text="Epoch 60").wait_for()
    assert page.locator(".measures").get_by_text("100%").is_visible()
    canvas(page).focus()
    page.keyboard.press("Delete")
    page.get_by_text("5 of at most 500 points").wait_for()


def test_drawing_goes_on_from_the_points_of_the_plane(playground):
    page, _ = playground("points=30")
    page.get_by_role("button", name="Draw points").click()
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 40, steps=10)
    page.mouse.up()
    page.locator(".plane-meanings", has_text=re.compile(r"^2\d for training")).wait_for()
    page.get_by_text("34 of at most 500 points").wait_for()
    expect(page.get_by_label("Examples", exact=True)).to_have_value("drawn")
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("There are no points").wait_for()


def test_pointing_at_a_unit_shows_its_output_and_all_classes_their_probabilities(playground):
    page, session = playground("step=20")
    training = session.training
    usual = shot(page)
    page.get_by_role("button", name=re.compile("^unit 2 of layer 1")).hover()
    title = page.locator(".plane h2")
    expect(title).to_have_text("Unit 2 of layer 1")
    tip = page.locator(".net-tip")
    expect(tip).to_contain_text("root mean square")
    network, examples = training.network, training.examples
    W, b = network.tensors["0.dense.W"][2], network.tensors["0.dense.b"][2]
    largest = np.maximum(examples.plane.grid(80) @ W + b, 0).max()
    scale = float(re.search(r"full colour at ±([\d.]+)", tip.text_content())[1])
    assert scale == pytest.approx(largest, rel=0.1)  # a tile has every second cell
    assert shot(page) != usual
    canvas(page).focus()
    press(page, ["Shift+ArrowRight"])
    page.mouse.move(5, 5)
    expect(title).to_have_text("Decision regions")
    outputs = page.locator(".plane-outputs")
    expect(outputs).to_contain_text("Probabilities")
    P = network.predict_proba(examples.plane.inputs(np.array([[8 * CELL, 0]])))[0]
    found = [float(each) for each in re.findall(r"([\d.]+)%", outputs.text_content())]
    assert found == pytest.approx(100 * P, abs=0.06)


def test_numbers_are_drawn_and_learned_by_touch(playground):
    page, session = playground("data=waves&points=30", 360, 800, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Draw points").tap()
    target = page.get_by_role("spinbutton", name="Target")
    target.fill("-0.75")
    page.keyboard.press("Enter")
    target.fill("2.5")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="A number from −1 to 1").wait_for()
    expect(page.get_by_role("slider", name="Target, slider")).to_have_value("-0.75")
    target.press("Escape")
    expect(target).to_have_value("-0.75")
    box = canvas(page).bounding_box()
    canvas(page).tap(position={"x": 60, "y": box["height"] / 2})
    page.get_by_text("31 of at most 500 points").wait_for()
    expect(page.get_by_label("Examples", exact=True)).to_have_value("drawn")
    page.locator(".plane-meanings", has_text=re.compile(r"^2\d for training")).wait_for()
    settings = session.training.settings
    assert (settings.drawn_target, settings.drawn[-1][2]) == ("number", -0.75)
    assert session.training.examples.classes == ()
