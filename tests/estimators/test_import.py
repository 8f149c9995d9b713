"""What comes along with the estimators, and what is said where scikit-learn is missing."""

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def test_plainnet_does_not_load_scikit_learn():
    assert run("import sys, plainnet; print('sklearn' in sys.modules)").strip() == "False"


def test_the_missing_extra_is_named():
    said = run("import sys; sys.modules['sklearn'] = None; import plainnet.estimators")
    assert "MissingExtraError" in said
    assert "plainnet needs sklearn for its estimators: " in said
    assert "(it is in the extra 'plainnet[sklearn]')" in said
