"""Docstrings, which are plain text for people, as reStructuredText that says the same.

Single backticks are code, a deeper block after an empty line stands as it is, sections have NumPy's
form; apart from that a character is itself.
"""

import re
from collections.abc import Iterator

TEXT = {"Examples", "Notes"}
"""Sections that are text. All others are lists of names, each with what it is."""

CODE = re.compile(r"(``?)(?!`)(.+?)\1(?!`)")
BULLET = re.compile(r"(- |\d+\. )")


def as_rst(lines: list[str]) -> list[str]:
    """The whole docstring, its indentation removed."""
    return [*_sections(lines), ""]


def _sections(lines: list[str]) -> Iterator[str]:
    title, body = "", []
    for i, line in enumerate(lines):
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if re.fullmatch("[A-Z][A-Za-z ]+", line) and below == "-" * len(line):
            yield from _section(title, body)
            title, body = line, []
        elif not (title and not body and re.fullmatch("-{3,}", line)):
            body.append(line)
    yield from _section(title, body)


def _section(title: str, body: list[str]) -> Iterator[str]:
    if title:
        yield from ["", f".. rubric:: {title}", "   :class: docstring-section", ""]
    yield from blocks(body) if title in {"", *TEXT} else _definitions(body)


def _definitions(lines: list[str]) -> Iterator[str]:
    """`name : what it is`, with an explanation that is indented, or without one."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        if line and line[0] != " ":
            entries.append((line, []))
        elif entries:
            entries[-1][1].append(line.removeprefix("    "))
    for term, explanation in entries:
        names, colon, kind = term.partition(" : ")
        if re.fullmatch(r"[\w.*]+(, [\w.*]+)*", names):
            written = ", ".join(f"``{name}``" for name in names.split(", "))
        else:
            written = inline(names)
        if colon:
            written += " :kind:`" + escaped(kind.replace("`", "")) + "`"
        yield written
        inside = [*blocks(explanation)] if any(explanation) else [".."]
        yield from (f"    {line}" if line else "" for line in inside)
        yield ""


def blocks(lines: list[str]) -> Iterator[str]:
    """Paragraphs, lists, doctests, and what stands as it is."""
    i = 0
    while i < len(lines):
        line = lines[i]
        if not line.strip():
            yield ""
            i += 1
        elif line.lstrip().startswith(">>>"):
            end = _end(lines, i)
            indent = len(line) - len(line.lstrip())
            yield from ["", ".. code-block:: pycon", ""]
            yield from (f"   {each[indent:]}" for each in lines[i:end])
            yield ""
            i = end
        elif line[0] == " ":
            end = i
            while end < len(lines) and (not lines[end].strip() or lines[end][0] == " "):
                end += 1
            yield from ["", ".. code-block:: text", ""]
            yield from (f"   {each[4:]}" for each in lines[i:end])
            yield ""
            i = end
        elif BULLET.match(line):
            end = _end(lines, i)
            yield from _list(lines[i:end])
            i = end
        else:
            end = i
            while end < len(lines) and lines[end].strip() and not lines[end].startswith(">>>"):
                if end > i and _is_table(lines, end):
                    break
                end += 1
            yield from inline("\n".join(lines[i:end])).split("\n")
            yield ""
            i = end


def _list(lines: list[str]) -> Iterator[str]:
    """A list, and the paragraph that may follow it without an empty line."""
    items: list[list[str]] = []
    while lines and (lines[0][0] == " " or BULLET.match(lines[0])):
        line, *lines = lines
        if BULLET.match(line):
            items.append([line])
        else:
            items[-1].append(line)
    for first, *others in items:
        mark = BULLET.match(first)[0]
        text = [first.removeprefix(mark), *(line.strip() for line in others)]
        first, *others = inline("\n".join(text)).split("\n")
        yield mark + first
        yield from (" " * len(mark) + line for line in others)
    yield ""
    yield from blocks(lines)


def _is_table(lines: list[str], at: int) -> bool:
    """Columns set by spaces, right below a paragraph."""
    return lines[at][0] == " " and lines[at - 1][0] != " "


def _end(lines: list[str], start: int) -> int:
    """Where the run of lines without an empty one ends."""
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    return end


def inline(text: str) -> str:
    """Text with code in it; names that are documented become links later."""
    pieces, at = [], 0
    for found in CODE.finditer(text.replace("\n", "\ue000")):
        pieces.append(escaped(text[at : found.start()]))
        code = " ".join(found[2].replace("\ue000", " ").split())
        pieces.append(f"\\ ``{code}``\\ ")
        at = found.end()
    pieces.append(escaped(text[at:]))
    return "".join(pieces)


def escaped(text: str) -> str:
    return re.sub(r"([\\*_|`])", r"\\\1", text).replace("::", r":\:")
