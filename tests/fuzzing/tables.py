"""Tables that are broken at random, and an oracle that says how they must be read.

A mutation gives a file's ending, its content, and the expected result: `BROKEN` (the
file is refused), `SAME` (the file is read as the table that it was made from), or `ANY`
(refused or read; but a text file that is read has the labels that Python's own reader
finds in it).
"""

import csv
import gzip
import io
import math
from collections.abc import Callable
from random import Random
from typing import Any

BROKEN, SAME, ANY = "broken", "same", "any"
ROWS = 12
FEATURES = {
    "city": {"kind": "sparse"},
    "user": {"kind": "hashed", "num_buckets": 9},
    "both": {"kind": "cross", "columns": ["city", "user"]},
    "tags": {"kind": "sequence", "max_length": 2, "separator": "|"},
    "age": {"kind": "dense", "transform": "standard"},
    "price": {"kind": "bucketized", "num_buckets": 3, "missing": "bucket"},
    "rate": {"kind": "piecewise_linear", "num_buckets": 3, "missing": "mean"},
    "at": {"kind": "calendar", "part": "hour"},
}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary", "space": "click"},
    "like": {"label": "mood", "kind": "binary", "positive": "good"},
    "watch": {"label": "seconds", "kind": "regression", "transform": "log1p"},
    "stars": {"label": "stars", "kind": "multiclass", "classes": [1, 2, 3]},
}
KEYS = {
    "name": "fuzz",
    "valid": None,
    "test": None,
    "valid_fraction": 0.0,
    "split_seed": 0,
    "weight_column": "weight",
    "features": FEATURES,
    "tasks": TASKS,
}
# {column: cells that the column must not hold}
WRONG = {
    "age": ["", "abc", "nan", "inf", "-inf", "1;5", "1e400", "1e39", "--1", "1 2"],
    "price": ["abc", "inf", "1.2.3", "0x10", "1e999"],
    "rate": ["abc", "-inf", "1,5", "1e39", "½"],
    "at": ["2026-02-30 10:00", "26-01-31 10:00", "2026-01-31", "1767225600", "noon"],
    "click": ["2", "-1", "yes", "0.5", "inf", "1e9", "true?", "01x", "NULL"],
    "buy": ["2", "no", "-0.1", "1 1"],
    "seconds": ["abc", "-1", "-2", "inf", "1e39", "12:30", "3s"],
    "stars": ["4", "0", "one", "1.5", " 1"],
    "weight": ["", "-1", "inf", "nan", "heavy", "1e39"],
}
HOSTILE = [
    *["", " ", "\x00", "\ufeff", "\u202e", "NA", "null", "nan", "-0", "1e308"],
    *['"', '""', "a\nb", "a\rb", "a,b", "=cmd|' /C calc'!A0", "<script>", "9" * 400],
    *["\U0001f600", "é", "0" * 70, "x" * 100_000, "-", "|", "||", "\t", "\\", "\x1f"],
]
Columns = dict[str, list[str]]
Case = tuple[str, bytes, str]  # ending, content, expected result


