"""How much a skops file would take, by its table of contents, before any object is made.

skops keeps a tree of objects as JSON, and each array as a separate member of the zip file. The tree
can name an array, or a branch of itself, any number of times.
"""

from __future__ import annotations

import json
import zipfile
from typing import Any

from plainnet.files.archive import header_of
from plainnet.files.kinds import Unreadable

OF_A_NODE, OF_AN_OBJECT = 600, 5_000
"""Bytes of memory for a node of the tree during loading: a value, or an object of a class."""
OF_A_DICT, OF_A_LIST = 200, 60
"""Bytes of memory for a node in JSON."""
AT_LEAST = 16 * 2**20
MOST_ENTROPY = 1_000
"""The most numbers that may seed a random generator."""


def expect_modest_schema(file: zipfile.ZipFile) -> None:
    """Refuse a tree that needs far more memory or time than the size of its file suggests."""
    sizes = {info.filename: info.file_size for info in file.infolist()}
    if "schema.json" not in sizes:
        raise Unreadable("it has no schema.json")
    text, most = file.read("schema.json"), AT_LEAST + 4 * sum(sizes.values())
    _expect_modest_json(text, most)
    survey = _Survey()
    survey.walk(json.loads(text))
    for name in survey.arrays & sizes.keys():
        with file.open(name) as stream:
            header_of(stream, sizes[name], name)
    needed = survey.needed + sum(sizes.get(name, 0) for name in survey.read_again)
    if needed > most:
        raise Unreadable("its objects would take far more memory than the file holds numbers")
    if survey.visits > 20 * survey.nodes + 100_000:
        raise Unreadable("its objects hold one another more often than can be counted")


def _expect_modest_json(text: bytes, most: int) -> None:
    """An empty dict or list takes two bytes as text, and many times that in memory."""
    if OF_A_DICT * text.count(b"{") + OF_A_LIST * text.count(b"[") + len(text) > most:
        raise Unreadable("its schema.json would take far more memory than it has text")


class _Survey:
    def __init__(self) -> None:
        self.nodes, self.visits, self.needed = 0, 0, 0
        self.read_again: list[str] = []
        self.arrays: set[str] = set()
        self._files: dict[str, Any] = {}
        self._visits: dict[Any, int] = {}
        """For all nodes below one with a number, by which others can name it again."""

    def walk(self, tree: Any) -> None:
        self.visits = self._walk(tree)

    def _walk(self, tree: Any) -> int:
        """How many nodes a walk visits that follows every name."""
        if isinstance(tree, list):
            return sum(self._walk(each) for each in tree)
        if not isinstance(tree, dict):
            return 0
        if isinstance(tree.get("file"), str):
            self._see_file(tree["file"], tree.get("__id__"))
        if "pool_size" in tree:
            self._expect_small_pool(tree["pool_size"])
        loader = tree.get("__loader__")
        if loader == "NdArrayNode" and isinstance(tree.get("file"), str):
            self.arrays.add(tree["file"])
        if loader == "JsonNode" and isinstance(tree.get("content"), str):
            text = tree["content"]
            self.needed += OF_A_DICT * text.count("{") + OF_A_LIST * text.count("[") + len(text)
        own = 0
        if loader is not None:
            own = 1
            self.nodes += 1
            is_value = loader in ("JsonNode", "NdArrayNode", "TypeNode", "CachedNode")
            self.needed += OF_A_NODE if is_value else OF_AN_OBJECT
        visits = own + sum(self._walk(each) for each in tree.values())
        number = tree.get("__id__")
        if isinstance(number, int | float | str):  # 1 and 1.0 are one key
            visits = self._visits[number] = max(visits, self._visits.get(number, 0))
        return visits

    def _see_file(self, name: str, number: Any) -> None:
        if name in self._files and (number is None or self._files[name] != number):
            self.read_again.append(name)
        self._files[name] = number

    def _expect_small_pool(self, node: Any) -> None:
        content = node.get("content") if isinstance(node, dict) else None
        size = json.loads(content) if isinstance(content, str) else content
        if not isinstance(size, int) or size > MOST_ENTROPY:
            raise Unreadable(f"a random generator in it has a pool of {size} numbers")
