"""The network's diagram in a browser: what it shows is NumPy's, and it can be changed."""

import re

import numpy as np
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def unit(page, number, layer):
    return page.get_by_role("button", name=f"unit {number} of layer {layer}", exact=False)


def train(page, session, epochs=2):
    """Train to the end of an epoch or two, with the page's own command."""
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.net-unit').length > 0")
    while session.training.epoch < epochs:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Play", exact=True).wait_for()


def inspected(page):
    """The numbers in the inspector, by their names in Python."""
    fields = page.locator(".net-inspector input[type=number]")
    return {field.get_attribute("aria-label"): float(field.input_value()) for field in fields.all()}


def hidden(session):
    return [layer.units for layer in session.training.settings.layers]


def wait(page, condition):
    """Until Python has obeyed."""
    for _ in range(6000):
        if condition():
            return
        page.wait_for_timeout(10)
    raise AssertionError("Python did not obey in time")


def test_a_clicked_unit_shows_its_weights_and_bias_as_they_are(playground):
    page, session = playground()
    train(page, session)
    unit(page, 5, 2).click()
    network = session.training.network
    W, b = network["2.dense.W"], network["2.dense.b"]
    expected = {f'network["2.dense.W"][5, {i}]': W[5, i] for i in range(8)}
    expected['network["2.dense.b"][5]'] = b[5]
    shown = inspected(page)
    assert shown.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(shown[name], value, rtol=6e-4, err_msg=name)
    gradients = page.locator(".net-inspector td.net-number").all_inner_texts()
    recorded = session.shown.gradients
    place = {each["name"]: each for each in session.frames.description()["tensors"]}
    start, strides = place["2.dense.W"]["start"], place["2.dense.W"]["strides"]
    dW = [recorded[start + 5 * strides[0] + i * strides[1]] for i in range(8)]
    read = [float(text.replace("−", "-")) for text in gradients[1:]]
    np.testing.assert_allclose(read, dW, rtol=6e-3)


def test_the_formula_is_the_sum_of_products(playground):
    page, session = playground("layers=4-tanh")
    unit(page, 2, 1).click()
    W = session.training.network["0.dense.W"]
    formula = page.locator(".net-formula").inner_text().replace("−", "-")
    found = [float(n.replace(" ", "")) for n in re.findall(r"(-? ?[\d.e-]+) x", formula)]
    np.testing.assert_allclose(found, W[2], rtol=6e-3)


def test_a_weight_is_found_under_the_mouse_and_keeps_being_shown(playground):
    page, session = playground("layers=1-tanh&features=x1")
    box = page.locator(".net-picture").bounding_box()
    first = unit(page, 0, 1).bounding_box()
    source = page.locator(".net-input").bounding_box()
    x = (source["x"] + source["width"] + first["x"]) / 2
    y = (source["y"] + source["height"] / 2 + first["y"] + first["height"] / 2) / 2
    assert box["x"] < x < box["x"] + box["width"]
    page.mouse.move(x, y)
    tip = page.locator(".net-tip")
    expect(tip).to_contain_text('network["0.dense.W"][0, 0]')
    value = float(re.search(r"= (\S+),", tip.inner_text())[1].replace("−", "-"))
    np.testing.assert_allclose(value, session.training.network["0.dense.W"][0, 0], rtol=1e-3)
    page.mouse.click(x, y)
    page.mouse.move(5, 5)
    assert list(inspected(page)) == ['network["0.dense.W"][0, 0]']
    page.get_by_role("button", name="unit 0 of layer 1", exact=True).click()
    expect(page.locator(".net-inspector h3")).to_have_text("Unit 0 of layer 1")


