"""The workflows in .github: what they run exists, and they may do no more than they must."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path: Path) -> dict:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # YAML's word for yes
    return workflow


def commands(path: Path) -> list[str]:
    steps = [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    return [command.strip() for line in lines for command in line.split("&&")]


def test_there_are_workflows():
    assert {"tests.yml", "release.yml"} <= {path.name for path in WORKFLOWS}


@every_workflow
def test_what_a_workflow_runs_exists(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands(path):
        program, *words = command.split()
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), command
        elif program in ("pip", "python") and "install" in words:
            extras = re.findall(r"\.\[([\w,-]+)\]", command)
            for extra in ",".join(extras).split(",") if extras else ():
                assert extra in PROJECT["optional-dependencies"], command
            assert all((ROOT / word).is_dir() for word in words if word.startswith("./")), command
        elif program.startswith("."):
            assert (ROOT / program).exists(), command


@every_workflow
def test_a_workflow_may_only_read_unless_a_job_says_more(path):
    assert read(path)["permissions"] in ({}, {"contents": "read"})


def test_a_release_needs_a_tag():
    assert set(read(ROOT / ".github" / "workflows" / "release.yml")["on"]) == {"push"}
    assert set(read(ROOT / ".github" / "workflows" / "release.yml")["on"]["push"]) == {"tags"}


def test_every_python_is_tried():
    pythons = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python :: 3." in c]
    suite = read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["suite"]
    assert suite["strategy"]["matrix"]["python"] == pythons
