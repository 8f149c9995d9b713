"""Training, and going back and forth in time, in the browser."""

import re

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def place(page):
    """The epoch and the step that are shown."""
    text = page.locator(".place").text_content()
    return tuple(int(number) for number in re.findall(r"\d+", text))


def wait_for_step(page, step):
    page.locator(".place", has_text=re.compile(rf"step {step}$")).wait_for()


def losses(page):
    """The losses with all of their digits."""
    return page.locator(".measures td:nth-of-type(1) data").evaluate_all(
        "cells => cells.map((cell) => cell.value)"
    )


def status(page, words):
    page.get_by_role("status").filter(has_text=words).wait_for()


def test_playing_changes_the_loss_and_pause_stops_it(playground):
    page, _ = playground()
    before = losses(page)
    press(page, "Play")
    page.wait_for_function("text => document.querySelector('.measures data').value !== text",
                           arg=before[0])  # fmt: skip
    press(page, "Pause")
    status(page, "Paused")
    stopped = place(page)
    press(page, "Step")
    wait_for_step(page, stopped[1] + 1)
    assert place(page)[0] == 1 + stopped[1] // 8  # 225 rows in batches of 32


def test_steps_and_epochs(playground):
    page, _ = playground()
    press(page, "Step")
    wait_for_step(page, 1)
    press(page, "Epoch")
    wait_for_step(page, 8)  # to the end of the epoch
    assert place(page) == (1, 8)
    page.get_by_label("Epochs", exact=True).fill("3")
    press(page, "Train")
    wait_for_step(page, 32)
    assert place(page) == (4, 32)


def test_an_earlier_step_has_its_loss_again(playground):
    page, _ = playground()
    seen = [losses(page)]
    for step in range(1, 4):
        press(page, "Step")
        wait_for_step(page, step)
        seen.append(losses(page))
    assert len({each[0] for each in seen}) == 4
    for step in (2, 1, 0):
        press(page, "A step back")
        wait_for_step(page, step)
        assert losses(page) == seen[step]
    assert page.get_by_role("button", name="A step back").is_disabled()
    slider = page.get_by_role("slider", name="Step that is shown")
    slider.fill("3")
    wait_for_step(page, 3)
    assert losses(page) == seen[3]


def test_training_from_an_earlier_step_drops_what_came_after(playground):
    page, _ = playground()
    press(page, "Epoch")
    wait_for_step(page, 8)
    slider = page.get_by_role("slider", name="Step that is shown")
    slider.fill("5")
    wait_for_step(page, 5)
    status(page, "Step 5 of 8; training from here drops the rest")
    press(page, "Step")
    wait_for_step(page, 6)
    status(page, "Paused")
    assert slider.get_attribute("aria-valuetext") == "step 6 of 6, epoch 1"
    press(page, "Start over")
    wait_for_step(page, 0)
    assert slider.is_disabled()


def test_space_plays_but_not_in_fields_and_on_buttons(playground):
    page, _ = playground()
    page.get_by_role("slider", name=re.compile("^Loss")).focus()
    page.keyboard.press("Space")
    status(page, "Playing")
    page.keyboard.press("Space")
    status(page, "Paused")
    stopped = place(page)
    page.get_by_label("Batch size").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Step", exact=True).focus()
    page.keyboard.press("Space")  # presses the button, and that alone
    wait_for_step(page, stopped[1] + 1)
    status(page, "Paused")


def test_a_slow_frame_is_a_single_step(playground):
    page, _ = playground()
    page.get_by_label("Steps per frame").select_option("slow")
    press(page, "Play")
    page.locator(".place", has_text=re.compile(r"step ([3-9]|1\d)$")).wait_for()
    press(page, "Pause")
    status(page, "Paused")
    assert place(page)[1] < 20
    page.get_by_label("Steps per frame").select_option("50")
    press(page, "Play")
    page.wait_for_function(
        "() => Number(document.querySelector('.place').textContent.match(/\\d+$/)[0]) >= 100"
    )


def test_the_chart_reads_a_step_and_goes_there_by_keyboard(playground):
    page, _ = playground()
    page.get_by_label("Epochs", exact=True).fill("3")
    press(page, "Train")
    wait_for_step(page, 24)
    chart = page.get_by_role("slider", name=re.compile("^Loss"))
    chart.focus()
    page.keyboard.press("Home")
    assert chart.get_attribute("aria-valuetext").startswith("Step 0: loss ")
    page.keyboard.press("ArrowRight")
    assert chart.get_attribute("aria-valuetext").startswith("Step 10: loss ")
    page.keyboard.press("Enter")
    wait_for_step(page, 10)
    page.get_by_role("button", name="Accuracy").click()
    assert page.get_by_role("slider", name=re.compile("^Accuracy")).is_visible()


def test_a_training_that_diverges_says_so(playground):
    page, _ = playground(
        "data=hills&optimizer=sgd&learning_rate=1000.0&layers=8-identity,8-identity"
    )
    press(page, "Play")
    status(page, "Diverged at step")
    status(page, "start over or go back in time, with a smaller learning rate")
    for name in ("Play", "Step", "Epoch", "Train"):
        assert page.get_by_role("button", name=name, exact=True).is_disabled()
    assert page.get_by_role("button", name="Play", exact=True).is_disabled()
    press(page, "A step back")
    status(page, "where it diverged; training from here drops")
    assert page.get_by_role("button", name="Play", exact=True).is_enabled()
