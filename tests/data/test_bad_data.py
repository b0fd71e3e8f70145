"""Bad inputs: each is refused in one line that says what, where, and how to mend it."""

import bz2
import datetime
import functools
import gzip
import itertools
import json
import os
import pickle
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers.commands import mtl_train, run_cold
from helpers.slow import slow_except
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from mtl_cli.config.check import check
from mtl_cli.core.cache_folder import cache_folder
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.paths import conf_folder
from mtl_cli.data import csv_file, csv_header, sources
from mtl_cli.data import load as loading
from mtl_cli.data.encode import GroupCodes
from mtl_cli.network import pretrained

CITY = {"city": {"kind": "sparse"}}
AGE = {"age": {"kind": "dense", "transform": "standard"}}
BUY = {"buy": {"label": "buy", "kind": "binary"}}
ROWS = 40
HEADER = "city,age,buy"


def text(change=None, header=HEADER):
    """A file of `ROWS` rows; `change` gives some of them, numbered from 1."""
    lines = {i: f"c{i % 7},{i},{i % 2}" for i in range(1, ROWS + 1)} | (change or {})
    return "\n".join([header, *lines.values()]) + "\n"


def column(values, change=None, header="city,age,buy,x"):
    """A file of `ROWS` rows with a column `x`; `change` gives some of its cells."""
    cells = [values[i % len(values)] for i in range(ROWS)]
    for row, cell in (change or {}).items():
        cells[row - 1] = cell
    lines = [f"c{i % 7},{i},{i % 2},{cell}" for i, cell in enumerate(cells)]
    return "\n".join([header, *lines]) + "\n"


@functools.cache
def configuration():
    """The values that `mtl-train` starts from."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config", overrides=["trainer.patience=null"])
    return OmegaConf.to_container(composed, resolve=True)


def loaded(train, features=None, tasks=None, **keys):
    """Checks and loads a data set as a run does, all but the training."""
    dataset = {
        "name": "planted",
        "train": str(train),
        "valid": None,
        "test": None,
        "valid_fraction": 0.0,
        "split_seed": 0,
        "features": features or CITY | AGE,
        "tasks": tasks or BUY,
        **keys,
    }
    config = check(OmegaConf.create({**configuration(), "dataset": dataset}))
    data = loading.load(config.dataset, config.outputs)
    pretrained.read_all(config, data.features)
    return data


def assert_refused(expected, train, **keys):
    """Asserts that a data set is refused in a line with the expected parts, in order.

    `...` in it stands for anything, and a newline at its end for the end of the line.
    What starts with `dataset.` is the start of the line.
    """
    with pytest.raises((ConfigError, DataError)) as caught:
        loaded(train, **keys)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert message.isprintable()  # so that it is one line
    assert len(message) < 900
    rest = f"{message}\n"
    parts = [part.strip(" ") for part in expected.split("...")]
    assert rest.startswith(parts[0]) or not parts[0].startswith("dataset.")
    for part in filter(None, parts):
        assert part in rest, f"{part!r} is not, or not there, in {message!r}"
        rest = rest.partition(part)[2]
    encoded = cache_folder() / "encoded"
    assert not encoded.is_dir() or not list(encoded.glob("tmp-*"))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path_factory, monkeypatch):
    """Starts each test without the data that other tests have encoded."""
    monkeypatch.setenv("MTL_CACHE", str(tmp_path_factory.mktemp("cache")))


CHUNKS = ["whole", "in_chunks"]


def read_both_ways(names):
    """Names with both values of `chunks`; every eighth in chunks is not slow."""
    quick = [(name, "whole") for name in names]
    quick += [(name, "in_chunks") for name in [*names][::8]]
    return slow_except(quick, itertools.product(names, CHUNKS))


@pytest.fixture(params=CHUNKS)
def chunks(request, monkeypatch):
    """Loads files at once, and again a few rows at a time."""
    if request.param == "in_chunks":
        monkeypatch.setattr(sources, "CHUNK_ROWS", 7)
        monkeypatch.setattr(csv_file, "BLOCK_BYTES", 128)


# Broken text files: {name: (content, error)}.

FILE = "{file}"  # stands for the file's path in expected errors
CELLS = {
    "no_feature_column": (
        text(header="city,agee,buy"),
        "dataset.features.age: no column 'age' in {file}, which has city, agee, buy; "
        "did you mean agee?\n",
    ),
    "spaces_around_names": (
        text(header="city, age, buy"),
        "no column 'age' in {file}, which has city, ' age', ' buy'; did you mean "
        "' age'?",
    ),
    "name_over_two_lines": (
        text(header='"ci\nty",age,buy'),
        "no column 'city' in {file}, which has 'ci\\nty', age, buy; did you mean",
    ),
    "duplicate_column": (
        text(header="city,city,buy"),
        "dataset.train: {file} has 2 columns 'city'; rename all but one",
    ),
    "no_header": (
        text().partition("\n")[2],
        "no column 'city' in {file}, which has c1, 1, 1; ... name the columns in "
        "dataset.csv.columns",
    ),
    "semicolons": (
        text().replace(",", ";"),
        "no column 'city' in {file}, which has city;age;buy; if the file has more "
        "columns, set dataset.csv.delimiter",
    ),
    "shifted_rows": (
        text({i: f"{i},c,{i},1" for i in range(1, ROWS + 1)}),
        "dataset.train: cannot read {file}: row 1 is '1,c,1,1', which has 4 "
        "cells instead of 3; add or remove cells",
    ),
    "row_too_short": (
        text({30: "x,1"}),
        "dataset.train: cannot read {file}: row 30 is 'x,1', which has 2 cells "
        "instead of 3; add or remove cells, quote the cells that hold the delimiter,",
    ),
    "row_too_long": (
        text({30: "x,1,0,7"}),
        "{file}: row 30 is 'x,1,0,7', which has 4 cells instead of 3;",
    ),
    "half_a_last_row": (text()[:-3], "{file}: row 40 is 'c5,40', which has 2 cells"),
    "hole_of_nul_bytes": (
        text({30: "\0" * 5}),
        r"{file}: row 30 is '\x00\x00\x00\x00\x00', which has 1 cell instead of 3;",
    ),
    "word_among_numbers": (
        text({30: "x,old,1"}),
        "dataset.features.age: column 'age': row 30 holds 'old', not a number; correct "
        "the cell; or, if the column is meant to be text, set the feature's kind to "
        "sparse [{file}]",
    ),
    "two_files_in_one": (
        text() + text(),
        "dataset.features.age: column 'age': row 41 holds 'age', not a number;",
    ),
    "thousands": (
        text({30: 'x,"1,000",1'}),
        "row 30 holds '1,000', not a number; correct the cell; or, if the column is",
    ),
    "decimal_comma_in_a_label": (
        text({30: 'x,1,"0,5"'}),
        "row 30 holds '0,5', not a number; correct the cell; or, if the labels are",
    ),
    "date": (text({30: "x,03.04.2026,1"}), "'03.04.2026', not a number; correct"),
    "nul_in_a_number": (text({30: "x,1\0,1"}), r"row 30 holds '1\x00', not a number;"),
    "endless_cell": (
        text({30: f"x,{'9' * 90}z,1"}),
        f"row 30 holds '{'9' * 60}...', not a number;",
    ),
    "empty_number": (
        text({30: "x,,1"}),
        "feature age: row 30 is empty or nan, not a number (1 such row); fill the "
        "cells or remove the rows, or train with `missing:`, which says how to read "
        "empty cells [{file}]",
    ),
    "nan": (
        text({30: "x,nan,1", 33: "x,NaN,1"}),
        "feature age: row 30 is empty or nan, not a number ... such row ... [{file}]",
    ),
    "infinity": (
        text({30: "x,-inf,1"}),
        "feature age: row 30 holds -inf, not a finite number (1 such row); "
        "correct the cells or remove the rows [{file}]",
    ),
    "beyond_a_double": (text({30: "x,1e400,1"}), "feature age: row 30 holds inf,"),
    "beyond_float32": (
        text({30: "x,1e39,1"}),
        "feature age: row 30 holds 1e+39, not a number that fits float32 (1 such row); "
        "correct the cell, or set the feature's kind to bucketized [{file}]",
    ),
    "beyond_float32_at_the_top": (
        text({1: "x,-1e39,1"}),
        "row 1 holds -1e+39, not a number that fits float32",
    ),
    "label_2": (
        text({30: "x,1,2", 31: "x,1,-1"}),
        "dataset.tasks.buy: column 'buy': row 30 holds 2, not 0 or 1 (2 such rows); "
        "correct the label, or empty the cell if the label is missing [{file}]",
    ),
    "label_minus_1": (text({30: "x,1,-1"}), "'buy': row 30 holds -1, not 0 or 1 (1"),
    "label_0.5": (text({30: "x,1,0.5"}), "'buy': row 30 holds 0.5, not 0 or 1 (1 such"),
    "label_infinity": (text({30: "x,1,inf"}), "row 30 holds inf, not 0 or 1"),
    "words_in_two_rows": (
        text({20: "x,1,yes", 30: "x,old,1"}),
        "dataset.tasks.buy.label: column 'buy': row 20 holds 'yes', not a number;",
    ),
    "label_in_words": (
        text({30: "x,1,yes"}),
        "dataset.tasks.buy.label: column 'buy': row 30 holds 'yes', not a number; ... "
        "name them in `positive:` or `classes:` [{file}]",
    ),
    "no_label_at_all": (
        text({i: f"x,{i}," for i in range(1, ROWS + 1)}),
        "dataset.tasks.buy: no training row has a label; give other rows, or leave the "
        "task out",
    ),
    "one_class": (
        text({i: f"x,{i},1" for i in range(1, ROWS + 1)}),
        "dataset.tasks.buy: all 40 training labels are 1, but a binary task needs at "
        "least two classes; give other rows, or leave the task out",
    ),
    "latin_1_cell": (
        text({30: "Köln,1,1"}).encode("latin-1"),
        "dataset.features.city: column 'city': row 30 is not UTF-8; save the file as "
        "UTF-8; if it comes from Windows or is Latin-1: iconv -f cp1252 -t utf-8 FILE "
        "> utf8.csv [{file}]",
    ),
    "latin_1_name": (
        text(header="größe,age,buy").encode("latin-1"),
        "dataset.train: {file} is not text in UTF-8; save the file as UTF-8; if it "
        "comes from Windows or is Latin-1: iconv",
    ),
    "utf_16": (
        text(header="größe,age,buy").encode("utf-16"),
        "dataset.train: {file} is not text in UTF-8; save the file as UTF-8: iconv -f "
        "utf-16 -t utf-8 FILE > utf8.csv\n",
    ),
    "utf_16_without_mark": (text().encode("utf-16-le"), ": iconv -f utf-16le -t utf-8"),
    "utf_16_big_endian": (text().encode("utf-16-be"), ": iconv -f utf-16be -t utf-8 F"),
    "nul_bytes": (b"\0" * 500, "dataset.train: {file} is not text in UTF-8; save the"),
    "header_alone": (HEADER, "dataset.train: {file} has a header but no rows\n"),
    "empty": (b"", "dataset.train: cannot read {file}: Empty CSV file; check that"),
    "blank_lines": (b"\n\n\n", "dataset.train: cannot read {file}: Empty CSV file"),
}


def test_header_that_is_cut_off_is_named(tmp_path, monkeypatch):
    file = tmp_path / "train.csv"
    file.write_text(text(header="größe,age,buy"))
    # The first three bytes end within the letter ö, which has two bytes.
    monkeypatch.setattr(csv_header, "HEADER_BYTES", 3)
    expected = f"dataset.train: {file} has a first line that is longer than 0 MiB;"
    assert_refused(expected, file)


@pytest.mark.parametrize(("name", "chunks"), read_both_ways(CELLS), indirect=["chunks"])
def test_cell_or_row_or_header_of_a_text_file(name, tmp_path, chunks):
    content, expected = CELLS[name]
    file = tmp_path / "train.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(expected.replace(FILE, str(file)), file)


NEVER = "check whether a quote is never closed"
CLOSE = "delimiter, or close an open quote"
OPEN = "has a quote that is never closed, so that the rows"
QUOTES = {
    "in_the_first_cell": (
        text({30: '"x,1,1'}),
        r"""{file}: row 30 is '"x,1,1\nc3,31,1\n ..., which has 1 cell ... """ + CLOSE,
    ),
    "in_the_last_row": (text({40: '"x,1,1'}), f"{FILE}: row 40 {OPEN}"),
    "in_a_number": (text({30: 'x,1,"1'}), f"column 'buy': row 30 {OPEN}"),
    "in_the_last_number": (text({40: 'x,1,"1'}), f"column 'buy': row 40 {OPEN}"),
    "in_the_last_row_without_a_line_end": (
        text({40: '"x,1,1'})[:-1],
        f"{FILE}: row 40 {OPEN}",
    ),
    "in_the_second_column_of_the_last_row": (
        text({40: 'x,"1,1'})[:-1],
        f"{FILE}: row 40 {OPEN}",
    ),
}
NOTE = {"features": CITY | AGE | {"x": {"kind": "sparse"}}}
LAST_QUOTES = {
    "that_is_read": (column(["a"], {30: '"a'}), NOTE),
    "that_is_not_read": (column(["a"], {30: '"a'}), {}),
    "of_the_last_row": (column(["a"], {40: '"a'}), {}),
    "without_a_line_end": (column(["a"], {30: '"a'})[:-1], {}),
}