def test_an_edited_bias_arrives_and_escape_takes_back_what_was_typed(playground):
    page, session = playground()
    unit(page, 3, 1).click()
    field = page.get_by_label('network["0.dense.b"][3]', exact=True)
    field.fill("1.25")
    field.press("Escape")
    expect(field).to_have_value("0")
    field.fill("1.25")
    field.press("Enter")
    wait(page, lambda: session.training.network["0.dense.b"][3] == 1.25)
    expect(unit(page, 3, 1)).to_have_attribute("aria-label", re.compile("bias 1.3|bias 1.25|1.2"))
    field.press("ArrowUp")
    field.press("ArrowUp")
    wait(page, lambda: np.isclose(session.training.network["0.dense.b"][3], 1.35))
    assert len(session.training.made) == 1  # one number at one step is one change of a link


def test_a_dragged_bar_changes_the_weight(playground):
    page, session = playground()
    unit(page, 0, 1).click()
    bar = page.get_by_label('network["0.dense.W"][0, 1], slider')
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    reach = float(bar.get_attribute("max"))
    wait(page, lambda: session.training.network["0.dense.W"][0, 1] > 0.7 * reach)


def test_frames_do_not_overwrite_what_is_typed(playground):
    page, session = playground()
    unit(page, 3, 1).click()
    field = page.get_by_label('network["0.dense.W"][3, 0]', exact=True)
    page.get_by_role("button", name="Play", exact=True).click()
    field.fill("0.77")
    before = session.training.step
    wait(page, lambda: session.training.step > before + 50)
    assert field.input_value() == "0.77"
    other = page.get_by_label('network["0.dense.W"][3, 1]', exact=True)
    value = other.input_value()
    wait(page, lambda: other.input_value() != value)  # the others stay live
    page.get_by_role("button", name="Pause", exact=True).click()


def test_layers_and_units_by_keyboard_alone(playground):
    page, session = playground()
    wait(page, lambda: hidden(session) == [8, 8])
    page.get_by_role("button", name="Add a hidden layer").focus()
    page.keyboard.press("Enter")
    wait(page, lambda: hidden(session) == [8, 8, 8])
    expect(page.get_by_role("button", name="Layer 3", exact=True)).to_be_visible()
    page.get_by_role("button", name="One unit less in layer 2").focus()
    page.keyboard.press("Enter")
    wait(page, lambda: hidden(session) == [8, 7, 8])
    expect(page.get_by_role("button", name="One unit less in layer 2")).to_be_focused()
    field = page.get_by_label("Units of layer 1")
    expect(field).to_have_value("8")
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    wait(page, lambda: hidden(session) == [5, 7, 8])
    expect(page.locator(".net-unit")).to_have_count(5 + 7 + 8 + 3)
    handle = page.get_by_role("button", name="Layer 1", exact=True)
    handle.focus()
    page.keyboard.press("Alt+ArrowRight")
    wait(page, lambda: hidden(session) == [7, 5, 8])
    expect(page.get_by_role("button", name="Layer 2", exact=True)).to_be_focused()
    page.keyboard.press("Delete")
    wait(page, lambda: hidden(session) == [7, 8])
    expect(page.get_by_role("button", name="Layer 2", exact=True)).to_be_focused()


