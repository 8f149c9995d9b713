"""The walk through one example, in a browser."""

import re

import pytest

SMALL = "points=40&layers=4-tanh&optimizer=sgd"

KEEP_SOCKET = """
const Own = WebSocket;
window.WebSocket = class extends Own {
  constructor(...given) { super(...given); window.socket = this; }
};
"""
"""So that a test can send a command, whatever buttons the page has for it."""


@pytest.fixture
def walked(watched, server):
    """Opens the panel by the keyboard alone, and traces the first example."""

    def walk(link=SMALL, *, width=1280, scheme="light"):
        page = watched(width, color_scheme=scheme, reduced_motion="reduce").new_page()
        page.add_init_script(KEEP_SOCKET)
        page.goto(f"{server.address}#{link}")
        page.get_by_role("tab", name="Inside the layers").focus()
        press_until(page, "ArrowRight", page.get_by_role("tab", name="One example"))
        field = page.get_by_label("Example", exact=True)
        press_until(page, "Tab", field)
        page.keyboard.press("Enter")
        page.locator(".step-equation strong").wait_for()
        return page

    return walk


def send(page, command):
    page.evaluate("command => socket.send(JSON.stringify(command))", command)


def press_until(page, key, target, most=40):
    for _ in range(most):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not come to {target}")


def line_of(page):
    return page.locator(".step-equation").inner_text()


def wait_for_line(page, beginning, layer=""):
    page.locator(".step-line:not(.step-waiting) .step-head", has_text=layer).wait_for()
    page.locator(".step-equation", has_text=re.compile("^" + re.escape(beginning))).wait_for()


def current(page):
    return page.locator(".step-strip [aria-current]")


def test_from_the_first_step_to_the_last_by_keyboard(walked):
    page = walked()
    press_until(page, "Tab", current(page))
    seen = [page.locator(".step-where").inner_text()]
    last = page.locator(".step-strip button").count()
    for _ in range(last - 1):
        page.keyboard.press("ArrowRight")
        seen.append(page.locator(".step-where").inner_text())
    assert seen[0] == f"Step 1 of {last}: 0.dense, forward"
    assert seen[3] == f"Step 4 of {last}: loss, forward"
    assert seen[4] == f"Step 5 of {last}: loss, backward"
    assert seen[-1] == f"Step {last} of {last}: update.2.dense.b"
    wait_for_line(page, "g[0] = ")
    page.keyboard.press("ArrowRight")  # there it ends
    assert page.locator(".step-where").inner_text() == seen[-1]
    page.keyboard.press("Home")
    wait_for_line(page, "Z[0, 0] = ")


def test_a_number_leads_to_where_it_was_made_and_back_leads_back(walked):
    page = walked()
    press_until(page, "Tab", current(page))
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    wait_for_line(page, "Z[0, 0] = ", "of 2.dense")
    before = line_of(page)
    number = page.locator(".step-equation button").first
    assert number.get_attribute("title") == "2.dense.A[0, 0]"
    press_until(page, "Tab", number)
    page.keyboard.press("Enter")
    wait_for_line(page, "A[0, 0] = tanh(")
    assert current(page).inner_text() == "1.tanh"
    cell = page.locator(".step-view [aria-pressed=true]")
    assert cell.inner_text() == number_after(line_of(page), "=")
    assert cell.evaluate("element => element === document.activeElement")
    back = page.get_by_role("button", name="Back to where you were")
    press_until(page, "Tab", back)
    page.keyboard.press("Enter")
    wait_for_line(page, "Z[0, 0] = ", "of 2.dense")
    assert line_of(page) == before
    assert current(page).inner_text() == "2.dense"


def number_after(line, sign):
    return line.rsplit(sign, 1)[1].strip()


def test_from_the_loss_down_to_an_input(walked):
    page = walked()
    page.locator(".step-strip .step-forward", has_text="loss").click()
    wait_for_line(page, "E[0, 0] = exp(")
    for beginning in ("Z[0, 0] = ", "A[0, 0] = tanh", "Z[0, 0] = ", "X[0, 0] = "):
        page.locator(".step-equation button").first.click()
        wait_for_line(page, beginning)
    assert page.get_by_text("X[0, 0] is the input x1.").is_visible()
    cell = page.locator(".step-view [aria-pressed=true]")
    assert cell.count() == 1
    assert cell.inner_text() == number_after(line_of(page), "=")
    assert current(page).inner_text() == "0.dense"
    page.locator(".step-use button", has_text="Z[0, 2]").click()
    wait_for_line(page, "Z[0, 2] = ")


def test_arrow_keys_move_within_a_table(walked):
    page = walked()
    first = page.locator("[data-array='0.dense.W'] button").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.title")
    assert focused == "W[1, 1]"
    page.keyboard.press("Enter")
    wait_for_line(page, "W[1, 1] = ")
    assert page.get_by_text("is a parameter of 0.dense, at the start").is_visible()
    assert page.locator(".step-where").inner_text().startswith("Step 1 ")


def test_numbers_of_another_step_are_said_to_be_old(walked):
    page = walked()
    stale = page.locator(".step-stale")
    assert not stale.is_visible()
    before = line_of(page)
    send(page, {"do": "advance", "steps": 5})
    stale.wait_for()
    page.get_by_text("These are the numbers of step 0; the page shows step 5.").wait_for()
    assert line_of(page) == before
    page.get_by_role("button", name="Trace again").click()
    stale.wait_for(state="hidden")
    assert "after 5 steps of training" in page.locator(".step-said").inner_text()


def test_a_point_of_the_plane(walked):
    page = walked()
    page.get_by_text("A point of the plane", exact=True).click()
    page.get_by_role("spinbutton", name="x₁").fill("0.25")
    page.get_by_role("spinbutton", name="x₂").fill("-0.5")
    page.get_by_role("button", name="Trace the point").click()
    page.get_by_text("A point of the plane, before training: x1 = 0.25, x2 = -0.5").wait_for()
    assert page.locator(".step-backward").count() == 0
    page.locator("[data-array='0.dense.A'] button").last.click()
    wait_for_line(page, "X[0, 1] = -0.5")


def test_a_new_training_ends_the_walk(walked):
    page = walked()
    send(page, {"do": "settings", "change": {"network_seed": 3}})
    page.get_by_text("The network is another one now.").wait_for()
    assert not page.locator(".step-walk").is_visible()
    page.get_by_role("button", name="The next example").click()
    page.get_by_text("Example 1 (training), before training").wait_for()


def test_a_large_array_is_looked_at_window_by_window(walked):
    page = walked("points=40&layers=40-relu,20-relu")
    page.locator(".step-strip .step-forward", has_text="2.dense").click()
    wait_for_line(page, "Z[0, 0] = ", "of 2.dense")
    table = page.locator("[data-array='2.dense.W']")
    assert table.locator("td button").count() == 64
    assert "rows 0–7 of 20, columns 0–7 of 40" in table.inner_text()
    table.get_by_role("button", name="Rows after").click()
    table.get_by_role("button", name="Columns before").wait_for(state="detached")
    page.locator("[data-array='2.dense.W'] [title='W[8, 0]']").wait_for()
    table.get_by_role("button", name="Columns after").click()
    page.locator("[data-array='2.dense.W'] [title='W[15, 15]']").click()
    wait_for_line(page, "W[15, 15] = ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(walked, scheme):
    page = walked(width=360, scheme=scheme)
    page.get_by_role("button", name="Next step").click()
    wait_for_line(page, "A[0, 0] = ")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
