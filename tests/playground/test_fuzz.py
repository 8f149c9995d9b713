"""Messages of every kind of nonsense: each is obeyed, or refused with a sentence.

A thousand in the first tier, and ten thousand in the second.
"""

import json

import pytest

from nonsense import SMALL, Nonsense
from plainnet.playground import findings
from plainnet.playground.settings import Settings
from plainnet.playground.wire import unpacked
from tiers import second_tier

MANY = [pytest.param(seed, 2500, marks=second_tier) for seed in range(2, 6)]


def expect_only_sentences(page):
    for why in page.refusals():
        assert 8 < len(why) < 1000, why
        assert "Traceback" not in why
        assert "made a mistake" not in why


@pytest.fixture(autouse=True)
def _short_trials(monkeypatch):
    """The doctor's trainings: what takes long in them is not what a message can spoil."""
    monkeypatch.setattr(findings, "TRIAL", 5)
    monkeypatch.setattr(findings, "FIRST_STEPS", 5)


@pytest.mark.parametrize(("seed", "messages"), [(0, 500), (1, 500), *MANY])
def test_a_session_obeys_or_refuses_and_still_trains(open_page, capfd, seed, messages):
    page, nonsense = open_page(SMALL), Nonsense(seed)
    for i in range(messages):
        content, buffers = nonsense.message()
        page.session.post(content, buffers)
        if i % 100 == 0:
            page.mark()
    page.mark()
    expect_only_sentences(page)
    assert len(page.refusals()) > 0.4 * messages
    page.ask("hello", link=SMALL)
    page.settle()
    assert page.train(steps=30)["step"] == 30
    fresh = open_page(SMALL)
    fresh.train(steps=30)
    after, expected = (each.session.training.network.parameters for each in (page, fresh))
    assert after.tobytes() == expected.tobytes()
    assert capfd.readouterr() == ("", "")


def test_links_of_nonsense_are_read_or_refused(open_page):
    page, nonsense = open_page(SMALL), Nonsense(9)
    for _ in range(60):
        page.ask("hello", link=nonsense.link())
        page.ask("pause")
        link = page.settle()["link"]
        assert Settings.from_link(link).to_link() == link
    expect_only_sentences(page)


def test_fuzzed_json_is_what_a_browser_could_send():
    """The messages above without a browser's detour: most are JSON that the wire lets through."""
    nonsense, read = Nonsense(3), 0
    for _ in range(500):
        try:
            text = json.dumps(nonsense.message()[0])
        except (RecursionError, ValueError):
            continue
        if "NaN" not in text and "Infinity" not in text:
            unpacked(text)
            read += 1
    assert read > 300
