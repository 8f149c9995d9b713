"""Lessons and what one takes away, in a browser."""

import re

import plainnet


def paused(page, session, **fields):
    """Train, and wait for the page to show it."""
    session.post({"do": "advance", **fields})
    step = fields["steps"]
    page.wait_for_function(
        "step => document.querySelector('.take input').value.includes(`step=${step}`)", arg=step
    )


def test_a_lesson_is_begun_hinted_at_and_solved(playground):
    page, session = playground()
    page.get_by_role("tab", name="Lessons").click()
    tasks = page.get_by_role("list", name="Lessons").get_by_role("button")
    assert tasks.count() == 6
    tasks.first.click()
    card = page.locator(".lesson-card")
    card.get_by_role("heading", name="A line is not enough").wait_for()
    assert tasks.first.get_attribute("aria-pressed") == "true"
    page.wait_for_function(
        "() => document.querySelector('.plainnet-playground').app.state.settings.data === 'xor'"
    )
    assert card.get_by_text("test accuracy ≥ 95%").is_visible()

    assert not card.get_by_text("Which activation bends it?").is_visible()
    card.get_by_role("button", name="Hint 1 of 4").click()
    assert card.get_by_text("Which activation bends it?").is_visible()
    for n in (2, 3, 4):
        card.get_by_role("button", name=f"Hint {n} of 4").click()
    assert card.get_by_role("button", name="Hint 4 of 4").is_disabled()

    change = {"layers": [{"units": 4, "activation": "tanh"}]}
    session.post({"do": "settings", "change": change})
    session.post({"do": "advance", "steps": 500})
    said = page.locator(".lesson-said")
    said.get_by_text(re.compile(r"Solved after \d+ steps\.")).wait_for()
    assert said.get_attribute("role") == "status"
    assert tasks.first.text_content() == "A line is not enough (solved)"
    assert card.locator(".is-met").count() == 2

    card.get_by_role("button", name="Leave the lesson").click()
    card.wait_for(state="hidden")
    assert tasks.first.get_attribute("aria-pressed") == "false"


def test_a_lesson_by_keyboard(playground):
    page, session = playground()
    tab = page.get_by_role("tab", name="Lessons")
    tab.focus()
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".lesson-card h2").wait_for()
    assert page.locator(".lesson-list button:focus").count() == 1
    assert session.progress is not None


def test_files_are_downloaded(playground, tmp_path):
    page, session = playground("layers=4-tanh")
    page.get_by_role("tab", name="Take away").click()
    paused(page, session, steps=20)

    with page.expect_download() as network:
        page.get_by_role("button", name="Download .npz").click()
    network.value.save_as(tmp_path / "network.npz")
    assert network.value.suggested_filename == "playground-step-20.npz"
    loaded = plainnet.load(tmp_path / "network.npz")
    assert loaded.parameters.tobytes() == session.shown.parameters.tobytes()

    page.get_by_role("button", name="Write the code").click()
    page.get_by_text("Up to step 20:").wait_for()
    with page.expect_download() as script:
        page.get_by_role("button", name="Download", exact=True).click()
    script.value.save_as(tmp_path / "script.py")
    names = {}
    exec((tmp_path / "script.py").read_text("utf-8"), names)
    assert names["network"].parameters.tobytes() == session.shown.parameters.tobytes()

    with page.expect_download() as picture:
        page.get_by_role("button", name="Download .png").click()
    picture.value.save_as(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_why_there_is_no_code_of_the_guide(playground):
    page, _ = playground()
    page.get_by_role("tab", name="Take away").click()
    page.get_by_label("Form of the code").select_option("textbook")
    page.get_by_role("button", name="Write the code").click()
    page.get_by_text("these settings have Adam, batches of 32").wait_for()
    assert not page.locator(".take-code").is_visible()


def test_a_link_is_copied_or_at_least_selected(playground):
    page, _ = playground("data=circle")
    page.get_by_role("tab", name="Take away").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy = page.get_by_role("button", name="Copy link")
    copy.click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_by_label("Link to these settings").input_value()
    assert copied.endswith("#data=circle")

    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error('no')); }")
    copy.click()
    page.get_by_text("Selected: copy it").wait_for()
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == copied


def test_a_lesson_outlives_a_reload_and_keeps_what_it_does_not_allow(playground):
    name = "3-revive-the-dead-units"
    page, session = playground(f"lesson={name}", width=360, height=800)
    strip = page.get_by_role("region", name="Lesson", exact=True)
    strip.get_by_text("dead units in any layer ≤ 5%").wait_for()
    strip.get_by_text("now 75%").wait_for()
    page.wait_for_function("() => document.querySelector('.net-units').disabled")
    kept = {"Examples": True, "New weights": True, "Optimizer": True, "Draw points": True,
            "Exact rate": False, "Batch size": False}  # fmt: skip
    label = "each => each.labels?.[0]?.textContent ?? each.textContent"
    fields = page.locator(".plainnet-playground :is(button, select, input)")
    found = dict(fields.evaluate_all(f"all => all.map((each) => [({label})(each), each.disabled])"))
    assert {each: found[each] for each in kept} == kept
    page.get_by_role("button", name=re.compile("^unit 2 of layer 1")).click()
    assert page.locator(".net-table input").first.is_enabled()  # weights are allowed

    session.post({"do": "edit", "tensor": "0.dense.b", "index": [5], "value": 0.0})
    session.post({"do": "advance", "steps": 20})
    page.wait_for_function("() => /^#lesson=.*b\\(5\\)=0.*step=20/.test(location.hash)")
    page.reload()
    page.locator(".place", has_text="step 20").wait_for()
    strip.get_by_text("training accuracy").wait_for()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = strip.bounding_box()  # in view, and the page as well
    assert 0 < box["y"] < box["y"] + box["height"] < 200

    strip.get_by_role("button", name="Show the task").click()
    page.locator(
        ".lesson-allowed", has_text="You may change weights and biases, by hand"
    ).wait_for()
    strip.get_by_role("button", name="Leave the lesson").click()
    strip.wait_for(state="hidden")
    page.wait_for_function("() => !document.querySelector('.net-units').disabled")
    page.wait_for_function("() => location.hash.startsWith('#layers=')")


def test_a_link_hides_parts_from_a_class(playground):
    page, _ = playground("points=40")
    page.get_by_role("tab", name="Take away").click()
    for part in ("Data", "Doctor", "Inside the layers", "Representations", "Take away"):
        page.get_by_role("checkbox", name=part, exact=True).check()
    link = page.get_by_label("Link to these settings").input_value().partition("#")[2]
    assert link == "points=40&hide=data,doctor,layers,representations,takeaway"
    assert page.locator(".doctor").is_visible()  # the teacher's own page stays whole

    other, _ = playground(link)
    other.locator("[data-hides]").wait_for()
    for part in (".data", ".doctor", ".strips", ".takeaway"):
        assert other.locator(part).is_hidden()
    tabs = other.get_by_role("tablist").get_by_role("tab")
    assert tabs.all_inner_texts() == ["One example, step by step", "Lessons"]
    tabs.first.focus()
    other.keyboard.press("ArrowLeft")
    assert other.locator(".lessons").is_visible()
    other.wait_for_function("() => location.hash.endsWith('layers,representations,takeaway')")
