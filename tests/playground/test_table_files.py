"""Files that are dropped in: what is refused in a sentence, and that nothing else happens."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from plainnet.errors import DataError, FileError, PlainnetError, SettingError
from plainnet.playground import table_files, tables
from plainnet.playground.training import Training
from playground.some_tables import SETTINGS, csv, examples_of, some

pytest.importorskip("pandas", reason="the extra `cli` is not installed")
pytest.importorskip("sklearn", reason="the extra `cli` is not installed")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "t.csv is empty"),
        (b" \n\n", "t.csv is empty"),
        (b"a\n1\n2\n", "t.csv has one column"),
        (b"a,b\n", "names of columns and no rows"),
        (b"a,b\n1,2\n3,4,5\n", "with commas between its cells: Expected 2 fields in line 3"),
        (b"a,a\n1,2\n", "more than one column of the same name"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, "t.csv is not text"),
        (bytes(range(256)) * 9, "t.csv is not text"),
        (b"a,b\n1,\x81\n", "is neither UTF-8 nor Windows-1252 text$"),
        ("a,b\n1,2\n".encode("utf-16-le"), "t.csv is not text"),
        (b"PK\x03\x04....", "is a spreadsheet or an archive: save the table in it as CSV"),
        (b"\x1f\x8bno", "t.csv cannot be unpacked"),
        (b"a,b\n" + b"1,2\n" * 2_500_000, "it has 10.0 MB, and at most 10 MB can be read"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 2_500_000), "unpacks to more than 10 MB"),
        (b"," * 1_000_001 + b"\n", "a line of more than 1,000,000 bytes"),
        (b"a," * 600 + b"b\n", "has 601 columns; at most 500 can be read"),
        (b"a,y\n1,\n2,\n", "the target 'y' has no value in any row"),
        (b"a,y\n1,2\n2,2\n", "the target 'y' has only one value, 2"),
        (b"a,y\n1,2\n2,inf\n3,4\n", "the target 'y' holds infinity$"),
        (b"a,y\ninf,2\n2,5\n3,4\n", "column 'a' must hold finite numbers; row 1 has infinity"),
        (b"a,y\n7,2\n7,5\n7,4\n", "has no column that tells its rows apart, besides 'y'"),
        (b"a,y\n" + b"".join(b"%d,x%d\n" % (k, k) for k in range(50)), "50 different texts in 50"),
    ],
)  # fmt: skip
def test_what_is_refused(data, message):
    with pytest.raises((DataError, FileError), match=message) as caught:
        examples_of(data)
    assert "--" not in str(caught.value)


def test_too_many_inputs_are_refused(monkeypatch):
    monkeypatch.setattr(tables, "MOST_INPUTS", 4)
    with pytest.raises(DataError, match="makes 5 inputs, and a network here takes 4"):
        examples_of(csv(some()))


def test_an_unknown_target_is_named():
    with pytest.raises(SettingError, match="has no column 'z'; it has a, b, town, target"):
        examples_of(csv(some()), target="z")


SEEDS = [
    csv(some(40)).encode(),
    csv(some(40), ";").replace(".", ",").encode("cp1252"),
    csv(some(40), "\t").encode("utf-16"),
    b'"a","the\nb",class\n' + b"\n".join(b'%d,"x\ny%d",%d' % (k, k % 3, k % 2) for k in range(40)),
    b"when,price\n" + b"\n".join(b"2020-01-%02d,%d.5" % (k % 28 + 1, k) for k in range(40)),
]
PIECES = [
    b",", b";", b"\t", b'"', b"\n", b"\r", b"\0", b"\xff", b"inf", b"nan", b"1e400", b"-1e308",
    b"NA", b"\xef\xbb\xbf", b"1,234.5", b"31.12.2024", b"9" * 20, b"", b"\x1f", b"sep=;\n", b"5 kg",
    b"%", b"0000-00-00", b"9999-12-31", b"True",
]  # fmt: skip


def mutated(data, rng):
    for _ in range(rng.integers(1, 12)):
        start = int(rng.integers(len(data) + 1))
        end = start + int(rng.integers(1, 30))
        piece = PIECES[rng.integers(len(PIECES))]
        how = rng.integers(5)
        if how == 0:
            data = data[:start] + piece + data[start:]
        elif how == 1:
            data = data[:start] + data[end:]
        elif how == 2:
            data = data[:start] + piece + data[end:]
        elif how == 3:
            data = data[:start] + data[start:end] * 5 + data[end:]
        else:
            data = data.replace(PIECES[rng.integers(4)], piece, int(rng.integers(1, 50)))
    return data


@pytest.mark.filterwarnings("error")
def test_whatever_is_dropped_in_is_learned_from_or_refused():
    rng, learned = np.random.default_rng(0), 0
    for _ in range(500):
        data = mutated(SEEDS[rng.integers(len(SEEDS))], rng)
        try:
            table = table_files.read("t.csv", data)
            target = table.columns[rng.integers(len(table.columns))]
            share = float(rng.choice([0, 0.25, 0.9]))
            settings = replace(SETTINGS, target=target, test_share=share)
            examples = tables.examples_of(settings, table)
            Training(settings, examples)
        except PlainnetError:
            continue
        learned += 1
        for numbers in (examples.X, examples.y, examples.points):
            assert np.isfinite(numbers).all()
        assert np.isfinite(examples.plane.inputs(examples.plane.grid(3))).all()
    assert 50 < learned < 450
