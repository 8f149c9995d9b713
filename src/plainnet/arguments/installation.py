"""The command that installs a missing package, as it works where the reader stands.

plainnet itself may come from a clone, a folder, a wheel or a repository; pip may be missing, and
the pip of the shell may be another Python's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
"""Packages whose name in the registry is not that of the import."""
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(\[[^]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?")


def install_command(package: str, extra: str) -> str:
    """What to type to install a package that an extra of plainnet brings.

    Parameters
    ----------
    package : str
        As it is imported.
    extra : str
        Its name in plainnet's metadata.
    """
    wanted = _extra_of_this_plainnet(extra)
    return _quoted([*_installer(), "install", *_python(), *(wanted or _packages(package, extra))])


# --- what to install ------------------------------------------------------------------------------


def _extra_of_this_plainnet(extra: str) -> list[str] | None:
    """plainnet with the extra, from where it was installed; None where that is unknown or gone."""
    try:
        distribution = metadata.distribution("plainnet")
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        url = origin["url"]
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    if "vcs_info" in origin:
        how = origin["vcs_info"]
        at = f"@{how['commit_id']}" if "commit_id" in how else ""
        where = f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else ""
        return [f"plainnet[{extra}] @ {how.get('vcs', 'git')}+{url}{at}{where}"]
    if urlsplit(url).scheme != "file":
        return [f"plainnet[{extra}] @ {url}"]
    place = Path(url2pathname(urlsplit(url).path))
    editable = bool(origin.get("dir_info", {}).get("editable"))
    source = place / "pyproject.toml" if "dir_info" in origin else place
    if not source.is_file() or (editable and not Path(__file__).is_relative_to(place)):
        return None  # it was removed, or another copy runs than the one that is installed
    return [*(["--editable"] if editable else []), f"{place}[{extra}]"]


def _packages(package: str, extra: str) -> list[str]:
    """The package and all else of the extra that is missing, with the versions it asks for."""
    name = DISTRIBUTIONS.get(package, package)
    missing = {name: name}
    for found, requirement in _required(extra):
        if _normal(found) == _normal(name):
            missing[name] = requirement
        elif not _is_installed(found):
            missing[found] = requirement
    return list(missing.values())


def _required(extra: str) -> Iterator[tuple[str, str]]:
    """(name, requirement) of what an extra brings, with that of the extras in it."""
    try:
        lines = metadata.requires("plainnet") or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        found = REQUIREMENT.fullmatch(line)
        if found is None or not re.search(rf"extra\s*==\s*['\"]{extra}['\"]", found[4] or ""):
            continue
        name, extras, versions = found[1], found[2] or "", found[3].strip("()")
        if _normal(name) == "plainnet":
            for inner in extras.strip("[]").split(","):
                yield from _required(inner.strip())
        else:
            yield name, f"{name}{extras}{versions}"


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- what installs it -----------------------------------------------------------------------------


def _installer() -> list[str]:
    """The running Python's pip, or uv if it has none."""
    return [_executable(), "-m", "pip"] if find_spec("pip") else ["uv", "pip"]


def _python() -> list[str]:
    return [] if find_spec("pip") else ["--python", _executable()]


def _executable() -> str:
    """`python` where that is the running one, and its path otherwise."""
    if not sys.executable:
        return "python"
    found = shutil.which("python")
    same = found is not None and os.path.abspath(found) == os.path.abspath(sys.executable)
    return "python" if same else sys.executable


def _quoted(words: list[Any]) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
