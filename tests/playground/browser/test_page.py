"""The whole page, from the first look to the file that is taken away."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from plainnet.playground.building import network_of
from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import Settings

pytest.importorskip("playwright", reason="playwright is not installed")

ROOT = Path(__file__).parents[3]
AXE = Path(os.environ.get("PLAINNET_AXE", ROOT / "build/node_modules/axe-core/axe.min.js"))
SMALL = "points=40&layers=4-tanh"
APP = "document.querySelector('.plainnet-playground').app"
FOCUSED = """[document.activeElement.getAttribute("aria-label"),
  document.activeElement.labels?.[0]?.textContent, document.activeElement.textContent].find(Boolean)
"""
TABS = ("Inside the layers", "Representations", "One example, step by step", "Lessons", "Take away")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def reach(page, step):
    """Wait until the page shows this step."""
    page.locator(".place", has_text=re.compile(rf"step {step}$")).wait_for()


def train(page, epochs):
    """So many epochs; the step at which they end."""
    page.get_by_label("Epochs", exact=True).fill(str(epochs))
    goal = page.evaluate(f"{APP}.state.step + {epochs} * {APP}.state.steps_per_epoch")
    press(page, "Train")
    reach(page, goal)
    page.get_by_role("status").filter(has_text="Paused").wait_for()
    return goal


def until(page, condition):
    """Wait until this is so; as a function, since the page's policy forbids to evaluate strings."""
    page.wait_for_function(f"() => {condition}", polling=50)


def accurate(page, share):
    """Wait until the page says that this share of the test examples is right."""
    rows = "[...document.querySelectorAll('.measures tbody tr')]"
    row = f"{rows}.find((row) => row.textContent.startsWith('Test'))"
    until(page, f"Number([...{row}.querySelectorAll('data')].at(-1).value) >= {share}")


def bits(page, vector="parameters"):
    """The numbers of the frame that is shown, as their bytes."""
    return bytes(page.evaluate(f"Array.from(new Uint8Array({APP}.frame.{vector}.slice().buffer))"))


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-").replace(" ", ""))


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_network_learns_the_spirals_while_one_looks(playground):
    page, session = playground()
    assert session.training.settings.data == "spirals"
    press(page, "Play")
    accurate(page, 0.95)
    press(page, "Pause")
    page.get_by_role("status").filter(has_text="Paused").wait_for()
    record = session.shown
    until(page, f"{APP}.frame.step === {record.step}")  # the last frame may come after the word
    assert bits(page) == record.parameters.tobytes()
    found = session.training.network.evaluate(*session.training.examples.test)
    assert found["accuracy"] == page.evaluate(f"{APP}.frame.measures.test.accuracy")


def test_the_sum_of_a_unit_is_that_of_numpy(playground):
    page, session = playground()
    train(page, 2)
    page.get_by_role("button", name=re.compile("^unit 3 of layer 2")).click()
    page.get_by_role("tab", name="One example, step by step").click()
    page.get_by_label("Example", exact=True).fill("7")
    press(page, "Trace")
    page.locator(".step-strip .step-forward", has_text="2.dense").click()
    page.locator("[data-array='2.dense.Z'] [title='Z[0, 3]']").click()
    line = page.locator(".step-equation", has_text="Z[0, 3] = ")
    line.wait_for()

    network, X = session.training.network, session.training.examples.X
    A = np.maximum(X[7] @ network["0.dense.W"].T + network["0.dense.b"], 0)
    w, b = network["2.dense.W"][3], network["2.dense.b"][3]
    stored = page.locator(".step-head").inner_text().partition("stored as ")[2]
    assert float(stored) == pytest.approx(float(A @ w + b), rel=1e-5, abs=1e-6)
    _, products, total = line.inner_text().replace("\N{MINUS SIGN}", "-").split(" = ")
    factors = re.findall(r"\(?([-\d.e]+)\)?\*\(?([-\d.e]+)\)?", products)
    np.testing.assert_allclose(np.array(factors, float), np.stack([A, w], 1), rtol=6e-3)
    assert number(total) == pytest.approx(float(A @ w + b), rel=6e-3)


def test_representations_follow_the_training(playground):
    page, _ = playground(SMALL)
    page.get_by_role("tab", name="Representations").click()
    words = page.locator(".representation-words")
    words.filter(has_text="Step 0. The axes are the first two principal components of 4").wait_for()
    goal = train(page, 2)
    words.filter(has_text=f"Step {goal}. ").wait_for()
    page.get_by_label("Outputs of").select_option("inputs")
    words.filter(has_text="The axes are the two numbers").wait_for()
    drawn = page.locator(".representation-canvas").get_attribute("aria-label")
    assert drawn.startswith("40 examples")