def cells(rng: Random) -> Columns:
    """A valid table, as text."""
    click = [str(i % 2) for i in range(ROWS)]
    return {
        "city": [rng.choice(["Rom", "Ulm", "Köln"]) for _ in range(ROWS)],
        "user": [str(rng.randrange(2**60)) for _ in range(ROWS)],
        "tags": ["|".join(rng.sample("abcd", rng.randrange(4))) for _ in range(ROWS)],
        "age": [str(20 + i) for i in range(ROWS)],
        "price": [rng.choice(["", "1.5", "-3", "1e3"]) for _ in range(ROWS)],
        "rate": [repr(rng.random()) for _ in range(ROWS)],
        "at": [
            f"2026-01-{rng.randrange(10, 30)} {rng.randrange(10, 24)}:05"
            for _ in range(ROWS)
        ],
        "click": click,
        "buy": [str(i % 4 // 3) for i in range(ROWS)],
        "mood": [["good", "bad", ""][i % 3] for i in range(ROWS)],
        "seconds": [rng.choice(["0", "1.5", "90", ""]) for _ in range(ROWS)],
        "stars": [str(i % 3 + 1) for i in range(ROWS)],
        "weight": [rng.choice(["1", "0.5", "2"]) for _ in range(ROWS)],
    }


def text(columns: Columns, mark: str = ",", end: str = "\n", quoting: int = 0) -> bytes:
    """A text file of a table."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, lineterminator=end, quoting=quoting)
    writer.writerows([list(columns), *zip(*columns.values(), strict=True)])
    return file.getvalue().encode()


def wrong_cell(rng: Random, columns: Columns) -> Case:
    name = rng.choice(list(WRONG))
    columns[name][rng.randrange(ROWS)] = rng.choice(WRONG[name])
    if name == "buy":  # which is read on all rows, whatever its space
        columns["click"] = ["1", *columns["click"][1:]]
    return ".csv", text(columns), BROKEN


def wrong_header(rng: Random, columns: Columns) -> Case:
    name = rng.choice(list(columns))
    change = rng.choice(["drop", "rename", "twice"])
    content = text(columns).decode()
    if change == "drop":
        del columns[name]
        return ".csv", text(columns), BROKEN
    header, _, rows = content.partition("\n")
    names = header.split(",")
    index = names.index(name)
    names[index] = name + rng.choice(["2", " ", "\u200b", "'"])
    if change == "twice":
        names[index] = rng.choice([other for other in columns if other != name])
    return ".csv", f"{','.join(names)}\n{rows}".encode(), BROKEN


def ragged_row(rng: Random, columns: Columns) -> Case:
    lines = text(columns).decode().splitlines()
    row = rng.randrange(1, len(lines))
    longer = rng.random() < 0.5
    lines[row] = f"{lines[row]},7" if longer else lines[row].rpartition(",")[0]
    return ".csv", "\n".join(lines).encode(), BROKEN


def wrong_encoding(rng: Random, columns: Columns) -> Case:
    columns["city"][rng.randrange(ROWS)] = "Köln"
    content = text(columns).decode()
    return ".csv", content.encode(rng.choice(["latin-1", "utf-16", "utf-32"])), BROKEN


def no_rows(rng: Random, columns: Columns) -> Case:
    header = text(columns).split(b"\n")[0]
    content = rng.choice([b"", b"\n", b" ", header, header + b"\n\n", b"\xef\xbb\xbf"])
    return ".csv", content, BROKEN


def written_otherwise(rng: Random, columns: Columns) -> Case:
    names = rng.sample(list(columns), len(columns))
    columns = {name: columns[name] for name in names}
    if rng.random() < 0.5:
        columns["unused"] = rng.choices(["a,b", '"', "a\nb", "é", "", "1"], k=ROWS)
    end = rng.choice(["\n", "\r\n"])
    tabs = rng.random() < 0.3
    content = text(columns, "\t" if tabs else ",", end)
    content = rng.choice([b"", b"\xef\xbb\xbf"]) + content
    if rng.random() < 0.3:
        content = content.rstrip(b"\r\n")
    ending = ".tsv" if tabs else ".csv"
    if rng.random() < 0.3:
        return f"{ending}.gz", gzip.compress(content), SAME
    return ending, content, SAME


def hostile_cells(rng: Random, columns: Columns) -> Case:
    for _ in range(rng.randrange(1, 4)):
        columns[rng.choice(list(columns))][rng.randrange(ROWS)] = rng.choice(HOSTILE)
    return ".csv", text(columns), ANY


def swapped_cells(rng: Random, columns: Columns) -> Case:
    for _ in range(rng.randrange(1, 4)):
        a, b = rng.choices(list(columns), k=2)
        i, j = rng.randrange(ROWS), rng.randrange(ROWS)
        columns[a][i], columns[b][j] = columns[b][j], columns[a][i]
    return ".csv", text(columns), ANY


def damaged_text(rng: Random, columns: Columns) -> Case:
    content = damaged(rng, text(columns))
    if rng.random() < 0.2:
        return ".csv.gz", damaged(rng, gzip.compress(content)), ANY
    return ".csv", content, ANY


def damaged(rng: Random, content: bytes) -> bytes:
    """Bytes with some flipped, cut out, repeated or put in."""
    broken = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        start = rng.randrange(len(broken) or 1)
        size = rng.choice([1, 1, 2, 9, 60])
        change = rng.randrange(6)
        if change == 0 and broken:
            broken[start] ^= 1 << rng.randrange(8)
        elif change == 1:
            del broken[start : start + size]
        elif change == 2:
            broken[start:start] = broken[start : start + size]
        elif change == 3:
            broken[start:start] = rng.choice(
                [b"\0", b'"', b"\n", b"\r", b",", b"\xff", b";"]
            )
        elif change == 4:
            broken[start : start + size] = rng.randbytes(size)
        elif change == 5 and rng.random() < 0.3:
            del broken[start:]
    return bytes(broken)


TEXT: list[Callable[[Random, Columns], Case]] = [
    *[wrong_cell, wrong_cell, wrong_header, ragged_row, wrong_encoding, no_rows],
    *[written_otherwise, hostile_cells, hostile_cells, swapped_cells],
    *[damaged_text, damaged_text, damaged_text],
]


def labels_by_python(ending: str, content: bytes) -> dict[str, list[float]]:
    """The labels that Python's reader finds in a text file, NaN where there is none.

    Raises:
        ValueError: if Python cannot read them; then we must refuse the file too.
    """
    if ending.endswith(".gz"):
        content = gzip.decompress(content)
    lines = io.StringIO(content.decode("utf-8-sig"), newline="")
    mark = "\t" if ".tsv" in ending else ","
    try:
        header, *rows = [row for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from None
    labels = {}
    for task in ("click", "buy", "watch"):
        index = header.index(str(TASKS[task]["label"]))
        texts = [row[index] for row in rows]
        # Spaces alone are no number, and count as an empty cell.
        labels[task] = [float(x) if x.strip(" \t") else math.nan for x in texts]
    return labels


def differ(expected_labels: dict[str, list[float]], data: Any) -> str | None:
    """Returns the first difference between labels that were read and expected ones."""
    for task, expected in expected_labels.items():
        got = data.splits["train"].labels[task].tolist()
        if len(got) != len(expected):
            return f"{len(got)} rows, not {len(expected)}"
        for row, (x, y) in enumerate(zip(got, expected, strict=True)):
            if not (math.isclose(x, y, rel_tol=1e-6) or (x != x and y != y)):
                return f"{task} of row {row + 1} is {x}, not {y}"
    return None