@pytest.mark.parametrize("name", QUOTES)
def test_quote_that_is_never_closed(name, tmp_path):
    content, expected = QUOTES[name]
    file = tmp_path / "train.csv"
    file.write_text(content)
    assert_refused(expected.replace(FILE, str(file)), file)


@pytest.mark.parametrize("name", LAST_QUOTES)
def test_quote_never_closed_in_the_last_column_loses_no_rows_silently(name, tmp_path):
    # Arrow takes all that follows for one cell, and says nothing.
    content, keys = LAST_QUOTES[name]
    row = 40 if name == "of_the_last_row" else 30
    file = tmp_path / "train.csv"
    file.write_text(content)
    expected = (
        f"dataset.train: cannot read {file}: row {row} has a quote that is never "
        "closed, so that the rows after it would be read as one cell; close the quote"
    )
    assert_refused(expected, file, **keys)


def test_quote_never_closed_before_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 128)
    file = tmp_path / "train.csv"
    file.write_text(text({3: '"x,1,1'}))
    expected = f"dataset.train: cannot read {file}: row 3 is too long; {NEVER}"
    assert_refused(expected, file)


@pytest.mark.parametrize("trim", [False, True])
def test_header_below_blank_lines_is_no_row(trim, tmp_path, chunks):
    file = tmp_path / "train.csv"
    keys = {"csv": {"trim": trim}, "features": CITY}
    file.write_text("\n\n" + text())
    data = loaded(file, **keys)
    assert data.splits["train"].num_rows == ROWS
    assert "city" not in data.features.learnt["city"]["vocabulary"]
    expected = f"column 'buy': row 30 holds 2, not 0 or 1 ... [{file}]"
    file.write_text("\n\n" + text({30: "x,1,2"}, "city,age,buy"))
    assert_refused(expected, file, **keys)


@pytest.mark.parametrize(
    ("block", "end"),
    slow_except(
        [(64, "\n"), (100, "")],
        itertools.product([64, 100, 16 << 20], ["\n", "", "\n\n", "\r\n"]),
    ),
)
def test_good_file_is_read_to_its_end_whatever_that_is(
    end, block, tmp_path, monkeypatch
):
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", block)
    file = tmp_path / "train.csv"
    for rows in range(30, ROWS + 1):  # so that blocks end everywhere in a row
        lines = text().splitlines()[: rows + 1]
        file.write_text(("\r\n" if end == "\r\n" else "\n").join(lines) + end)
        assert loaded(file).splits["train"].num_rows == rows


# Broken columns `x`, most in row 30: {name: (content, error, keys of the data set)}.

