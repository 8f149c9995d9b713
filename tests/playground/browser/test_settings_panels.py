"""The panels of data and learning in the browser."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def in_python(page, session, **settings):
    """Wait until the session has these settings."""
    for _ in range(6000):
        now = session.training.settings
        if all(getattr(now, name) == value for name, value in settings.items()):
            return
        page.wait_for_timeout(10)
    raise AssertionError(f"{settings} did not arrive; there is {now}")


def test_a_number_out_of_range_is_refused_in_words(playground):
    page, session = playground()
    rate = page.get_by_label("Exact rate")
    rate.fill("5000")
    rate.press("Enter")
    assert page.get_by_role("alert").filter(has_text="A number from 0 to 1000").is_visible()
    assert rate.get_attribute("aria-invalid") == "true"
    page.get_by_label("Batch size").fill("2.5")
    words = "A whole number from 1 to 2000"
    assert page.get_by_role("alert").filter(has_text=words).is_visible()
    page.get_by_label("Batch size").press("Escape")
    assert page.get_by_label("Batch size").input_value() == "32"
    page.get_by_role("button", name="Step", exact=True).click()
    page.locator(".place", has_text="step 1").wait_for()
    assert session.training.settings.learning_rate == 0.01
    assert rate.input_value() == "5000"  # to be put right, and not sent
    rate.fill("0.02")
    rate.press("Enter")
    in_python(page, session, learning_rate=0.02)
    assert rate.get_attribute("aria-invalid") == "false"


def test_what_is_being_typed_is_left_alone(playground):
    page, session = playground()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('.plainnet-playground').app.state.step > 0"
        " || document.querySelector('.plainnet-playground').app.frame.step > 0"
    )
    batch = page.get_by_label("Batch size")
    batch.focus()
    page.keyboard.press("End")
    page.keyboard.type("5")
    page.get_by_label("Learning rate").select_option("0.03")  # the session sends its settings
    page.get_by_role("listitem").filter(has_text="learning rate 0.03").wait_for()
    assert batch.input_value() == "325"
    assert session.training.settings.batch_size == 32
    page.keyboard.press("Enter")
    in_python(page, session, batch_size=325)


def test_a_change_during_training_is_told(playground):
    page, _ = playground()
    page.get_by_role("button", name="Step", exact=True).click()
    page.locator(".place", has_text="step 1").wait_for()
    page.get_by_label("Optimizer").select_option("momentum")
    page.get_by_role("listitem").filter(has_text="Step 1: optimizer Momentum").wait_for()
    assert page.locator(".place").text_content().endswith("step 1")


def test_the_data_are_chosen(playground):
    page, session = playground()
    page.get_by_label("Classes", exact=True).fill("5")
    page.keyboard.press("Enter")
    page.locator(".plane-legend li").nth(4).wait_for()
    page.get_by_role("button", name="New sample").click()
    in_python(page, session, data_seed=1)
    page.get_by_label("Noise", exact=True).fill("0.4")
    page.keyboard.press("Enter")
    in_python(page, session, noise=0.4)
    expect(page.get_by_label("Noise, slider")).to_have_value("0.4")
    page.get_by_role("checkbox", name="x₁²").check()
    in_python(page, session, features=("x1", "x2", "x1^2"))
    page.get_by_role("checkbox", name="x₁", exact=True).click()
    in_python(page, session, features=("x2", "x1^2"))
    page.get_by_role("checkbox", name="x₂", exact=True).click()
    in_python(page, session, features=("x1^2",))
    expect(page.get_by_role("checkbox", name="x₂", exact=True)).not_to_be_checked()
    page.get_by_role("checkbox", name="x₁²", exact=True).click()
    page.get_by_role("alert").filter(has_text="at least one input").wait_for()
    assert page.get_by_role("checkbox", name="x₁²").is_checked()
    page.get_by_label("Examples", exact=True).select_option("hills")
    page.get_by_role("application", name=re.compile("^Predictions")).wait_for()
    assert page.locator(".plane-scale").is_visible()
    expect(page.get_by_label("Classes", exact=True)).not_to_be_visible()


def test_the_plane_of_iris_is_of_two_columns(playground):
    page, session = playground("data=iris")
    page.get_by_label("Across").select_option("petal length (cm)")
    in_python(page, session, plane=("petal length (cm)", "sepal length (cm)"))
    canvas = page.get_by_role("application", name=re.compile("over petal length .* and sepal"))
    canvas.wait_for()
    page.get_by_label("Upward").select_option("")
    page.get_by_role("application", name=re.compile("over component 1 and")).wait_for()


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_reaches_beyond_a_narrow_page(playground, width):
    page, _ = playground(width=width)
    page.get_by_role("button", name="Draw points").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


TABLE = "size,colour,price\n" + "".join(
    f"{i % 7},{['red', 'green', 'blue'][i % 3]},{i % 7 + 10 * (i % 3)}\n" for i in range(60)
)


def test_a_table_is_chosen_and_its_target_too(playground):
    page, session = playground()
    file = {"name": "shop.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    page.get_by_label("Choose a CSV file").set_input_files(file)
    page.get_by_role("status").filter(has_text="shop.csv: 60 rows").wait_for()
    in_python(page, session, data="table", target="price")
    page.get_by_label("Column to predict").select_option("colour")
    in_python(page, session, target="colour")
    page.locator(".plane-legend li", has_text="green").wait_for()
    assert not page.get_by_label("Across").is_visible()  # there are only size and price
    page.get_by_label("Column to predict").select_option("price")
    in_python(page, session, target="price", plane=())
    names = session.training.examples.names
    page.get_by_label("Upward").select_option(names[2])
    in_python(page, session, plane=(names[0], names[2]))


def test_a_table_may_be_dropped_anywhere(playground):
    page, session = playground()
    transfer = page.evaluate_handle(
        """text => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "dropped.csv"));
          return transfer;
        }""",
        TABLE,
    )
    place = page.locator(".loss-canvas")
    place.dispatch_event("dragover", {"dataTransfer": transfer})
    assert "over" in page.locator(".drop-zone").get_attribute("class").split()
    place.dispatch_event("drop", {"dataTransfer": transfer})
    in_python(page, session, data="table")
    expect(page.get_by_label("Examples", exact=True)).to_have_value("table")
