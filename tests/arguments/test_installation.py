"""The command that installs an extra is one that works: from where plainnet came, by which pip."""

import json
import shlex
import shutil
import sys
from importlib import metadata

import pytest

from plainnet.arguments import installation
from plainnet.arguments.installation import install_command

REQUIRES = [
    "numpy>=2.0",
    "typer>=0.15; extra == 'cli'",
    "rich>=13.9; extra == 'cli'",
    'scikit-learn>=1.6; extra == "cli"',
    "plainnet[cli]; extra == 'tune'",
    "optuna>=4; extra == 'tune'",
    "gymnasium[classic-control]>=1.1; extra == 'rl'",
    "pillow (>=10) ; extra == 'rl'",
]


class Installed:
    """What importlib.metadata says of an installed package."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.fixture
def stands(monkeypatch):
    """Say how plainnet is installed, and which other packages are."""

    def set_up(origin=None, *, others=(), found=True, pip=True):
        def distribution(name):
            if name == "plainnet" and found:
                return Installed(origin)
            if name in others:
                return Installed(None)
            raise metadata.PackageNotFoundError(name)

        def requires(name):
            if not found:
                raise metadata.PackageNotFoundError(name)
            return REQUIRES

        monkeypatch.setattr(metadata, "distribution", distribution)
        monkeypatch.setattr(metadata, "requires", requires)
        monkeypatch.setattr(installation, "find_spec", lambda name: name if pip else None)
        monkeypatch.setattr(sys, "executable", "/somewhere/bin/python")
        monkeypatch.setattr(shutil, "which", lambda name: "/somewhere/bin/python")

    return set_up


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone, in a folder whose name a shell would split, with the code that runs."""
    folder = tmp_path / "my clone"
    (folder / "src" / "plainnet").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("")
    monkeypatch.setattr(installation, "__file__", str(folder / "src/plainnet/installation.py"))
    return folder


def test_a_clone_in_editable_mode_stays_editable(stands, clone):
    stands({"url": clone.as_uri(), "dir_info": {"editable": True}})
    words = shlex.split(install_command("sklearn", "cli"))
    assert words == ["python", "-m", "pip", "install", "--editable", f"{clone}[cli]"]


def test_a_folder(stands, clone):
    stands({"url": clone.as_uri(), "dir_info": {}})
    assert install_command("sklearn", "cli") == f"python -m pip install '{clone}[cli]'"


def test_a_wheel(stands, tmp_path):
    wheel = tmp_path / "plainnet-0.1.0-py3-none-any.whl"
    wheel.write_text("")
    stands({"url": wheel.as_uri(), "archive_info": {}})
    assert install_command("sklearn", "cli") == f"python -m pip install '{wheel}[cli]'"


def test_a_repository(stands):
    vcs = {"vcs": "git", "commit_id": "abc"}
    stands({"url": "https://example.org/p.git", "vcs_info": vcs, "subdirectory": "s"})
    assert install_command("sklearn", "cli") == (
        "python -m pip install 'plainnet[cli] @ git+https://example.org/p.git@abc#subdirectory=s'"
    )


def test_an_address(stands):
    stands({"url": "https://example.org/p.whl", "archive_info": {}})
    expected = "python -m pip install 'plainnet[cli] @ https://example.org/p.whl'"
    assert install_command("sklearn", "cli") == expected


@pytest.mark.parametrize("info", [{"dir_info": {"editable": True}}, {"archive_info": {}}])
def test_what_was_removed_is_not_named(stands, tmp_path, info):
    stands({"url": (tmp_path / "gone").as_uri(), **info}, others=("typer", "rich"))
    assert install_command("sklearn", "cli") == "python -m pip install 'scikit-learn>=1.6'"


def test_another_copy_than_the_one_that_runs_is_not_named(stands, clone, monkeypatch):
    monkeypatch.setattr(installation, "__file__", "/elsewhere/plainnet/installation.py")
    stands({"url": clone.as_uri(), "dir_info": {"editable": True}}, others=("typer", "rich"))
    assert install_command("sklearn", "cli") == "python -m pip install 'scikit-learn>=1.6'"


def test_of_unknown_origin_all_that_is_missing_is_named_with_its_version(stands):
    stands(others=("scikit-learn",))
    assert install_command("sklearn", "tune") == (
        "python -m pip install 'scikit-learn>=1.6' 'typer>=0.15' 'rich>=13.9' 'optuna>=4'"
    )
    stands(others=("pillow",))
    expected = "python -m pip install 'gymnasium[classic-control]>=1.1'"
    assert install_command("gymnasium", "rl") == expected
    stands(others=("gymnasium",))
    assert install_command("PIL", "rl") == "python -m pip install 'pillow>=10'"


def test_without_metadata_the_package_is_named(stands):
    stands(found=False)
    assert install_command("sklearn", "cli") == "python -m pip install scikit-learn"


def test_another_python_on_the_path_is_not_meant(stands, monkeypatch):
    stands(found=False)
    for found in (None, "/usr/bin/python"):
        monkeypatch.setattr(shutil, "which", lambda name, found=found: found)
        expected = "/somewhere/bin/python -m pip install scikit-learn"
        assert install_command("sklearn", "cli") == expected


def test_without_pip_it_is_uv(stands):
    stands(found=False, pip=False)
    assert install_command("sklearn", "cli") == "uv pip install --python python scikit-learn"