X = {"x": {"kind": "dense", "transform": "standard"}}
WATCH = {"watch": {"label": "x", "kind": "regression"}}
PLAN = {"plan": {"label": "x", "kind": "multiclass", "classes": ["free", "gold"]}}
TRUE = {"buy": BUY["buy"] | {"truth": "x"}}
INSIDE = {"buy": BUY["buy"] | {"space": "x"}}
HISTORY = {"x": {"kind": "sequence", "max_length": 5, "separator": "|"}}
LATE = {"split_by": "time", "split_column": "x", "valid_fraction": 0.2}
WEIGHED = {"weight_column": "x"}
COLUMNS = {
    "label_that_is_no_column": (
        text(),
        "dataset.tasks.conversion.label: no column 'byu' in {file}, which has city, "
        "age, buy\n",
        {"tasks": {"conversion": {"label": "byu", "kind": "binary"}}},
    ),
    "beyond_float32_where_nothing_is_scaled": (
        column("12", {30: "1e300"}),
        "feature x: row 30 holds 1e+300, not a number that fits",
        {"features": {"x": X["x"] | {"transform": "none"}}},
    ),
    "time_that_all_rows_share": (
        column("2"),
        "dataset.split_column: 'x' holds 1 distinct value [{file}], but each of "
        "the splits train, valid needs at least one; name a column with "
        "more times, or set dataset.split_by=random dataset.split_column=null",
        LATE,
    ),
    "negative_weight": (
        column("12", {30: "-1"}),
        "dataset.weight_column: column 'x': row 30 holds -1, not a weight from 1e-30 "
        "to 1e+30, or 0 to leave the row out (1 such row); correct the cell, or "
        "multiply all weights by the same number [{file}]",
        WEIGHED,
    ),
    "nan_weight": (column("12", {30: "nan"}), "row 30 is empty or nan, not", WEIGHED),
    "empty_weight": (column("12", {30: ""}), "row 30 is empty or nan, not", WEIGHED),
    "infinite_weight": (column("12", {30: "inf"}), "row 30 holds inf, not", WEIGHED),
    "large_weight": (column("12", {30: "3e38"}), "row 30 holds 3e+38, not", WEIGHED),
    "small_weight": (column("12", {30: "1e-40"}), "row 30 holds 1e-40, not", WEIGHED),
    "weight_in_words": (
        column("12", {30: "heavy"}),
        "dataset.weight_column: column 'x': row 30 holds 'heavy', not a number; correct"
        " the cell [{file}]",
        WEIGHED,
    ),
    "no_weight_above_0": (
        column("0"),
        "dataset.tasks.buy: no training row has a label and a weight above 0",
        WEIGHED,
    ),
    "log1p_of_minus_1": (
        column("12", {30: "-1"}),
        "dataset.tasks.watch: column 'x': row 30 holds -1, not a finite float32 number "
        "above -1, which transform log1p needs (1 such row); ... [{file}]",
        {"tasks": {"watch": WATCH["watch"] | {"transform": "log1p"}}},
    ),
    "regression_of_infinity": (
        column("12", {30: "inf"}),
        "dataset.tasks.watch: column 'x': row 30 holds inf, not a finite float32",
        {"tasks": WATCH},
    ),
    "regression_beyond_float32": (
        column("12", {30: "1e39"}),
        "column 'x': row 30 holds 1e+39, not a finite float32 number (1 such row)",
        {"tasks": WATCH},
    ),
    "regression_of_words": (
        column("12", {30: "long"}),
        "dataset.tasks.watch.label: column 'x': row 30 holds 'long', not a number; "
        "correct the cell; ... [{file}]",
        {"tasks": WATCH},
    ),
    "value_of_no_class": (
        column(["free", "gold"], {30: "Gold", 31: "none"}),
        "dataset.tasks.plan: column 'x': row 30 holds 'Gold', which is not in "
        "`classes` (2 such rows); correct the value, ... ; did you mean gold? [{file}]",
        {"tasks": PLAN},
    ),
    "one_class_of_several": (
        column(["free"]),
        "dataset.tasks.plan: all 40 training labels are free, but a multiclass task "
        "needs at least two classes;",
        {"tasks": PLAN},
    ),
    "positive_that_is_never_there": (
        column("10"),
        "dataset.tasks.plan: no training row holds 'yes' in column 'x'; correct",
        {"tasks": {"plan": {"label": "x", "kind": "binary", "positive": "yes"}}},
    ),
    "positive_that_is_held_out": (
        column(["free", "gold"], {40: "platinum"}),
        "dataset.tasks.plan: no training row holds 'platinum' in column 'x'; correct",
        {
            "tasks": {"plan": {"label": "x", "kind": "binary", "positive": "platinum"}},
            "valid_fraction": 0.2,
            "split_by": "order",
        },
    ),
    "truth_above_1": (
        column(["0.1", "0.2"], {30: "1.5"}),
        "dataset.tasks.buy.truth: column 'x': row 30 holds 1.5, not a probability from "
        "0 to 1 (1 such row); correct the cell [{file}]",
        {"tasks": TRUE},
    ),
    "truth_below_0": (column(["0"], {30: "-.1"}), "row 30 holds -0.1", {"tasks": TRUE}),
    "empty_truth": (column(["0"], {30: ""}), "30 is empty or nan", {"tasks": TRUE}),
    "space_of_2": (
        column("01", {30: "2"}),
        "dataset.tasks.buy.space: column 'x': row 30 holds 2, not 0 or 1 (1 such row)",
        {"tasks": INSIDE},
    ),
    "space_in_words": (
        column("01", {30: "yes"}),
        "dataset.tasks.buy.space: column 'x': row 30 holds 'yes', not a number;",
        {"tasks": INSIDE},
    ),
    "space_without_rows": (
        column("0"),
        "dataset.tasks.buy: no training row has a label where x = 1; give other rows",
        {"tasks": INSIDE},
    ),
    "space_of_one_class": (
        column("10"),
        "dataset.tasks.buy: all 20 training labels where x = 1 are 0, but a binary",
        {"tasks": INSIDE},
    ),
    "space_that_is_no_column": (
        column("01"),
        "dataset.tasks.buy.space: no column 'xx' in {file}, which has city, age, buy, "
        "x",
        {"tasks": {"buy": BUY["buy"] | {"space": "xx"}}},
    ),
    "time_in_words": (
        column(["2026-01-31 12:00:00"], {30: "soon"}),
        "dataset.split_column: 'x': row 30 holds 'soon' [{file}]; a split by time "
        "needs numbers or dates like 2026-01-31 12:00:00, of one form in all rows",
        LATE,
    ),
    "time_in_words_from_the_start": (column(["now"]), "'x': row 1 holds 'now'", LATE),
    "number_among_dates": (column(["2026-01-31"], {30: "7"}), "row 30 holds '7'", LATE),
    "empty_time": (
        column("12", {30: "", 31: ""}),
        "dataset.split_column: 'x' is empty in 2 rows, the first of them row 30 "
        "[{file}]; a split by time needs the time of each row",
        LATE,
    ),
    "nan_time": (column("12", {30: "nan"}), "'x' is empty in 1 rows, the first", LATE),
    "split_column_that_is_none": (
        text(),
        "dataset.split_column: no column 'x' in {file}, which has city, age, buy",
        LATE,
    ),
    "one_group": (
        column(["all"]),
        "dataset.valid_fraction: with this share, the split train gets none of the "
        "40 rows of dataset.train; "
        "give more rows or groups, or another share",
        {"split_by": "group", "split_column": "x", "valid_fraction": 0.2},
    ),
    "fewer_groups_than_splits": (
        column("ab"),
        "_fraction: with this share, the split train gets none of the 40 rows of ",
        {
            "split_by": "group",
            "split_column": "x",
            "valid_fraction": 0.2,
            "test_fraction": 0.2,
        },
    ),
    "too_few_rows_for_a_share": (
        text(),
        "dataset.test_fraction: with this share, the split test gets none of the 40 "
        "rows of dataset.train; give more rows or groups, or another share",
        {"valid_fraction": 0.1, "test_fraction": 0.01},
    ),
    "shares_that_leave_no_training_rows": (
        text(),
        "dataset.valid_fraction: with this share, the split train gets none of the ",
        {"valid_fraction": 0.5, "test_fraction": 0.495},
    ),
    "wrong_separator": (
        column(["1;2", "3;4;5", ""]),
        "feature x: no cell holds the separator '|'; set separator to ';', or, if each "
        "cell is one value, set the feature's kind to sparse",
        {"features": HISTORY},
    ),
    "sequence_without_separator": (
        column(["1|2"]),
        "feature x: needs lists, but the column holds string; convert the column to "
        "lists, or set separator to the text between values, and train again [{file}]",
        {"features": {"x": {"kind": "sequence", "max_length": 5}}},
    ),
    "nothing_where_columns_are_named": (
        "",
        "dataset.train: cannot read {file}: Empty CSV file",
        {"csv": {"columns": ["city", "age", "buy"]}},
    ),
    "fewer_names_than_columns": (
        text().partition("\n")[2],
        "cannot read {file}: row 1 is 'c1,1,1', which has 3 cells instead of 2;",
        {"csv": {"columns": ["city", "buy"]}, "features": CITY},
    ),
    "names_and_a_header": (
        text(),
        "column 'age': row 1 holds 'age', not a number;",
        {"csv": {"columns": ["city", "age", "buy"]}},
    ),
    "name_given_twice": (
        text(),
        "dataset.train: {file} has 2 columns 'buy'; rename all but one",
        {"csv": {"columns": ["city", "buy", "buy"]}, "features": CITY},
    ),
}


@pytest.mark.parametrize(
    ("name", "chunks"), read_both_ways(COLUMNS), indirect=["chunks"]
)
def test_column_of_a_text_file(name, tmp_path, chunks):
    content, expected, keys = COLUMNS[name]
    file = tmp_path / "train.csv"
    file.write_text(content)
    assert_refused(expected.replace(FILE, str(file)), file, **keys)