def table_of_towns():
    """A CSV file with two columns of numbers, one of text, and a class that follows from them."""
    rng = np.random.default_rng(0)
    lines = ["a,b,town,target"]
    for _ in range(300):
        a, b, town = rng.uniform(-3, 3), rng.uniform(0, 10), rng.choice(["Köln", "Rom", "Wien"])
        lines.append(f"{a:.3f},{b:.3f},{town},{'yes' if (a > 0) != (town == 'Rom') else 'no'}")
    return "\n".join(lines)


def test_a_table_with_text_columns_is_dropped_in_and_learned(playground):
    page, session = playground("layers=12-tanh&learning_rate=0.1")
    drop = """([root, text]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], "towns.csv", { type: "text/csv" }));
      for (const kind of ["dragover", "drop"]) {
        root.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
      }
    }"""
    root = page.locator(".part-network").element_handle()
    page.evaluate(drop, [root, table_of_towns()])
    page.get_by_text("towns.csv: 300 rows").wait_for()
    assert page.get_by_label("Column to predict").input_value() == "target"
    assert page.locator(".plane-legend li").all_inner_texts()[0].startswith("no")
    assert session.training.examples.classes == ("no", "yes")
    assert len(session.training.examples.names) == 5  # two numbers, and a column for each town
    page.get_by_label("Steps per frame").select_option("50")
    press(page, "Play")
    accurate(page, 0.95)


def test_an_edited_bias_is_in_every_number(playground):
    page, session = playground(SMALL)
    page.get_by_role("button", name=re.compile("^unit 2 of layer 1")).click()
    field = page.get_by_label('network["0.dense.b"][2]', exact=True)
    before = bits(page, "regions")
    field.fill("1.25")
    field.press("Enter")
    until(page, f"{APP}.element('0.dense.b', [2]) === 1.25")

    settings = Settings.from_link(SMALL)
    examples = examples_of(settings)
    network = network_of(settings, examples)
    network["0.dense.b"][2] = 1.25
    assert bits(page) == network.parameters.tobytes()
    loss = number(page.locator(".measures data").first.get_attribute("value"))
    assert loss == pytest.approx(network.evaluate(*examples.train)["loss"], rel=1e-5)
    assert bits(page, "regions") != before
    press(page, "Step")
    reach(page, 1)
    until(page, "location.hash.includes('0.dense.b(2)=1.25')")
    assert session.training.network["0.dense.b"][2] != 1.25  # it learns from there


def test_back_in_time_are_the_same_bits_and_the_same_way_on(playground):
    page, _ = playground(SMALL)
    seen = {0: bits(page)}
    for step in range(1, 7):
        press(page, "Step")
        reach(page, step)
        seen[step] = bits(page)
    assert len(set(seen.values())) == 7
    press(page, "A step back")
    reach(page, 5)
    assert bits(page) == seen[5]
    page.get_by_role("slider", name="Step that is shown").fill("2")
    reach(page, 2)
    assert bits(page) == seen[2]
    for step in (3, 4):
        press(page, "Step")
        reach(page, step)
        assert bits(page) == seen[step]
    page.get_by_role("status").filter(has_text="Paused").wait_for()
    press(page, "Start over")
    reach(page, 0)
    assert bits(page) == seen[0]


def test_a_link_gives_another_browser_the_same_bits(playground):
    page, session = playground("noise=0.1&layers=6-tanh-bn,4-relu-drop0.2&l2=0.001")
    page.get_by_role("button", name=re.compile("^unit 1 of layer 1")).click()
    train(page, 3)
    field = page.get_by_label('network["0.dense.W"][1, 0]', exact=True)
    field.fill("-0.7")
    field.press("Enter")
    until(page, f"Math.abs({APP}.element('0.dense.W', [1, 0]) + 0.7) < 1e-6")
    train(page, 2)
    page.get_by_label("Learning rate", exact=True).select_option("0.03")
    page.get_by_role("listitem").filter(has_text="learning rate 0.03").wait_for()
    last = train(page, 2)
    until(page, f"location.hash.includes('step={last}')")  # it follows a moment later
    link = page.evaluate("location.hash.slice(1)")

    other, its_session = playground(link)
    assert its_session is not session
    reach(other, last)
    assert bits(other) == bits(page)
    assert bits(other) == session.shown.parameters.tobytes()


