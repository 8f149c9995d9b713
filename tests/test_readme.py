"""The code of README.md runs, and gives about what its comments say."""

import re
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")
pytest.importorskip("skops")

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the first block takes for granted, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 120),
            "workclass": rng.choice(["Private", "State-gov"], 120),
            "income": rng.choice(["<=50K", ">50K"], 120),
        }
    )
    return {"table": table, "new": table.drop(columns="income")[:5]}


def expect_as_said(block: str, printed: str) -> None:
    """Each number in a comment behind a print, within a hundredth: another machine rounds anew."""
    said = [
        float(number)
        for line in block.splitlines()
        if "print(" in line and "  # " in line
        for number in re.findall(r"\d\.\d+", line.rpartition("  # ")[2])
    ]
    found = [float(number) for number in re.findall(r"\d\.\d+", printed)]
    for number in said:
        assert any(abs(number - other) < 0.01 for other in found), f"{number} is not in {printed}"


def test_every_block_runs_in_its_order(names, capsys):
    *blocks, agents = BLOCKS
    assert len(blocks) == 8
    assert "plainnet.rl" in agents
    for block in blocks:
        exec(block, names)
        expect_as_said(block, capsys.readouterr().out)
    assert Path("digits.npz").exists()
    assert Path("log.csv").exists()


def test_the_block_of_agents(names):
    pytest.importorskip("gymnasium")
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("PIL")
    pytest.importorskip("pygame")
    block = BLOCKS[-1]
    assert "learn(100_000)" in block
    exec(
        block.replace("learn(100_000)", "learn(4096)").replace("evaluate(100)", "evaluate(2)"),
        names,
    )
    assert Path("cartpole.gif").read_bytes().startswith(b"GIF")