WEIGHTS = {
    "fewer_weights_than_values": (
        "1",
        "has 2 values and 1 weights; give one weight per value",
    ),
    "negative_weight": (
        "1|-2",
        "holds -2, but a weight must be 0 or more and fit float32; correct the cell",
    ),
    "weight_beyond_float32": ("1|1e39", "holds 1e+39, but a weight must be 0 or more"),
    "weight_in_words": ("1|lots", "holds 'lots', not a number; correct the cell"),
    "empty_weight": ("1|", "has an empty weight, but a weight must be 0 or more"),
    "no_weights": ("", "has 2 values and 0 weights; give one weight per value"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_of_a_sequence(name, tmp_path, chunks):
    weights, expected = WEIGHTS[name]
    rows = [f"a|b,1|2,{i % 2}" for i in range(ROWS)]
    rows[29] = f"a|b,{weights},1"
    file = tmp_path / "train.csv"
    file.write_text("\n".join(["h,w,buy", *rows]) + "\n")
    features = {"h": HISTORY["x"] | {"weights": "w"}}
    expected = f"feature h: weights 'w': row 30 {expected} ... [{file}]"
    assert_refused(expected, file, features=features)


# A feature that tells the label. 200 rows: of fewer than 100 this may be chance.

Y = np.random.default_rng(0).integers(0, 3, 200)
BINARY = {"task": {"label": "y", "kind": "binary"}}
CLASSES = {"task": {"label": "y", "kind": "multiclass", "classes": [0, 1, 2]}}
REGRESSION = {"task": {"label": "y", "kind": "regression"}}
SPARSE, DENSE = {"x": CITY["city"]}, {"x": AGE["age"]}
COPIES = {
    "the_same_0_and_1": (Y > 0, Y > 0, BINARY, SPARSE),
    "as_a_number": (Y > 0, (Y > 0) * 2.5, BINARY, DENSE),
    "inverted": (Y > 0, Y == 0, BINARY, SPARSE),
    "in_words": (Y > 0, np.where(Y > 0, "bought", "left"), BINARY, SPARSE),
    "empty_where_it_is_0": (Y > 0, [7 if y else None for y in Y], BINARY, SPARSE),
    "hashed": (
        Y > 0,
        np.where(Y > 0, "bought", "left"),
        BINARY,
        {"x": {"kind": "hashed", "num_buckets": 100}},
    ),
    "classes_in_words": (Y, np.array(["b", "c", "a"])[Y], CLASSES, SPARSE),
    "amount": (np.cumsum(Y), np.cumsum(Y), REGRESSION, DENSE),
    "amount_in_cents_and_negative": (Y + 0.5, -100 * Y, REGRESSION, DENSE),
    "rare_positives": (np.arange(200) > 198, np.arange(200) < 199, BINARY, SPARSE),
}


@pytest.mark.parametrize("name", COPIES)
def test_feature_that_is_a_copy_of_a_label(name, tmp_path):
    y, x, tasks, features = COPIES[name]
    table = pa.table({"x": pa.array(x), "y": pa.array(y).cast(pa.float64())})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    values = len(set(np.asarray(y).tolist()))
    assert_refused(
        f"dataset.features.x: the {values:,} values of this feature correspond one "
        f"to one to the labels of task task in all {len(y)} rows looked at, so the",
        tmp_path / "train.parquet",
        features=features,
        tasks=tasks,
    )


@pytest.mark.parametrize(
    ("y", "x", "tasks", "features"),
    [
        (Y > 0, (Y > 0) ^ (np.arange(200) == 150), BINARY, SPARSE),
        (Y, np.where(np.arange(200) == 150, 1 - Y % 2, Y), CLASSES, SPARSE),
        # An id and a label of its own for each row.
        (np.random.default_rng(1).normal(size=200), np.arange(200), REGRESSION, SPARSE),
    ],
    ids=["one_row_differs", "one_class_differs", "row_numbers"],
)
def test_feature_that_is_no_copy_of_a_label_is_taken(y, x, tasks, features, tmp_path):
    table = pa.table({"x": pa.array(x), "y": pa.array(y).cast(pa.float64())})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    data = loaded(tmp_path / "train.parquet", features, tasks)
    assert data.splits["train"].num_rows == 200


# Types that a Parquet column may have and a feature, label or key cannot.

TIME = datetime.datetime(2026, 1, 31)
LISTS = pa.array([[1, 2], [3]] * 4)
NESTED = pa.array([[[1, 2]], [[3]]] * 4)
STRUCTS = pa.array([{"a": 1}, {"a": 2}] * 4)
WORDS = pa.array(["no", "yes"] * 4)
BINARIES = pa.array([b"a", b"b"] * 4)
CROSS = {"z": {"kind": "cross", "columns": ["x", "city"]}}
SEQUENCE = {"x": {"kind": "sequence", "max_length": 3}}
BUCKETS = {"x": {"kind": "bucketized", "num_buckets": 3}}
IDS = "feature x: needs whole numbers or text, but the column holds"
FIX = (
    "convert ids to whole numbers or text; or, for amounts, set the feature's kind to "
    "dense, for lists to sequence [{file}]"
)
NUMBERS = "feature x: needs numbers, but the column holds"
TYPES = {
    "dates_as_ids": (
        pa.array([TIME.date()] * 8),
        f"{IDS} date32[day]; {FIX}",
        {"features": SPARSE},
    ),
    "times_as_ids": (pa.array([TIME] * 8), f"{IDS} time", {"features": SPARSE}),
    "structs_as_ids": (STRUCTS, f"{IDS} struct<a: int64>;", {"features": SPARSE}),
    "binary_as_ids": (BINARIES, f"{IDS} binary; convert", {"features": SPARSE}),
    "decimals_as_ids": (
        pa.array([1, 2] * 4).cast(pa.decimal128(30, 2)),
        f"{IDS} decimal128(30, 2); {FIX}",
        {"features": SPARSE},
    ),
    "floats_as_ids": (
        pa.array([1.5, 2] * 4),
        f"{IDS} double such as 1.5; {FIX}",
        {"features": SPARSE},
    ),
    "lists_as_ids": (LISTS, f"{IDS} list<... int64>; {FIX}", {"features": SPARSE}),
    "lists_crossed": (
        LISTS,
        "feature z: column 'x': needs whole numbers or text, but the column holds "
        f"list<... int64>; {FIX}",
        {"features": CROSS},
    ),
    "floats_crossed": (
        pa.array([1.5, 2] * 4),
        "feature z: column 'x': needs whole numbers or text, but the column holds "
        f"double such as 1.5; {FIX}",
        {"features": CROSS},
    ),
    "lists_hashed": (
        LISTS,
        f"{IDS} list<",
        {"features": {"x": {"kind": "hashed", "num_buckets": 9}}},
    ),
    "structs_crossed": (
        STRUCTS,
        "feature z: column 'x': needs whole numbers or text, but the column holds "
        f"struct<a: int64>; {FIX}",
        {"features": CROSS},
    ),
    "dates_as_numbers": (
        pa.array([TIME.date()] * 8),
        f"{NUMBERS} date32[day]; convert the column to numbers [{{file}}]",
        {"features": X},
    ),
    "structs_as_numbers": (STRUCTS, f"{NUMBERS} struct<a: int64>;", {"features": X}),
    "binary_as_numbers": (BINARIES, f"{NUMBERS} binary;", {"features": BUCKETS}),
    "lists_as_numbers": (LISTS, f"{NUMBERS} list<", {"features": BUCKETS}),
    "vectors_as_numbers": (
        pa.array([[1.5], [2.0]] * 4, pa.list_(pa.float32(), 1)),
        f"{NUMBERS} fixed_size_list<...; if each list is a vector, set the feature's "
        "kind to vector [{file}]",
        {"features": X},
    ),
    "text_as_numbers": (
        pa.array(["1", "a"] * 4),
        "feature x: row 2 holds 'a', not a number; correct the cell; or, if the column "
        "is meant to be text, set the feature's kind to sparse [{file}]",
        {"features": X},
    ),
    "infinity_beside_an_empty_cell": (
        pa.array([1.0, None, np.inf, -1.0] * 2),
        "feature x: row 3 holds inf, not a finite number (2 such rows); correct",
        {"features": X},
    ),
    "empty_text_among_numbers": (
        pa.array(["1", "", " "] + ["2"] * 5),
        "feature x: row 2 is empty or nan, not a number (2 such rows); fill the cells",
        {"features": X},
    ),
    "infinity_where_empty_cells_have_a_bucket": (
        pa.array([1.0, None, 2.0, -np.inf] * 2),
        "feature x: row 4 holds -inf, not a finite number (2 such rows); correct",
        {"features": {"x": BUCKETS["x"] | {"missing": "bucket"}}},
    ),
    "infinity_where_empty_cells_are_filled": (
        pa.array([1.0, None, 2.0, np.inf] * 2),
        "feature x: row 4 holds inf, not a finite number (2 such rows); correct",
        {"features": {"x": X["x"] | {"missing": "mean"}}},
    ),
    "numbers_in_no_order_of_size": (
        pa.array([1e308, -1e308] * 4),
        "feature x: row 1 holds 1e+308, not a number that fits float32 (8 such rows);",
        {"features": {"x": X["x"] | {"transform": "minmax"}}},
    ),
    "numbers_as_sequences": (
        pa.array([1, 2] * 4),
        "feature x: needs lists, but the column holds int64; convert the",
        {"features": SEQUENCE},
    ),
    "numbers_with_a_separator": (
        pa.array([1, 2] * 4),
        "feature x: needs lists, but the column holds int64; convert the column to "
        "lists, or to",
        {"features": HISTORY},
    ),
    "lists_of_lists": (
        NESTED,
        "feature x: needs lists of whole numbers or text, but the column holds list<"
        "...; convert the values to text if they are ids; or, if each list is a "
        "vector, set the feature's kind to vector [{file}]",
        {"features": SEQUENCE},
    ),
    "lists_of_floats": (
        pa.array([[1.5], [2.0]] * 4),
        "feature x: needs lists of whole numbers or text, but the column holds list<",
        {"features": SEQUENCE},
    ),
    "one_weight_for_a_list": (
        pa.array([1.0] * 8),
        "feature h: weights: needs lists, but the column holds double;",
        {"features": {"h": SEQUENCE["x"] | {"weights": "x"}}},
    ),
    "dates_as_labels": (
        pa.array([TIME.date()] * 8),
        "dataset.tasks.task: column 'x' holds date32[day], not numbers; name the value "
        "that is read as 1 in `positive:` [{file}]",
        {"tasks": {"task": {"label": "x", "kind": "binary"}}},
    ),
    "words_as_labels": (
        WORDS,
        "dataset.tasks.task: column 'x': row 1 holds 'no', not a number; correct "
        "the cell, or name the value that is read as 1 in `positive:` [{file}]",
        {"tasks": {"task": {"label": "x", "kind": "binary"}}},
    ),
    # The key `positive` does not apply to a column that is a space.
    "words_as_space": (
        WORDS,
        "dataset.tasks.buy.space: column 'x': row 1 holds 'no', not a number; correct "
        "the cell, or write 0 and 1 [{file}]",
        {"tasks": INSIDE},
    ),
    "word_among_labels_in_text": (
        pa.array(["0", "1", "maybe", "1"] * 2),
        "dataset.tasks.task: column 'x': row 3 holds 'maybe', not a number;",
        {"tasks": {"task": {"label": "x", "kind": "binary"}}},
    ),
    "lists_as_amounts": (
        LISTS,
        "column 'x' holds list<..., not numbers; convert the column to",
        {"tasks": WATCH},
    ),
    "positive_word_of_numbers": (
        pa.array([0.0, 1.0] * 4),
        "dataset.tasks.task: column 'x' holds double, so no cell can equal 'yes';",
        {"tasks": {"task": {"label": "x", "kind": "binary", "positive": "yes"}}},
    ),
    "class_words_of_numbers": (
        pa.array([0, 1] * 4),
        "dataset.tasks.plan: column 'x' holds int64, so no cell can equal 'free';",
        {"tasks": PLAN},
    ),
    "class_numbers_of_words": (
        WORDS,
        "dataset.tasks.plan: column 'x': row 1 holds 'no', which is not in `classes` "
        "(8 such rows); correct the value, or add 'no' to `classes`",
        {"tasks": {"plan": PLAN["plan"] | {"classes": [1, 2]}}},
    ),
    "words_as_weights": (
        pa.array(["1", "2", "three", "4"] * 2),
        "dataset.weight_column: column 'x': row 3 holds 'three', not a number; correct",
        WEIGHED,
    ),
    "lists_as_groups": (
        LISTS,
        "dataset.group_column: 'x': needs a number or a word in each row, but the "
        "column holds list<...; name another column",
        {"group_column": "x"},
    ),
    "structs_as_groups_to_split": (
        STRUCTS,
        "dataset.split_column: 'x': needs a number or a word in each row, but the",
        {"split_by": "group", "split_column": "x", "valid_fraction": 0.5},
    ),
    "rounded_floats_as_groups": (
        pa.array([0.5, np.inf, None, 2.0**53] * 2),
        "dataset.group_column: 'x': the column holds double, which rounds whole "
        "numbers above 2^53; 9007199254740992 may be another id, rounded; store the "
        "ids as whole numbers or as text [{file}]",
        {"group_column": "x"},
    ),
    "rounded_floats_as_groups_to_split": (
        pa.array([1, 2.0**24] * 4, pa.float32()),
        "dataset.split_column: 'x': the column holds float, which rounds whole numbers",
        {"split_by": "group", "split_column": "x", "valid_fraction": 0.5},
    ),
    "lists_as_times": (
        LISTS,
        "'x' holds list<...; a split by time needs numbers",
        LATE,
    ),
    "binary_as_times": (BINARIES, "'x' holds binary; a split by time needs", LATE),
    "large_text_as_times": (
        pa.array(["9", "10", "soon", "8"] * 2, pa.large_string()),
        "dataset.split_column: 'x': row 3 holds 'soon' [{file}]; a split by time",
        LATE,
    ),
    "nan_as_time": (
        pa.array([1.0, np.nan] * 4),
        "dataset.split_column: 'x' is empty in 4 rows, the first of them row 2 [",
        LATE,
    ),
}


@pytest.mark.parametrize(
    ("name", "ending"),
    slow_except(
        [(name, "parquet") for name in TYPES]
        + [(name, "feather") for name in [*TYPES][::8]],
        itertools.product(TYPES, ["parquet", "feather"]),
    ),
)
def test_type_that_cannot_be_meant(name, ending, tmp_path):
    x, expected, keys = TYPES[name]
    table = pa.table({"city": list("abcdabcd"), "h": LISTS, "buy": [0, 1] * 4, "x": x})
    file = tmp_path / f"train.{ending}"
    write(table, file)
    assert_refused(expected.replace(FILE, str(file)), file, **{"features": CITY} | keys)


def write(table, file):
    """Writes a table in the format that the file's ending says."""
    if file.suffix == ".parquet":
        pyarrow.parquet.write_table(table, file)
    else:
        pyarrow.feather.write_feather(table, file)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string()])