@pytest.mark.parametrize("link", ["noise=7", "a" * 100_001])
def test_a_link_that_is_refused_does_not_stay_in_the_address(playground, link):
    page, _ = playground(link)
    page.get_by_role("status").filter(has_text=re.compile("Noise must be|A link has")).wait_for()
    until(page, "location.hash === ''")  # the page shows what an address without a link shows
    page.evaluate("location.hash = 'noise=0.2'")
    page.locator(".notice").wait_for(state="hidden")
    until(page, f"{APP}.state.settings.noise === 0.2")
    assert page.evaluate("location.hash") == "#noise=0.2"


def test_the_page_that_is_taken_away_plays_without_anything(playground, watched, tmp_path):
    page, _ = playground()
    last = train(page, 5)
    trained = bits(page)
    page.get_by_role("tab", name="Take away").click()
    with page.expect_download() as found:
        press(page, "Download .html")
    file = tmp_path / "training.html"
    found.value.save_as(file)

    context = watched(offline=True)
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    alone = context.new_page()
    alone.goto(file.as_uri())
    reach(alone, last)
    assert bits(alone) == trained
    press(alone, "Start over")
    reach(alone, 0)
    press(alone, "Play")
    reach(alone, last)
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert fits(alone)


def tab_to(page, name, most=120):
    """Press Tab until what has the focus has this name."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"Tab does not come to {name}")


def test_from_loading_to_a_lesson_by_keyboard_alone(playground):
    page, session = playground("data=xor&noise=0&layers=4-relu")
    tab_to(page, "Play")
    page.keyboard.press("Enter")
    accurate(page, 0.9)
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="Paused").wait_for()

    tab_to(page, "Activation of layer 1")
    page.keyboard.type("Tanh")
    page.locator(".place", has_text="step 0").wait_for()
    assert str(session.training.settings.layers[0]) == "4-tanh"
    assert page.evaluate(FOCUSED) == "Activation of layer 1"  # though the network is another

    tab_to(page, "Inside the layers")
    for _ in range(TABS.index("Lessons")):
        page.keyboard.press("ArrowRight")
    tab_to(page, "Revive the dead units")
    page.keyboard.press("Enter")
    page.locator(".lesson-card h2", has_text="Revive the dead units").wait_for()
    assert session.progress is not None


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_page_can_be_used_by_everyone(playground, scheme, width):
    if not AXE.exists():
        pytest.skip(f"axe-core is not there: npm install --prefix {AXE.parents[2]} axe-core@4")
    page, _ = playground(SMALL, width, color_scheme=scheme, reduced_motion="reduce")
    assert page.locator(".plainnet-playground").get_attribute("data-theme") == scheme
    page.get_by_role("button", name=re.compile("^unit 1 of layer 1")).click()
    page.evaluate(AXE.read_text("utf-8"))
    found = []
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        if tab == "One example, step by step":
            press(page, "Trace")
            page.locator(".step-equation strong").wait_for()
        if tab == "Lessons":
            press(page, "A line is not enough")
            press(page, "Hint 1 of 4")
            until(page, "!document.querySelector('.net-unit:not([aria-label])')")
        if tab == "Take away":
            press(page, "Write the code")
            page.locator(".take-code").wait_for()
        result = page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            (tab, each["id"], each["nodes"][0]["html"][:200])
            for each in result["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert fits(page), f"{tab} scrolls sideways"
    assert not found


def test_twenty_tabs_train_and_leave_nothing_behind(watched, server, sessions):
    before, context = len(sessions), watched(400, 300)
    pages = [context.new_page() for _ in range(20)]
    for page in pages:
        page.goto(f"{server.address}#points=90&batch_size=4&layers=2-tanh", wait_until="commit")
    for page in pages:
        page.locator(".net-unit[aria-label]").first.wait_for()
    for page in pages:
        page.evaluate(f"{APP}.send('play')")
    for page in pages:
        until(page, f"{APP}.frame.step > 20")
    opened = sessions[before:]
    assert len(opened) == 20
    assert not any(session.join(0) for session in opened)
    pages[0].close()
    assert opened[0].join(60)
    step = pages[1].evaluate(f"{APP}.frame.step")
    until(pages[1], f"{APP}.frame.step > {step + 20}")
    context.close()
    assert all(session.join(60) for session in opened)