def test_units_move_by_keyboard_and_the_network_computes_the_same(playground):
    page, session = playground()
    train(page, session, 1)
    network, X = session.training.network, session.training.examples.X
    before, W = network.forward(X), network["2.dense.W"].copy()
    unit(page, 2, 2).focus()
    page.keyboard.press("Alt+ArrowDown")
    wait(page, lambda: session.training.made)
    np.testing.assert_array_equal(network["2.dense.W"], W[[0, 1, 3, 2, 4, 5, 6, 7]])
    np.testing.assert_allclose(network.forward(X), before, rtol=1e-4, atol=1e-5)
    expect(unit(page, 3, 2)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(unit(page, 3, 1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(unit(page, 3, 1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_label('network["0.dense.b"][3]', exact=True)).to_be_focused()


def test_units_and_layers_move_by_mouse(playground):
    page, session = playground("layers=6-relu,4-tanh")
    W = session.training.network["0.dense.W"].copy()
    start, end = unit(page, 0, 1).bounding_box(), unit(page, 4, 1).bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 20, steps=8)
    page.mouse.up()
    wait(page, lambda: session.training.made)
    np.testing.assert_array_equal(session.training.network["0.dense.W"], W[[1, 2, 3, 4, 0, 5]])
    first = page.get_by_role("button", name="Layer 1", exact=True).bounding_box()
    second = page.get_by_role("button", name="Layer 2", exact=True).bounding_box()
    page.mouse.move(first["x"] + 20, first["y"] + 10)
    page.mouse.down()
    page.mouse.move(second["x"] + 20, second["y"] + 10, steps=8)
    page.mouse.up()
    wait(page, lambda: hidden(session) == [4, 6])


def test_what_a_layer_applies_and_how_the_network_begins(playground):
    page, session = playground()
    page.get_by_label("Activation of layer 1").select_option("tanh")
    page.get_by_role("group", name="Layer 1").get_by_label("Batch norm").check()
    page.get_by_role("group", name="Layer 2").get_by_label("Dropout").select_option(label="0.3")
    page.get_by_label("Initialization").select_option("zeros")
    page.get_by_label("Loss", exact=True).select_option("focal")
    page.get_by_label("Seed of the weights").fill("7")
    page.get_by_label("Seed of the weights").press("Enter")

    def arrived():
        now = session.training.settings
        return (
            [str(each) for each in now.layers] == ["8-tanh-bn", "8-relu-drop0.3"]
            and (now.initialization, now.loss, now.network_seed) == ("zeros", "focal", 7)
        )  # fmt: skip

    wait(page, arrived)
    expect(page.locator(".net-dead")).not_to_have_count(0)  # zeros are seen to be dead
    page.get_by_role("button", name="New weights").click()
    wait(page, lambda: session.training.settings.network_seed != 7)


@pytest.mark.parametrize("link", ["", "layers=64-relu,32-relu,10-tanh", "layers=none"])
def test_a_narrow_page_does_not_scroll_sideways(playground, link):
    page, _ = playground(link, width=360, height=800)
    unit(page, 0, 1).click() if link != "layers=none" else None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_network_that_settings_do_not_describe_keeps_its_layers(playground, monkeypatch):
    from plainnet import Network, layers
    from plainnet.losses import SoftmaxCrossEntropy
    from plainnet.playground.session import Session

    given = Network(
        [layers.Dense(5), layers.Tanh(), layers.Dense(300), layers.ReLU(), layers.Dense(3)],
        loss=SoftmaxCrossEntropy(), input_shape=2, seed=0,
    )  # fmt: skip
    begin = Session.__init__
    monkeypatch.setattr(
        Session, "__init__", lambda self, *args, **known: begin(self, *args, given=given)
    )
    page, session = playground()
    add = page.get_by_role("button", name="Add a hidden layer")
    expect(add).to_be_disabled()
    assert "given in Python" in add.get_attribute("title")
    expect(page.get_by_label("Units of layer 2")).to_be_disabled()
    expect(page.get_by_text("300 units")).to_be_visible()
    unit(page, 3, 1).click()
    field = page.get_by_label('network["0.dense.b"][3]', exact=True)
    field.fill("2")
    field.press("Enter")  # its numbers can be changed all the same
    wait(page, lambda: session.training.network["0.dense.b"][3] == 2)


def test_a_layer_with_too_many_units_for_pictures_says_so(playground):
    page, _ = playground("layers=64")
    words = page.get_by_text("no pictures in layers of more than 64 units")
    expect(words).to_be_hidden()
    page.get_by_role("button", name="One unit more in layer 1").click()
    expect(words).to_be_visible()
    unit(page, 64, 1).hover()
    expect(page.locator(".net-tip")).to_contain_text("its layer has more than 64 units")


def test_small_numbers_fit_into_their_fields_and_zeros_have_no_scale(playground):
    changes = "0:0.dense.b(0)=-50;0:0.dense.W(1,0)=-0.00001234567;0:0.dense.W(1,1)=-0.000123456"
    page, _ = playground(f"layers=4-relu&changes={changes}")
    unit(page, 0, 1).hover()
    expect(page.locator(".net-tip")).to_contain_text("0 all over the plane")
    unit(page, 1, 1).click()
    for i, said in enumerate(("-1.235e-5", "-0.0001235")):
        field = page.get_by_label(f'network["0.dense.W"][1, {i}]', exact=True)
        expect(field).to_have_value(said)
        assert field.evaluate("field => field.scrollWidth <= field.clientWidth")


def test_a_unit_is_removed_by_keyboard_and_by_its_button(playground):
    page, session = playground("layers=5-tanh-bn,3-relu")
    train(page, session, 1)
    W = session.training.network["0.dense.W"].copy()
    unit(page, 4, 1).focus()
    page.keyboard.press("Delete")
    wait(page, lambda: hidden(session) == [4, 3])
    np.testing.assert_array_equal(session.training.network["0.dense.W"], W[:4])
    expect(page.get_by_label("Units of layer 1")).to_have_value("4")
    expect(unit(page, 3, 1)).to_be_focused()
    unit(page, 1, 1).click()
    page.get_by_role("button", name="Remove this unit").click()
    wait(page, lambda: hidden(session) == [3, 3])
    np.testing.assert_array_equal(session.training.network["0.dense.W"], W[[0, 2, 3]])
    expect(unit(page, 1, 1)).to_be_focused()
    page.get_by_role("slider", name="Step that is shown").press("Home")  # all were there
    expect(page.get_by_label("Units of layer 1")).to_have_value("5")
    expect(page.get_by_label("Units of layer 1")).to_be_enabled()


def test_a_unit_that_stays_says_why(playground):
    page, session = playground("layers=1")
    said = page.locator(".status")
    unit(page, 0, 1).focus()
    page.keyboard.press("Delete")
    expect(said).to_have_text("A layer keeps one unit: remove the layer")
    page.get_by_role("button", name=re.compile("^class 1")).focus()
    page.keyboard.press("Delete")
    expect(said).to_have_text("The units of the output follow from the data")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(said).to_have_text("Paused")
    assert hidden(session) == [1]


def test_what_normalizes_a_unit_is_shown_and_can_be_changed(playground):
    page, session = playground("layers=4-tanh-bn")
    train(page, session, 1)
    unit(page, 2, 1).click()
    network = session.training.network
    mean = network.state_tensors["1.batchnorm.running_mean"][2]
    shown = page.get_by_label('network["1.batchnorm.running_mean"][2]').get_attribute("value")
    np.testing.assert_allclose(float(shown), mean, rtol=1e-6)
    field = page.get_by_label('network["1.batchnorm.gamma"][2]', exact=True)
    field.fill("1.5")
    field.press("Enter")
    wait(page, lambda: session.training.network["1.batchnorm.gamma"][2] == 1.5)


def test_a_diagram_that_is_cut_says_so_and_follows_the_focus(playground):
    page, _ = playground("layers=" + ",".join(["3"] * 8))
    more = page.get_by_role("button", name="Scroll the diagram to the right")
    expect(more).to_be_visible()
    expect(page.get_by_role("button", name="Scroll the diagram to the left")).to_be_hidden()
    unit(page, 0, 1).focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(unit(page, 0, 8)).to_be_in_viewport()
    page.keyboard.press("ArrowRight")
    expect(more).to_be_hidden()


def test_lines_show_gradients_instead(playground):
    page, session = playground("points=40&layers=4-tanh")
    train(page, session)
    drawn = "document.querySelector('.net-picture').toDataURL()"
    weights = page.evaluate(  # once no frame is under way any more
        f"""async () => {{
            for (let before = '';; await new Promise(done => setTimeout(done, 400))) {{
                const now = {drawn};
                if (now === before) return now;
                before = now;
            }}
        }}"""
    )
    lines = page.get_by_label("Lines", exact=True)
    lines.select_option("Gradients")
    page.wait_for_function(f"before => {drawn} !== before", arg=weights)
    lines.select_option("Weights")
    page.wait_for_function(f"before => {drawn} === before", arg=weights)