def test_numbers_in_large_text_are_times_in_their_order(kind, tmp_path):
    # As text, 10 would come before 9.
    x = pa.array([str(i) for i in range(2, 12)], kind)
    table = pa.table({"city": ["a"] * 10, "x": x, "buy": [0, 1] * 5})
    write(table, tmp_path / "train.parquet")
    data = loaded(tmp_path / "train.parquet", CITY, **LATE)
    assert data.row_numbers["valid"].tolist() == [8, 9]


# Rows are counted in the file that they are in.

WRONG_ROWS = {
    "label": ("Ulm,30,3", "dataset.tasks.buy: column 'buy': row 57 holds 3, not"),
    "number": ("Ulm,inf,1", "feature age: row 57 holds inf, not a finite number"),
    "large": ("Ulm,1e300,1", "feature age: row 57 holds 1e+300, not a number"),
    "weight": ("Ulm,30,1,-2", "dataset.weight_column: column 'w': row 57 holds -2,"),
}


@pytest.mark.parametrize("wrong", WRONG_ROWS)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_row_of_an_error_is_its_number_in_the_file_after_a_split(
    wrong, share, tmp_path, chunks
):
    line, expected = WRONG_ROWS[wrong]
    lines = [f"Ulm,{i},{i % 2},1" for i in range(1, 101)]
    lines[56] = line if line.count(",") == 3 else f"{line},1"
    file = tmp_path / "train.csv"
    file.write_text("\n".join(["city,age,buy,w", *lines]) + "\n")
    for split_by in ("random", "order"):
        assert_refused(
            f"{expected}...[{file}]",
            file,
            valid_fraction=share,
            split_by=split_by,
            weight_column="w",
        )


GOOD = pa.table({"city": ["a", "b"] * 10, "age": list(range(20)), "buy": [0, 1] * 10})


@pytest.mark.parametrize("ending", ["parquet", "feather", "csv"])
def test_row_of_an_error_is_counted_in_its_own_file_of_several(
    ending, tmp_path, chunks
):
    bad = GOOD.set_column(2, "buy", pa.array([0, 1] * 9 + [0, 5]))
    for name, table in (("a", GOOD), ("b", GOOD), ("c", bad), ("d", GOOD)):
        file = tmp_path / f"{name}.{ending}"
        if ending == "csv":
            table.to_pandas().to_csv(file, index=False)
        else:
            write(table, file)
    expected = f"'buy': row 20 holds 5, not 0 or 1 ... [{tmp_path}/c.{ending}]"
    assert_refused(expected, f"{tmp_path}/*.{ending}")


def test_cell_of_one_text_file_of_several_is_told_by_its_file(tmp_path, chunks):
    for name, change in (("a", {}), ("b", {5: "x,old,1"}), ("c", {7: "x,1"})):
        (tmp_path / f"{name}.csv").write_text(text(change))
    expected = f"column 'age': row 5 holds 'old', not a number; ... [{tmp_path}/b.csv]"
    assert_refused(expected, tmp_path / "*.csv")
    (tmp_path / "b.csv").unlink()
    expected = f"cannot read {tmp_path}/c.csv: row 7 is 'x,1', which has 2 cells"
    assert_refused(expected, tmp_path / "*.csv")


def test_error_of_the_test_file_names_it_and_its_row(tmp_path, chunks):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text(text())
    for line, expected in (
        ("x,1,4", "row 33 holds 4"),
        ("x,inf,1", "row 33 holds inf"),
    ):
        test.write_text(text({33: line}))
        assert_refused(f"{expected}... [{test}]", train, test=str(test))
    test.write_text(text({33: "x,1"}))
    assert_refused(
        f"dataset.test: cannot read {test}: row 33 is", train, test=str(test)
    )


# Files that are not there, damaged, or of another format.


def test_files_of_a_folder_that_disagree(tmp_path):
    write(GOOD, tmp_path / "a.parquet")
    write(GOOD.set_column(1, "age", pa.array(["x"] * 20)), tmp_path / "b.parquet")
    expected = (
        f"dataset.train: column 'age' has the type string in {tmp_path}/b.parquet, but "
        "int64 in the files before; write each column with one type in all files"
    )
    assert_refused(expected, tmp_path)
    empty = GOOD.set_column(1, "age", pa.nulls(20))
    write(empty, tmp_path / "0.parquet")  # the first file agrees with all
    assert_refused(expected, tmp_path)
    write(GOOD.drop_columns("age"), tmp_path / "b.parquet")
    expected = f"no column 'age' in {tmp_path}/b.parquet, which has city, buy"
    assert_refused(expected, tmp_path)


def test_feather_files_that_disagree(tmp_path):
    write(GOOD, tmp_path / "a.feather")
    write(GOOD.set_column(1, "age", pa.array([0.5] * 20)), tmp_path / "b.feather")
    expected = f"'age' has the type double in {tmp_path}/b.feather, but int64 in the"
    assert_refused(expected, tmp_path / "*.feather")


def test_feather_test_file_with_an_extension_type(tmp_path):
    train, test = tmp_path / "train.feather", tmp_path / "test.feather"
    write(GOOD, train)
    write(GOOD.set_column(0, "city", pa.array(["[1]"] * 20, pa.json_())), test)
    expected = "feature city: needs whole numbers or text, but the column holds "
    assert_refused(f"{expected}extension<arrow.json>...", train, test=str(test))


