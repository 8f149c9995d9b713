"""`plainnet playground`: what it prints, refuses, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from http.cookiejar import CookieJar
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from plainnet.playground.server import Server
from recordings import recording_in

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
ADDRESS = re.compile(r"The playground is at (http://127\.0\.0\.1:\d+/\?token=[\w-]{30,})\n")


OWN = ("--export", "page.html", "--table", "own.csv")
TABLE = "a,b,kind\n" + "".join(f"{i % 7},{i % 5},{'odd' if i % 2 else 'even'}\n" for i in range(60))


@pytest.fixture
def served(monkeypatch):
    """The servers that would have run, and the pages that would have been opened."""
    found = []
    monkeypatch.setattr(
        Server, "run", lambda server: found.append(server) or server._socket.close()
    )
    monkeypatch.setattr(webbrowser, "open", found.append)
    return found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_told_to_stop(number, code):
    command = [sys.executable, "-m", "plainnet", "playground", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = ADDRESS.match(process.stdout.readline())[1]
        assert process.stdout.readline() == "Ctrl-C ends it.\n"
        browser = build_opener(HTTPCookieProcessor(CookieJar()))
        assert "playground.js" in browser.open(address, timeout=60).read().decode()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", "")


def test_it_opens_the_browser_unless_told_otherwise(run, served):
    result = run("playground", "--port", 0, "--no-browser")
    assert (result.code, result.err) == (0, "")
    (server,) = served
    assert ADDRESS.match(result.out)[1] == server.address
    result = run("playground", "--port", 0)
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join()
    address = ADDRESS.match(result.out)[1]
    (server,) = (each for each in served[1:] if isinstance(each, Server))
    assert server.address == address
    assert server.opening in served
    assert server.opening != address  # which others may read among the browser's arguments


def test_settings_for_a_page_without_a_link(run, served):
    link = "http://127.0.0.1:8750/#layers=3-tanh&learning_rate=0.03"
    assert run("playground", "--port", 0, "--no-browser", "--setting", link).code == 0
    (server,) = served
    assert server.opened(lambda content, buffers: None).first.to_link() == link.partition("#")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--setting", "nonsense=1"), "there is no setting 'nonsense'"),
        (("--setting", "loss=squared"), "Squared error does not suit targets that are classes"),
        (("--steps", 5), "--steps says how long the training of --export is, which is missing"),
        (("--export", "page.pdf"), "the page is an .html file; got page.pdf"),
        (("--export", "page.html", "--port", 8750), "--export writes a page and serves none"),
        (("--export", "page.html", "--steps", 0), "steps must be a whole number >= 1; got 0"),
        (("--table", "own.csv"), "--table is what --export learns from, which is missing"),
        (("--target", "a"), "--target names a column of --table, which is missing"),
        (("--export", "page.html", "--setting", "data=table"), "name its file with --table"),
        (
            (*OWN, "--setting", "data=moons"),
            "the data are those of the table; leave out data=moons",
        ),
        ((*OWN, "--target", "c"), "target: own.csv has no column 'c'; it has a, b, kind"),
        ((*OWN, "--setting", "plane=a,c"), "plane: there is no input 'c'; there are 'a', 'b'"),
        (("--export", "page.html", "--table", "no.csv"), "there is no file no.csv"),
        (("--export", "page.html", "--table", "."), ". is a folder; name a file in it"),
        (("--export", "page.html", "--table", "bad.csv"), "bad.csv is not text"),
        (("--export", "page.html", "--setting", "lesson=mine"), "--export needs settings: open"),
        (("--export", "nowhere/page.html"), "nowhere/page.html: its folder does not exist"),
        (("--port", 70000), "Invalid value for '--port'"),
    ],
    ids=str,
)
def test_what_is_refused(refused, served, folder, arguments, message):
    (folder / "own.csv").write_text(TABLE)
    (folder / "bad.csv").write_bytes(TABLE.encode("utf-16-le"))
    assert message in refused("playground", *arguments)
    assert not served


def test_a_port_that_is_taken(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in refused("playground", "--port", port)


def test_a_page_that_replays(run, folder):
    result = run("playground", "--export", "page.html", "--steps", 20, "--setting", "points=40")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("page.html: ")
    assert "recording" in (folder / "page.html").read_text("utf-8")


def test_a_link_of_a_lesson_is_exported_with_its_settings(run, folder):
    link = "lesson=2-the-spiral-with-8-units&layers=4-relu&hide=data"
    assert run("playground", "--export", "page.html", "--steps", 5, "--setting", link).err == ""
    recording = recording_in((folder / "page.html").read_text("utf-8"))
    assert [layer["units"] for layer in recording["state"]["settings"]["layers"]] == [4]


@pytest.mark.parametrize(("target", "n_out"), [((), 2), (("--target", "b"), 5)])
def test_a_page_that_replays_how_a_table_of_ones_own_is_learned(run, folder, target, n_out):
    (folder / "own.csv").write_text(TABLE)
    setting = ("--setting", "layers=3-tanh&plane=a,kind = odd" if target else "layers=3-tanh")
    assert run("playground", *OWN, "--steps", 5, *setting, *target).err == ""
    text = (folder / "page.html").read_text("utf-8")
    recording = recording_in(text)
    assert "<title>own.csv, learned</title>" in text
    assert recording["n_out"] == n_out
    assert recording["examples"]["labels"] == (["a", "kind = odd"] if target else ["a", "b"])
    assert recording["state"]["settings"]["target"] == (target[1] if target else "kind")
