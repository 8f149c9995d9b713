"""The doctor's panel and the strips, in a browser."""

import numpy as np
import pytest

HIDDEN = "document.querySelector('.strips').closest('[role=tabpanel]').hidden"


def play(page):
    page.get_by_role("button", name="Play", exact=True).click()


def wait(page, is_so):
    for _ in range(2400):
        if is_so():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it has taken more than a minute")


def reach(page, session, step):
    session.post({"do": "advance", "steps": step - session.shown.step})
    wait(page, lambda: session.shown.step == step)


def losses(session):
    return [point[1] for point in session.curves.points]


def test_a_rate_of_1000_is_named_and_its_remedy_trains(playground) -> None:
    page, session = playground("learning_rate=1000.0")
    doctor = page.get_by_role("region", name="Doctor")
    doctor.get_by_text("needs about 30 steps of training to see what goes wrong").wait_for()
    play(page)
    remedy = doctor.get_by_role("button", name="Apply the remedy of learning rate too high")
    remedy.wait_for()
    live = doctor.locator("[aria-live=polite]")
    page.wait_for_function(
        "element => element.textContent.includes('learning rate too high')",
        arg=live.element_handle(),
    )

    remedy.focus()
    page.keyboard.press("Enter")

    doctor.get_by_text("The learning rate is now 0.01. Training begins anew.").wait_for()
    page.wait_for_function("() => document.activeElement.textContent.startsWith('Doctor')")
    assert session.training.settings.learning_rate == 0.01
    page.wait_for_function("() => location.hash.indexOf('1000') < 0")
    wait(page, lambda: session.training.step > 300)
    assert losses(session)[-1] < 0.5 < losses(session)[0]
    doctor.get_by_text("Nothing wrong so far.").wait_for()


def test_a_verdict_leads_to_its_layer_and_shows_its_code(playground) -> None:
    page, _ = playground("initialization=zeros")
    card = page.locator(".verdict", has_text="Symmetric units")
    card.wait_for()
    assert card.get_attribute("data-severity") == "serious"
    page.get_by_role("tab", name="Lessons").click()
    card.get_by_role("button", name="Layer 1: 0.dense").click()
    row = page.locator(".strip-row").first
    assert row.is_visible()
    assert row.evaluate("row => row === document.activeElement")
    card.get_by_text("Code of the remedy").click()
    assert "HeNormal()(rng, (8, 2))" in card.locator("pre").inner_text()


def test_what_settings_cannot_express_is_said_beside_its_code(playground) -> None:
    from plainnet.inspection.doctor.verdicts import Verdict

    page, session = playground()
    reach(page, session, 1)
    verdict = Verdict("unscaled_inputs", "warning", "X", "They are large.", "Scale.", "X = X / 10")
    session.training.findings._report = (session.training.settings, [verdict])
    reach(page, session, 2)
    card = page.locator(".verdict", has_text="Unscaled inputs")
    card.get_by_role("button", name="Apply the remedy").click()
    card.get_by_text("the playground has no setting for other rows or columns").wait_for()
    assert card.get_by_text("X = X / 10").is_visible()


def test_a_full_check_up_tells_what_it_has_looked_at(playground, monkeypatch) -> None:
    from plainnet.playground import findings

    monkeypatch.setattr(findings, "TRIAL", 50)
    page, _ = playground("test_share=0.0")
    page.get_by_role("button", name="Full check-up").click()
    report = page.locator(".check-up")
    report.get_by_text("Looked at, after step 0: data").wait_for()
    report.get_by_text("there are no validation rows").wait_for()
    assert page.get_by_role("button", name="Full check-up").is_enabled()


def test_strips_show_the_sizes_that_numpy_finds(playground) -> None:
    page, session = playground("step=40")
    row = page.locator(".strip-row").nth(1)
    row.scroll_into_view_if_needed()
    row.locator("small", has_text="rms").first.wait_for()
    page.wait_for_function(
        "() => /[1-9]/.test(document.querySelectorAll('.gradient-value')[1].textContent)"
    )
    record = session.shown
    segment = next(s for s in session.frames.network.segments if s.name == "2.dense.W")
    own = slice(segment.start, segment.stop)
    rms = float(np.sqrt(np.mean(record.gradients[own].astype(np.float64) ** 2)))
    ratio = np.linalg.norm(record.update[own]) / np.linalg.norm(record.parameters[own])

    shown = page.locator(".gradient-value").nth(1).inner_text().replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(rms, rel=0.01)
    said = row.locator(".ratio-curve + small").inner_text().replace("\N{MINUS SIGN}", "-")
    assert float(said) == pytest.approx(ratio, rel=0.06)
    width = page.locator(".gradient-bar").nth(1).evaluate("bar => parseFloat(bar.style.width)")
    assert width == pytest.approx(10 * (np.log10(rms) + 8), rel=0.01)


def test_the_curve_of_updates_ends_where_training_goes_back_to(playground) -> None:
    page, session = playground()
    page.locator(".ratio-curve").first.scroll_into_view_if_needed()
    play(page)
    wait(page, lambda: session.training.step > 100)
    count = "() => document.querySelector('.ratio-line').getAttribute('d').split('L').length"
    before = page.evaluate(count)
    assert before >= 3
    session.post({"do": "begin"})
    page.wait_for_function("() => !document.querySelector('.ratio-line').getAttribute('d')")


def test_hidden_strips_are_not_drawn_and_come_up_to_date(playground) -> None:
    page, session = playground()
    page.get_by_role("tab", name="Lessons").click()
    assert page.evaluate(HIDDEN)
    draws = "() => document.querySelector('.gradient-value').textContent"
    before = page.evaluate(draws)
    reach(page, session, 30)
    page.wait_for_timeout(300)
    assert page.evaluate(draws) == before
    assert before in ("", "0")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(draws) == before
    page.set_viewport_size({"width": 1280, "height": 300})
    page.evaluate("scrollTo(0, 0)")  # with the tabs far below
    page.get_by_role("tab", name="Inside the layers").evaluate("tab => tab.click()")
    page.wait_for_timeout(100)
    assert page.evaluate(draws) == before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(draws) not in ("", "0")
    page.locator(".strip-row").first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.gradient-value').textContent !== '0'")


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_neither_panel_is_wider_than_the_page(playground, width) -> None:
    page, _ = playground("initialization=zeros&step=30", width=width)
    page.locator(".verdict").first.wait_for()
    for name in (".strips", ".doctor"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        inner = page.locator(name).evaluate("el => el.scrollWidth - el.clientWidth")
        assert inner <= 0