def test_damaged_file_of_a_folder_is_named(tmp_path):
    write(GOOD, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    assert_refused(f"dataset.train: cannot read {tmp_path}/b.parquet: ...", tmp_path)
    (tmp_path / "b.parquet").unlink()
    (tmp_path / "b.parquet").symlink_to("nowhere")
    expected = f"cannot read {tmp_path}/b.parquet: No such file or directory"
    assert_refused(expected, tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    "ending", ["parquet", "feather", "csv.gz", "csv.zst", "csv.bz2"]
)
def test_half_downloaded_file(ending, part, tmp_path):
    file = tmp_path / f"train.{ending}"
    if ending in ("parquet", "feather"):
        write(GOOD, file)
        content = file.read_bytes()
    else:
        packed = {"csv.gz": gzip.compress, "csv.bz2": bz2.compress}.get(
            ending, lambda text: pa.Codec("zstd").compress(text, asbytes=True)
        )
        content = packed(text().encode())
        file.write_bytes(content)
        assert loaded(file).splits["train"].num_rows == ROWS
    file.write_bytes(content[: int(part * len(content))])
    assert_refused(f"dataset.train: cannot read {file}: ", file)


def test_damaged_feather_file_is_refused_and_does_not_end_the_process(tmp_path):
    # Arrow trusts the offsets in a file, and reads beyond its end.
    file = tmp_path / "train.feather"
    pyarrow.feather.write_feather(GOOD, file, compression="uncompressed")
    offsets = np.arange(21, dtype="int32").tobytes()
    assert file.read_bytes().count(offsets) == 1
    wrong = np.arange(21, dtype="int32")
    wrong[7] = 2**30
    file.write_bytes(file.read_bytes().replace(offsets, wrong.tobytes()))
    assert_refused(f"dataset.train: cannot read {file}: ", file)


def test_damaged_page_of_a_parquet_file_with_checksums(tmp_path):
    file = tmp_path / "train.parquet"
    options = {"compression": "none", "use_dictionary": False}
    pyarrow.parquet.write_table(GOOD, file, write_page_checksum=True, **options)
    ages = np.arange(20, dtype="int64").tobytes()
    content = file.read_bytes()
    assert content.count(ages) == 1
    file.write_bytes(content.replace(ages, ages[:-1] + b"\1"))
    expected = (
        f"dataset.train: cannot read {file}: ... CRC ... ; check that the file is"
    )
    assert_refused(expected, file)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_text_that_is_not_utf_8(ending, tmp_path, chunks):
    file = tmp_path / f"train.{ending}"
    latin = pa.array([b"K\xf6ln"] * 20)
    city = pa.Array.from_buffers(pa.string(), 20, latin.buffers())
    write(GOOD.set_column(0, "city", city), file)
    expected = (
        f"dataset.train: cannot read {file}: column 'city': ... UTF8 ... ; save the"
    )
    assert_refused(expected, file)


OTHER = {  # what a file holds, what its ending says, what we say
    "parquet_as_csv": (
        "parquet",
        "csv",
        "{file} is not text in UTF-8; save the file as UTF-8",
    ),
    "feather_as_csv": (
        "feather",
        "csv",
        "{file} is not text in UTF-8; ... correct its ending",
    ),
    "gzip_as_csv": (
        "csv.gz",
        "csv",
        "{file} is not text in UTF-8; ... unpack it, ... its ending",
    ),
    "csv_as_gzip": (
        "csv",
        "csv.gz",
        "cannot read {file}: zlib ... of the format of its ending",
    ),
    "csv_as_zstd": (
        "csv",
        "csv.zst",
        "cannot read {file}: ZSTD ... of the format of its ending",
    ),
    "csv_as_parquet": (
        "csv",
        "parquet",
        "cannot read {file}: Parquet magic bytes not ... of its ending",
    ),
    "csv_as_feather": (
        "csv",
        "feather",
        "cannot read {file}: Not an Arrow file; ... of its ending",
    ),
    "parquet_as_feather": (
        "parquet",
        "feather",
        "cannot read {file}: Not an Arrow file; ... its ending",
    ),
    "feather_as_parquet": (
        "feather",
        "parquet",
        "cannot read {file}: Parquet magic bytes not found",
    ),
}


@pytest.mark.parametrize("name", OTHER)
def test_file_of_another_format_than_its_ending_says(name, tmp_path):
    holds, says, expected = OTHER[name]
    source, file = tmp_path / f"source.{holds}", tmp_path / f"train.{says}"
    if holds.startswith("csv"):
        content = text().encode()
        source.write_bytes(gzip.compress(content) if holds == "csv.gz" else content)
    else:
        write(GOOD, source)
    source.rename(file)
    assert_refused(f"dataset.train: {expected}".replace(FILE, str(file)), file)


def test_feather_file_of_version_1_is_named(tmp_path):
    file = tmp_path / "train.feather"
    file.write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    expected = f"dataset.train: {file} is a Feather file of version 1; write it again"
    assert_refused(expected, file)


def test_stream_that_is_named_as_a_file_is_named(tmp_path):
    file = tmp_path / "train.arrow"
    with pa.ipc.new_stream(file, GOOD.schema) as writer:
        writer.write_table(GOOD)
    expected = f"dataset.train: {file} is an Arrow stream, not an Arrow file; write it"
    assert_refused(expected, file)


def test_format_that_is_not_the_files(tmp_path):
    file = tmp_path / "train.parquet"
    write(GOOD, file)
    expected = f"{file} is not text in UTF-8; ... , dataset.format"
    assert_refused(expected, file, format="csv")


PATHS = {
    "no_file": (
        "{folder}/x.csv",
        "dataset.train: no file '{folder}/x.csv' (current folder: ",
    ),
    "nothing_at_a_url": (
        "memory://nowhere/x.csv",
        "dataset.train: no file 'memory://nowhere/x.csv'",
    ),
    "nothing_like_it": (
        "{folder}/*.csv",
        "dataset.train: no file matches '{folder}/*.",
    ),
    "folders_alone": (
        "{folder}/day=*",
        "no file matches ... ; correct the pattern, or add '/*' for",
    ),
    "folder_without_parquet": (
        "{folder}",
        "dataset.train: folder '{folder}' holds no .parquet file; name the files, or",
    ),
    "unknown_ending": (
        "{folder}/day=1/a.txt",
        "dataset.train: '{folder}/day=1/a.txt' does not end in one of .parquet, ... ; "
        "name the format in dataset.format",
    ),
    "no_ending": (
        "{folder}/day=1/a",
        "dataset.train: '{folder}/day=1/a' does not end in one of .parquet",
    ),
    "ending_of_a_compressed_parquet_file": (
        "{folder}/day=1/a.parquet.gz",
        "dataset.train: '{folder}/day=1/a.parquet.gz' does not end in one of .parquet",
    ),
    "unknown_ending_of_a_pattern": (
        "{folder}/day=1/*.t*",
        "dataset.train: '{folder}/day=1/a.txt' does not end in one of .parquet, ... ; "
        "name the format in dataset.format",
    ),
    "several_formats": (
        "{folder}/day=1/*.?sv",
        "dataset.train: '{folder}/day=1/*.?sv' holds files of several formats: csv, "
        "tsv; give a pattern for files of one format",
    ),
    "empty_path": ("", "dataset.train: '' should have at least 1 character"),
    "name_too_long": (
        "a" * 300 + ".csv",
        "dataset.train: cannot reach 'aaa... too long",
    ),
    "user_that_is_none": ("~nobodyx/x.csv", "dataset.train: no file '~nobodyx/x.csv'"),
    "file_url": ("file:///nowhere/x.csv", "dataset.train: no file '/nowhere/x.csv'"),
    "unknown_scheme": (
        "foo://host/x.csv",
        "dataset.train: the protocol 'foo' is not one of abfs",
    ),
    "scheme_that_needs_more": ("github://x.csv", "protocol 'github' is not one of"),
    "scheme_of_no_files": (
        "data://x.csv",
        "dataset.train: the protocol 'data' is not one of",
    ),
}


@pytest.mark.parametrize("name", PATHS)
def test_path_that_leads_nowhere(name, tmp_path):
    path, expected = PATHS[name]
    (tmp_path / "day=1").mkdir()
    for file in ("a.txt", "a.csv", "a.tsv", "a", "a.parquet.gz"):
        (tmp_path / "day=1" / file).write_text(text())
    folder = str(tmp_path)
    path, expected = (part.replace("{folder}", folder) for part in (path, expected))
    assert_refused(expected, path)


def test_folder_without_files_of_a_named_format(tmp_path):
    (tmp_path / "_SUCCESS").touch()
    expected = (
        f"dataset.train: folder '{tmp_path}' holds no file without '.' or '_' first"
    )
    assert_refused(expected, tmp_path, format="csv")


def test_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    file = tmp_path / "train.csv"
    file.write_text(text())
    encode = loading.encode

    def slow_encode(*arguments):
        encode(*arguments)
        file.write_text(text() + text().partition("\n")[2])

    monkeypatch.setattr(loading, "encode", slow_encode)
    expected = f"dataset: one of {file} changed while the rows were read; run"
    assert_refused(expected, file)
    monkeypatch.undo()
    assert loaded(file).splits["train"].num_rows == 2 * ROWS


def test_file_that_is_shorter_when_it_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_ROWS", 7)
    file = tmp_path / "train.parquet"
    write(GOOD, file)
    opened = sources.open_columnar

    def opened_and_cut(*arguments):
        found = opened(*arguments)
        write(GOOD.slice(0, 12), file)
        return found

    monkeypatch.setattr(sources, "open_columnar", opened_and_cut)
    expected = (
        f"dataset.train: {file} had 20 rows and then 12, because it changed while it "
        "was read; run again when the file is complete"
    )
    assert_refused(expected, file)


# Wrong declarations: {name: (keys of the data set, error)}.

SHARED = {"a": CITY["city"], "b": {"kind": "sparse", "table": "a"}}
DECLARED = {
    "label_as_feature": (
        {"features": CITY | {"buy": {"kind": "sparse"}}},
        "dataset.features.buy: the column buy is the label of task buy, so the model "
        "would see the answer; remove the feature",
    ),
    "label_in_a_cross": (
        {"features": {"z": {"kind": "cross", "columns": ["city", "buy"]}}},
        "dataset.features.z: the column buy is the label of task buy,",
    ),
    "label_as_weights_of_a_sequence": (
        {"features": {"h": HISTORY["x"] | {"weights": "buy"}}},
        "dataset.features.h: the column buy is the label of task buy,",
    ),
    "truth_as_feature": (
        {"features": X, "tasks": TRUE},
        "dataset.features.x: the column x is the true probability of task buy, so",
    ),
    "edges_and_num_buckets": (
        {"features": {"x": BUCKETS["x"] | {"edges": [1.0]}}},
        "dataset.features.x.num_buckets: give either num_buckets or edges",
    ),
    "neither_edges_nor_num_buckets": (
        {"features": {"x": {"kind": "bucketized"}}},
        "dataset.features.x.num_buckets: give either num_buckets or edges",
    ),
    "edges_that_fall": (
        {"features": {"x": {"kind": "bucketized", "edges": [2.0, 1.0]}}},
        "dataset.features.x.edges: each edge must be greater than the edge before",
    ),
    "edge_at_infinity": (
        {"features": {"x": {"kind": "bucketized", "edges": [1.0, float("inf")]}}},
        "dataset.features.x.edges...: ... should be a finite number",
    ),
    "cross_of_one_column": (
        {"features": {"z": {"kind": "cross", "columns": ["city"]}}},
        'dataset.features.z.columns: ["city"] should have at least 2 items',
    ),
    "cross_with_itself": (
        {"features": {"z": {"kind": "cross", "columns": ["city", "city"]}}},
        "dataset.features.z.columns: names a column twice; name each column",
    ),
    "hashed_to_one_bucket": (
        {"features": {"x": {"kind": "hashed", "num_buckets": 1}}},
        "dataset.features.x.num_buckets: 1 should be greater than or equal to 2",
    ),
    "hashed_to_none": (
        {"features": {"x": {"kind": "hashed"}}},
        "missing key 'dataset.features.x.num_buckets'; add it to the YAML file",
    ),
    "missing_in_words": (
        {"features": {"x": X["x"] | {"missing": "zero"}}},
        "dataset.features.x.missing: 'zero' should be 'error', 'mean' or 'median'",
    ),
    "table_of_none": (
        {"features": {"a": {"kind": "sparse", "table": "bb"}, "b": CITY["city"]}},
        "dataset.features.a.table: 'bb' is not a feature with an embedding table of its"
        " own; did you mean b?",
    ),
    "table_of_a_number": (
        {"features": AGE | {"b": {"kind": "sparse", "table": "age"}}},
        "dataset.features.b.table: 'age' is not a feature with an embedding table of "
        "its own\n",
    ),
    "table_of_a_table": (
        {"features": SHARED | {"c": {"kind": "sparse", "table": "b"}}},
        "dataset.features.c.table: 'b' is not a feature with an embedding table of its",
    ),
    "table_of_another_kind": (
        {
            "features": {"x": {"kind": "hashed", "num_buckets": 9, "table": "a"}}
            | SHARED
        },
        "dataset.features.x.table: a hashed feature cannot share the table of a",
    ),
    "table_of_hashes": (
        {
            "features": {"h": {"kind": "hashed", "num_buckets": 9}}
            | {"b": {"kind": "sparse", "table": "h"}}
        },
        "dataset.features.b.table: a sparse feature cannot share the table of a hashed",
    ),
    "tables_of_two_min_counts": (
        {"features": {"a": CITY["city"], "b": SHARED["b"] | {"min_count": 3}}},
        "dataset.features.b.min_count: the feature a owns the table, so its ... rem",
    ),
    "tables_of_two_id_dropouts": (
        {"features": {"a": CITY["city"], "b": SHARED["b"] | {"id_dropout": 3}}},
        "dataset.features.b.id_dropout: the feature a owns the table, so its ... rem",
    ),
    "hashed_cross_with_id_dropout": (
        {
            "features": {
                "a": {"kind": "cross", "columns": ["city", "age"], "id_dropout": 5}
                | {"num_buckets": 9}
            }
        },
        "dataset.features.a.id_dropout: needs the count of each combination",
    ),
    "dropped_table": (
        {
            "features": SHARED | CITY,
            "groups": {"g": {"tasks": ["buy"], "drop": ["a"]}},
            "group": "g",
        },
        "dataset.features.b.table: b uses the table of a, but the group g drops a",
    ),
    "weights_that_max_has_no_use_for": (
        {"features": {"x": HISTORY["x"] | {"weights": "w", "pooling": "max"}}},
        "dataset.features.x.weights: pooling max does not use weights; remove",
    ),
    "attention_without_a_target": (
        {"features": {"x": HISTORY["x"] | {"pooling": "attention"}}},
        "dataset.features.x.pooling: attention compares the values with the row's",
    ),
    "attention_to_a_list": (
        {
            "features": HISTORY
            | {"y": HISTORY["x"] | {"pooling": "attention", "table": "x"}}
        },
        "dataset.features.y.pooling: attention compares the values with the row's "
        "value of x, which is a list itself",
    ),
    "name_with_a_blank": (
        {"name": "a b"},
        "dataset.name: 'a b' should be letters, digits, '_', '.' and '-', and begin "
        "with a letter or a digit",
    ),
    "task_name_with_a_blank": (
        {"tasks": {"a b": BUY["buy"]}},
        "dataset.tasks.a b: the name 'a b' should be a letter, then letters, digits...",
    ),
    "multiclass_without_classes": (
        {"tasks": {"plan": {"label": "x", "kind": "multiclass"}}},
        "missing key 'dataset.tasks.plan.classes'; add it to the YAML file",
    ),
    "class_named_twice": (
        {"tasks": {"plan": PLAN["plan"] | {"classes": [1, 2, "1"]}}},
        "dataset.tasks.plan.classes: [1, 2, \"1\"] lists '1' 2 times; "
        "list each class once",
    ),
    "one_class_named": (
        {"tasks": {"plan": PLAN["plan"] | {"classes": ["free"]}}},
        'dataset.tasks.plan.classes: ["free"] should have at least 2 items',
    ),
    "classes_of_a_regression": (
        {"tasks": {"watch": WATCH["watch"] | {"classes": [1, 2]}}},
        "dataset.tasks.watch.classes: only kind=multiclass or ordinal uses it; "
        "choose kind=multiclass or ordinal, or leave it out",
    ),
    "space_of_a_regression": (
        {"tasks": WATCH | {"buy": BUY["buy"] | {"space": "watch"}}},
        "dataset.tasks.buy.space: watch is not another binary task; name one, or a "
        "column of 0 and 1",
    ),
    "space_of_itself": (
        {"tasks": {"buy": BUY["buy"] | {"space": "buy"}}},
        "dataset.tasks.buy.space: buy is not another binary task; name one, or a",
    ),
    "shares_above_1": (
        {"valid_fraction": 0.5, "test_fraction": 0.5},
        "dataset.valid_fraction: valid_fraction and test_fraction together leave no t",
    ),
    "rows_of_a_test_file_that_is_none": (
        {"valid_from": "test", "valid_fraction": 0.5},
        "dataset.valid_from: there is no test file to take rows from",
    ),
    "time_without_its_column": (
        {"split_by": "time", "valid_fraction": 0.5},
        "dataset.split_column: split_by=time needs a column",
    ),
    "column_of_no_use": (
        {"split_column": "age"},
        "dataset.split_column: split_by=random uses no column; set it to null",
    ),
    "unknown_format": (
        {"format": "xlsx"},
        "dataset.format: 'xlsx' should be 'auto', 'parquet', 'feather', 'csv' or 'tsv'",
    ),
    "delimiter_of_two_characters": (
        {"csv": {"delimiter": "::"}},
        "dataset.csv.delimiter: '::' cannot separate cells; give one ASCII character",
    ),
    "delimiter_of_no_character": (
        {"csv": {"delimiter": ""}},
        "delimiter: '' cannot separate",
    ),
    "delimiter_beyond_ascii": (
        {"csv": {"delimiter": "¦"}},
        "delimiter: '¦' cannot separate",
    ),
    "quote_as_delimiter": (
        {"csv": {"delimiter": '"'}},
        "delimiter: '\"' cannot separate",
    ),
    "minus_as_delimiter": (
        {"csv": {"delimiter": "-"}},
        "delimiter: '-' cannot separate",
    ),
    "digit_as_delimiter": (
        {"csv": {"delimiter": "8"}},
        "delimiter: '8' cannot separate",
    ),
    # YAML's !!binary.
    "bytes": ({"group": b"ab"}, "dataset.group: \"b'ab'\" should be a valid string"),
    "very_long_word": (
        {"split_by": "x" * 5000},
        f"dataset.split_by: '{'x' * 60}...' should be 'random'",
    ),
    "very_long_kind": (
        {"features": {"age": {"kind": "x" * 5000}}},
        f"kind: '{'x' * 60}...' is not one of: bucketized",
    ),
    "length_beyond_memory": (
        {"features": {"city": {"kind": "sequence", "max_length": 2**63}}},
        "max_length: 9223372036854775808 should be less than or equal to 100000",
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declaration_that_cannot_be_meant(name, tmp_path):
    keys, expected = DECLARED[name]
    file = tmp_path / "train.csv"
    file.write_text(text())
    assert_refused(expected, file, **keys)


# Vectors to start from.

STARTED = {"city": {"kind": "sparse", "embedding_dim": 4}}
VECTORS = np.ones((3, 4), "float32")
NAMES = "c1\nc2\nelsewhere\n"


class RunsCode:
    """An object that runs code when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("executed",))


PRETRAINED = {
    "no_vectors": (None, NAMES, "vectors: cannot read vectors.npy: ... No such file"),
    "no_ids": (
        VECTORS,
        None,
        "ids: cannot read ids.txt: ... No such file ... one value per line",
    ),
    "no_npy_file": (
        b"1 2 3\n",
        NAMES,
        "vectors: cannot read vectors.npy: ... numpy.save",
    ),
    "zip_file": (
        b"PK\x03\x04" + b"\0" * 50,
        NAMES,
        "vectors: cannot read vectors.npy: ",
    ),
    "objects": (
        np.array([[RunsCode()] * 4] * 3, object),
        NAMES,
        "vectors: cannot read vectors.npy: Object arrays cannot be loaded",
    ),
    "pickle": (pickle.dumps(RunsCode()), NAMES, "vectors: cannot read vectors.npy: "),
    "whole_numbers": (
        np.ones((3, 4), "int64"),
        NAMES,
        "vectors: vectors.npy holds int64 (3, 4), not an array (N, dim) of floats",
    ),
    "one_axis": (
        np.ones(12, "float32"),
        NAMES,
        "vectors: vectors.npy holds float32 (12",
    ),
    "other_length": (
        np.ones((3, 5), "float32"),
        NAMES,
        "vectors: vectors.npy has vectors of length 5, but the embedding table has "
        "length 4; set dataset.features.city.embedding_dim=5",
    ),
    "nan": (
        np.array([[1.0] * 4, [np.nan] * 4, [1.0] * 4]),
        NAMES,
        "vectors: vectors.npy has a number that is not finite in float32; correct it",
    ),
    "beyond_float32": (
        np.array([[1.0] * 4, [1.0] * 4, [1e39] * 4]),
        NAMES,
        "vectors: vectors.npy has a number that is not finite in float32",
    ),
    "fewer_ids": (
        VECTORS,
        "c1\nc2\n",
        "ids: ids.txt has 2 lines, but vectors.npy has 3 vectors; write one line per",
    ),
    "id_twice": (
        VECTORS,
        "c1\nc2\nc1\n",
        "ids: 2 lines of ids.txt are 'c1'; give each value one line and one vector",
    ),
    "ids_of_something_else": (
        VECTORS,
        "x1\nx2\nx3\n",
        "ids: no line of ids.txt is one of the ",
    ),
    "nothing": (
        np.ones((0, 4), "float32"),
        "",
        "ids: no line of ids.txt is one of the ",
    ),
    "ids_in_latin_1": (
        VECTORS,
        "Köln\n\n\n".encode("latin-1"),
        "ids: cannot read ids.",
    ),
}


@pytest.mark.parametrize("name", PRETRAINED)
def test_vectors_to_start_from(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors, ids, expected = PRETRAINED[name]
    Path("train.csv").write_text(text())
    if isinstance(vectors, np.ndarray):
        np.save("vectors.npy", vectors)
    elif vectors is not None:
        Path("vectors.npy").write_bytes(vectors)
    if ids is not None:
        Path("ids.txt").write_bytes(ids if isinstance(ids, bytes) else ids.encode())
    files = {"vectors": "vectors.npy", "ids": "ids.txt"}
    assert_refused(
        f"dataset.features.city.pretrained.{expected}",
        "train.csv",
        features={"city": STARTED["city"] | {"pretrained": files}},
    )
    assert not Path("executed").exists()


def test_vectors_of_a_feature_without_a_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text(text())
    np.save("vectors.npy", VECTORS)
    Path("ids.txt").write_text(NAMES)
    files = {"vectors": "vectors.npy", "ids": "ids.txt"}
    city = STARTED["city"] | {"pretrained": files, "min_count": 1000}
    expected = "city.pretrained.ids: no line of ids.txt is one of the 0 values of the"
    assert_refused(expected, "train.csv", features={"city": city})


# Through the command line.

SHOP = """
name: shop
train: train.csv
valid: null
test: null
valid_fraction: 0.2
split_seed: 0
features:
  city: {kind: sparse}
  age: {kind: dense, transform: standard}
tasks:
  buy: {label: buy, kind: binary}
"""


def on_shop(folder, *arguments, run=mtl_train, **environment):
    """Runs `mtl-train dataset=shop` in a folder that has such a data set."""
    (folder / "conf" / "dataset").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "dataset" / "shop.yaml").write_text(SHOP)
    environment = {"MTL_CACHE": str(folder / "cache")} | environment
    return run(folder, "dataset=shop", *arguments, **environment)


def assert_told(command, *expected):
    """Asserts exit code 2 and one line on stderr with the expected parts."""
    assert command.returncode == 2, command.stderr
    assert command.stderr.startswith("mtl-train: error: ")
    assert command.stderr.count("\n") == 1
    assert "Traceback" not in command.stderr
    for part in expected:
        assert part in command.stderr


def cached_files(folder):
    """The files in a folder's cache of encoded data, finished and not."""
    return [
        file for file in (folder / "cache" / "encoded").rglob("*") if file.is_file()
    ]


@pytest.mark.slow
def test_command_tells_the_row_and_leaves_a_failed_run_and_no_data(tmp_path):
    (tmp_path / "train.csv").write_text(text({30: "x,1,2"}))
    command = on_shop(tmp_path, "hydra.run.dir=run")
    assert_told(command, "dataset.tasks.buy: column 'buy': row 30 holds 2, not 0 or 1")
    assert command.stdout == ""
    assert cached_files(tmp_path) == []
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["status"] == "failed"
    assert "row 30 holds 2" in status["error"]
    names = {file.name for file in (tmp_path / "run").iterdir()}
    assert names == {"config.yaml", "status.json", "train.log"}


@pytest.mark.slow
def test_command_tells_of_validation_rows_of_one_class(tmp_path):
    lines = {i: f"x,{i},{int(i < 3)}" for i in range(1, ROWS + 1)}
    (tmp_path / "train.csv").write_text(text(lines))
    command = on_shop(tmp_path, "dataset.split_by=order")
    assert_told(
        command,
        "trainer.monitor: ne of task buy is undefined on the validation rows (one "
        "class only: all 8 rows); give more validation rows",
    )
    assert "epoch" not in command.stdout


@pytest.mark.slow
def test_command_tells_every_job_of_a_sweep(tmp_path):
    (tmp_path / "train.csv").write_text(text({30: "x,old,1"}))
    command = on_shop(tmp_path, "-m", "seed=1,2")
    assert command.returncode == 2
    first, second = command.stderr.splitlines()
    for job, line in ((0, first), (1, second)):
        assert line.startswith(f"mtl-train: error: job {job} ")
        assert "column 'age': row 30 holds 'old', not a number" in line
    assert cached_files(tmp_path) == []


@pytest.mark.slow
def test_command_tells_of_too_large_a_file_and_leaves_nothing_behind(tmp_path):
    rows = "".join(f"c{i % 7},{i},{i % 2}\n" for i in range(20_000))
    (tmp_path / "train.csv").write_text(f"{HEADER}\n{rows}")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))  # bytes a file
    try:
        command = on_shop(tmp_path, run=run_cold)  # which inherits the limit
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert command.returncode == 1
    warning, line = command.stderr.splitlines()
    assert f"cannot keep encoded data in {tmp_path}/cache: " in warning
    assert line.startswith("mtl-train: error: cannot write encoded data to ")
    assert cached_files(tmp_path) == []


@pytest.mark.slow
def test_command_tells_a_name_over_two_lines_in_one(tmp_path):
    command = on_shop(tmp_path, "dataset.train='a\nb.csv'")
    assert_told(command, "dataset.train: no file 'a b.csv'")


def test_groups_of_times_differ_in_their_nanoseconds() -> None:
    times = pa.array([1, 2, None, 1], pa.time64("ns"))
    groups = GroupCodes("time").encode(pa.table({"time": times}))
    assert groups is not None and groups.tolist() == [0, 1, -1, 0]


def test_groups_of_lists_are_refused_in_each_chunk() -> None:
    codes = GroupCodes("user")
    groups = codes.encode(pa.table({"user": ["a", None, "b", "a"]}))
    assert groups is not None and groups.tolist() == [0, -1, 1, 0]
    with pytest.raises(DataError, match="'user': needs a number"):
        codes.encode(pa.table({"user": [["a"]]}))
    assert GroupCodes(None).encode(pa.table({"user": [1]})) is None
