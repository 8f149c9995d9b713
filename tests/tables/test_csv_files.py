"""CSV files as programs of many countries export them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plainnet.cli.files import read_table
from plainnet.cli.settings import option
from plainnet.errors import DataError, FileError, SettingError
from plainnet.tables.csv_files import TextFormat

from .conftest import LEARNED, QUICK, Refused, Run, predicted

FILES = {
    "plain": ("a,b\n1,x\n2,y\n", {"a": ["1", "2"], "b": ["x", "y"]}),
    "Excel in German": (
        "Name;Größe, cm;Preis\nMüller, A.;1,5;2.000,50\nMeier, B.;2,5;3\n",
        {
            "Name": ["Müller, A.", "Meier, B."],
            "Größe, cm": ["1,5", "2,5"],
            "Preis": ["2.000,50", "3"],
        },
    ),
    "sep=": ("sep=;\na,b;c\n1,5;2\n", {"a,b": ["1,5"], "c": ["2"]}),
    "sep= in quotes": ('"sep=|"\r\na|b\r\n1|2\r\n', {"a": ["1"], "b": ["2"]}),
    "sep= and a tab": ("SEP=\t\na\tb\n1\t2\n", {"a": ["1"], "b": ["2"]}),
    "commas in the header": (
        "last, first;city\nDoe, Jane;Rome\n",
        {"last, first": ["Doe, Jane"], "city": ["Rome"]},
    ),
    "commas in the header only": ("a, b;c\n1;2\n3;4\n", {"a, b": ["1", "3"], "c": ["2", "4"]}),
    "decimal commas between semicolons": (
        "a;b\n1,5;2,5\n3,5;4,5\n",
        {"a": ["1,5", "3,5"], "b": ["2,5", "4,5"]},
    ),
    "semicolons in quotes": (
        'a,b\n"1;2;3",x\n"4;5;6",y\n',
        {"a": ["1;2;3", "4;5;6"], "b": ["x", "y"]},
    ),
    "commas in quotes": ('a\tb\n"1,2,3"\tx\n', {"a": ["1,2,3"], "b": ["x"]}),
    "quotes in quotes": ('a,b\n"say ""hi"", you",2\n', {"a": ['say "hi", you'], "b": ["2"]}),
    "line breaks in quotes": (
        'a,b\n"1\n\n2",x\n"3\r\n4",y\n',
        {"a": ["1\n\n2", "3\r\n4"], "b": ["x", "y"]},
    ),
    "a line break in the header": ('"a\nb",c\n1,2\n', {"a\nb": ["1"], "c": ["2"]}),
    "tabs": ("a\tb c\n\t2, 3\n", {"a": [""], "b c": ["2, 3"]}),
    "pipes of SAP": (
        "|A|B |C|\n|1|x|2|\n|3| y|4|\n",
        {"A": ["1", "3"], "B": ["x", "y"], "C": ["2", "4"]},
    ),
    "trailing separators": ("a;b;\n1;2;\n3;4;\n", {"a": ["1", "3"], "b": ["2", "4"]}),
    "trailing separators below": ("a,b\n1,2,\n3,4,\n", {"a": ["1", "3"], "b": ["2", "4"]}),
    "empty columns between": ("a,,b,\n1,,2,\n", {"a": ["1"], "b": ["2"]}),
    "row names of R": ('"","a"\n"1",NA\n"2",5\n', {"": ["1", "2"], "a": ["NA", "5"]}),
    "a byte order mark": ('\ufeff"a","b"\n1,2\n', {"a": ["1"], "b": ["2"]}),
    "CRLF": ("a,b\r\n1,2\r\n\r\n3,4\r\n", {"a": ["1", "3"], "b": ["2", "4"]}),
    "CR": ("a,b\r1,2\r3,4\r", {"a": ["1", "3"], "b": ["2", "4"]}),
    "no final line break": ("a,b\n1,2", {"a": ["1"], "b": ["2"]}),
    "blank lines": ("\n\n  \na,b\n1,2\n\n3,4\n\n", {"a": ["1", "3"], "b": ["2", "4"]}),
    "a short row": (
        "a,b,c\n1,2,3\n4\n6,7,8\n",
        {"a": ["1", "4", "6"], "b": ["2", "", "7"], "c": ["3", "", "8"]},
    ),
    "a footnote": (
        "a;b\n1;2\n\nQuelle: Amt, 2024\n",
        {"a": ["1", "Quelle: Amt, 2024"], "b": ["2", ""]},
    ),
    "spaces": ("a , b\n 1,  x y\n", {"a": ["1"], "b": ["x y"]}),
    "a column": ("x\n1\n\n3\n", {"x": ["1", "", "3"]}),
    "a column of decimal commas": ("x\n1,5\n\n2,5\n", {"x": ["1,5", "", "2,5"]}),
    "a column of sentences": ("x\nYes, it was.\nNo; never\n", {"x": ["Yes, it was.", "No; never"]}),
    "a column with a comma in its name": (
        "price, EUR\n1.5\n\n2\n",
        {"price, EUR": ["1.5", "", "2"]},
    ),
    "a column in quotes": ('"x"\n"a, b"\n""\n"c"\n', {"x": ["a, b", "", "c"]}),
    "a column and CR": ("x\r1\r\r3", {"x": ["1", "", "3"]}),
    "words for missing": (
        "a\tb\n\\N\tNA\nNULL\tNone\n",
        {"a": ["\\N", "NULL"], "b": ["NA", "None"]},
    ),
    "nothing but texts": ("a;b\nx, y;z, w\n", {"a": ["x, y"], "b": ["z, w"]}),
    "numbers as names": ("1;2\n3,5;4\n", {"1": ["3,5"], "2": ["4"]}),
}


def read(path: Path, content: str | bytes, **said: str) -> dict[str, list[str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, TextFormat(**said)).to_dict("list")


@pytest.mark.parametrize("case", FILES)
def test_a_file(tmp_path: Path, case: str) -> None:
    content, expected = FILES[case]
    assert read(tmp_path / "t.csv", content) == expected
    content = content.removeprefix("\ufeff")
    assert read(tmp_path / "t.csv", content.encode("utf-8-sig")) == expected
    assert read(tmp_path / "t.csv", content.encode("utf-16")) == expected
    assert read(tmp_path / "t.csv.gz", gzip.compress(content.encode())) == expected


def test_a_long_cell_does_not_hide_the_separator(tmp_path: Path) -> None:
    long = "y" * 140_000
    expected = {"a": ["1", long], "b": ["2", "3"]}
    assert read(tmp_path / "t.csv", f"a,b\n1,2\n{long},3\n") == expected


def test_windows_1252_is_warned_of(tmp_path: Path) -> None:
    content = "Größe;Preis\n1,5;3 €\n"
    with pytest.warns(UserWarning, match="is not UTF-8 text and is read as Windows-1252"):
        found = read(tmp_path / "t.csv", content.encode("cp1252"))
    assert found == {"Größe": ["1,5"], "Preis": ["3 €"]}
    with pytest.warns(UserWarning, match="Windows-1252"):  # the bytes may come late in the file
        late = read(tmp_path / "t.csv", b"a,b\n" + b"1,2\n" * 300_000 + b"\xfc,3\n")
    assert late["a"][-1] == "ü"


@pytest.mark.parametrize(
    ("content", "said", "expected"),
    [
        ("a b\n1 2\n", {"separator": " "}, {"a": ["1"], "b": ["2"]}),
        ("a b\n 2\n1 2\n", {"separator": " "}, {"a": ["", "1"], "b": ["2", "2"]}),
        ("a^b\n1^2,3\n", {"separator": "^"}, {"a": ["1"], "b": ["2,3"]}),
        ("a:b\n1:2\n", {"separator": ":"}, {"a": ["1"], "b": ["2"]}),
        ("a,b\tc\n1,2\t3\n", {"separator": ","}, {"a": ["1"], "b\tc": ["2\t3"]}),
        ("a,b\tc\n1,2\t3\n", {"separator": "tab"}, {"a,b": ["1,2"], "c": ["3"]}),
        ("a,b\n1,2\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, {"a": ["1"], "b": ["2"]}),
        ("ж,b\n1,2\n".encode("cp1251"), {"encoding": "cp1251"}, {"ж": ["1"], "b": ["2"]}),
        ("é,b\n1,2\n".encode("mac-roman"), {"encoding": "mac-roman"}, {"é": ["1"], "b": ["2"]}),
        ("日,b\n1,2\n".encode("shift-jis"), {"encoding": "sjis"}, {"日": ["1"], "b": ["2"]}),
    ],
)
def test_what_the_user_says(
    tmp_path: Path, content: str | bytes, said: dict[str, str], expected: dict[str, list[str]]
) -> None:
    assert read(tmp_path / "t.csv", content, **said) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,a\n1,2,3\n", "more than one column of the same name: 'a'"),
        ("a,b, a \n1,2,3\n", "more than one column of the same name: 'a'"),
        ("a,b\n1,2\na,b\n3,4\n", "row 2 of .* has the names of the columns again"),
        ("a,b\n1,2\n3,4,5\n", "with commas between its cells: Expected 2 fields in line 3, saw 3;"),
        ('"a";"b"\n"1";5;x\n', "with semicolons between its cells: rows have more fields than"),
        ("a,b\n", "column names and no rows"),
        ("sep=;\n", "is empty"),
        (
            'a\n"1\n2\n',
            "can be read: EOF inside string .*--separator says by which",
        ),
        ("a,b\n1,2\n".encode("utf-16-le"), "zero bytes, .* name its encoding, --encoding utf-16"),
        (b"a,b\n1,\x81\n", "is neither UTF-8 nor Windows-1252 text"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises((DataError, FileError), match=message):
        read(tmp_path / "t.csv", content)


@pytest.mark.parametrize(
    "said",
    [
        {"separator": ""},
        {"separator": ";;"},
        {"separator": '"'},
        {"separator": "§"},
        {"encoding": "utf-99"},
    ],
)
def test_options_that_cannot_be_meant(said: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"--{next(iter(said))}"):
        TextFormat(**said).check(option)


# --- the command ----------------------------------------------------------------------------------

SIZES = [f"{k}.5" for k in range(40)]
TOWNS = ["Köln", "Zürich"] * 20
DIALECTS = {
    "comma": lambda rows: "\n".join(["town,size", *(f'"{t}",{s}' for t, s in rows)]).encode(),
    "semicolon": lambda rows: "\r\n".join(["size;town", *(f"{s};{t}" for t, s in rows)]).encode(),
    "tab, UTF-16": lambda rows: "\n".join(["town\tsize", *(f"{t}\t{s}" for t, s in rows)]).encode(
        "utf-16"
    ),
    "row names": lambda rows: "\n".join(
        ['"";"town";"size"', *(f'"{i}";"{t}";{s}' for i, (t, s) in enumerate(rows))]
    ).encode(),
    "pipes": lambda rows: "\n".join(["|town|size|", *(f"|{t}|{s}|" for t, s in rows)]).encode(),
}


@pytest.mark.parametrize("trained", DIALECTS)
def test_predict_on_a_file_of_another_dialect(run: Run, folder: Path, trained: str) -> None:
    labels = [f"in {town}" for town in TOWNS]
    rows = list(zip(TOWNS, SIZES, strict=True))
    (folder / "rows.csv").write_bytes(DIALECTS[trained](rows))
    table = read_table(folder / "rows.csv").drop(columns="", errors="ignore").assign(target=labels)
    table.to_csv("t.csv", index=False, sep=";")
    assert run("train", "t.csv", *QUICK, *LEARNED).code == 0
    for write in DIALECTS.values():
        (folder / "new.csv").write_bytes(write(rows))
        assert predicted(run("predict", "t-model.skops", "new.csv")) == labels


def test_the_options_reach_both_commands(run: Run, folder: Path) -> None:
    rows = [f"{t}^{s.replace('.', ',')}^in {t}" for t, s in zip(TOWNS, SIZES, strict=True)]
    (folder / "t.csv").write_bytes("\n".join(["town^size^target", *rows]).encode("mac-roman"))
    options = ("--separator", "^", "--encoding", "mac-roman")
    assert run("train", "t.csv", *QUICK, *LEARNED, *options, "--decimal", ",").err == ""
    found = run("predict", "t-model.skops", "t.csv", *options)
    assert predicted(found) == [f"in {t}" for t in TOWNS]


def test_a_warning_is_a_line_also_when_quiet(run: Run, folder: Path) -> None:
    table = pd.DataFrame({"ä": np.arange(40) % 5, "target": ["u", "v"] * 20})
    (folder / "t.csv").write_bytes(table.to_csv(index=False).encode("cp1252"))
    assert run("train", "t.csv", *QUICK).err == (
        "plainnet: warning: t.csv is not UTF-8 text and is read as Windows-1252; --encoding names "
        "another\n"
    )


def test_columns_without_a_name_are_in_nobodys_way(
    run: Run, refused: Refused, folder: Path
) -> None:
    rows = [f"{i},{t},{s},{i}" for i, (t, s) in enumerate(zip(TOWNS, SIZES, strict=True))]
    (folder / "new.csv").write_text("\n".join([",town,size,", *rows]))
    rows = [f"{row},in {t}" for row, t in zip(rows, TOWNS, strict=True)]
    (folder / "t.csv").write_text("\n".join([",town,size,,target", *rows]))
    assert "a column of t.csv has no name" in refused("train", "t.csv", *QUICK)
    assert run("train", "t.csv", *QUICK, *LEARNED, "--drop", "").code == 0
    assert predicted(run("predict", "t-model.skops", "new.csv")) == [f"in {t}" for t in TOWNS]


def test_lines_before_the_header_are_no_table(refused: Refused, folder: Path) -> None:
    (folder / "t.csv").write_text("Table 1: Prices\n\na;b;target\n1;2;u\n3;4;v\n")
    assert "it has 'Table 1: Prices'" in refused("train", "t.csv", "--target", "b")
