"""`mtl-init` takes no odd label or column wrongly in silence, and checks its proposals.

Each case says what is proposed, and what the terminal tells of it. Each proposal passes
`mtl-train check_only=true`, or the terminal says that it does not.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from helpers.commands import refused
from helpers.slow import slow_except

from mtl_cli.core.errors import DataError
from mtl_cli.init import dataset_proposal, name_hints, preview
from mtl_cli.init.column_profile import profile_column
from mtl_cli.init.column_proposal import ColumnProposal
from mtl_cli.init.shared_table import share_table
from mtl_cli.init.spaces import notes_on_spaces
from mtl_cli.init.task_rules import is_count_or_amount, propose_task

Run = Callable[..., tuple[int, str, str]]
ROWS = 600
RANDOM = np.random.default_rng(0)
CLICK = RANDOM.integers(0, 2, ROWS)
EVERY = np.arange(ROWS)
WORDS = np.array(["red", "green", "blue"])[EVERY % 3]
STARS = EVERY % 5 + 1
# 300, 150, 75, 37, ... of the numbers 0, 1, 2, 3, ...
COUNTS = np.minimum(np.floor(-np.log2(1 - (EVERY + 0.5) / ROWS)), 6).astype(int)
REFUSED = "mtl-train refuses the data set as it is"


def texts(values: Any, odd: dict[int, str] | None = None) -> list[str]:
    """Returns values as text, with other text in some rows, counted from 1."""
    cells = [str(value) for value in values]
    for row, text in (odd or {}).items():
        cells[row - 1] = text
    return cells


def with_gaps(values: Any) -> pd.Series:
    """Returns numbers as floats, of which each tenth is missing."""
    return pd.Series(values, dtype="float64").mask(EVERY % 10 == 3)


def with_numbers(values: Any, odd: dict[int, float]) -> pd.Series:
    """Returns numbers with other numbers in some rows, counted from 1."""
    dtype = "float64" if any(v % 1 for v in odd.values()) else None
    column = pd.Series(values, dtype=dtype, copy=True)
    for row, number in odd.items():
        column[row - 1] = number
    return column


def written() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        Path("conf/dataset/t.yaml").read_text("utf-8")
    )
    return values


def check_that_it_trains_or_says_so(out: str) -> None:
    """Compares what `mtl-train` finds with what `mtl-init` has said of it."""
    code, _, error, _ = refused(Path.cwd(), "dataset=t", "check_only=true")
    assert (code, REFUSED in out) in ((0, False), (2, True)), error


YES_NO = np.where(CLICK, "yes", "no")
ONE = {"kind": "binary", "positive": 1}
TEXT_ONE = {"kind": "binary", "positive": "1"}  # among words; it equals 1
PLAIN = {"kind": "binary", "positive": None}
REGRESSION = {"kind": "regression", "transform": "standard"}
STARS_TASK = {"kind": "multiclass", "classes": [1, 2, 3, 4, 5]}
TIMES = 1.7e12 + RANDOM.normal(0, 1000, ROWS)
AMOUNTS = RANDOM.exponential(9, ROWS).round(2)

# {case: (file's format, task, label column, the task's keys or the error, the text)}
LABELS: dict[str, tuple[str, str, Any, dict[str, Any] | str, str]] = {
    "a_2": ("csv", "y", texts(CLICK, {17: "2"}), ONE, "count as 0: '2' in row 17"),
    "perhaps_counts": (
        "csv",
        "y",
        texts(CLICK, {17: "2"}),
        ONE,
        "if the labels are counts, write regression (without positive)",
    ),
    "yes": (
        "csv",
        "y",
        texts(CLICK, {17: "yes"}),
        TEXT_ONE,
        "count as 0: 'yes' in row 17",
    ),
    "minus_1": (
        "csv",
        "y",
        texts(CLICK, {17: "-1"}),
        ONE,
        "count as 0: '-1' in row 17",
    ),
    "parts_of_booleans": (
        "csv",
        "y",
        np.where(EVERY < 400, texts(CLICK), texts(CLICK == 1)),
        {"kind": "binary", "positive": ["1", "True"]},
        "the other values are 0, False",
    ),
    "half": ("csv", "y", texts(CLICK, {17: "0.5"}), ONE, "count as 0: '0.5' in row 17"),
    "large": (
        "csv",
        "y",
        texts(CLICK, {600: "1e9"}),
        ONE,
        "count as 0: '1e9' in row 600",
    ),
    "several": (
        "csv",
        "y",
        texts(CLICK, {3: "2", 9: "x", 17: "2", 30: "2", 31: "2"}),
        TEXT_ONE,
        "count as 0: '2', 'x' in rows 3, 9, 17 and 2 more",
    ),
    "NA": ("csv", "y", texts(CLICK, {17: "NA"}), PLAIN, "'NA' counts as an empty cell"),
    "null": (
        "csv",
        "y",
        texts(CLICK, {17: "null"}),
        PLAIN,
        "'null' counts as an empty",
    ),
    "question": ("csv", "y", texts(CLICK, {17: "?"}), PLAIN, "'?' counts as an empty"),
    "dash": ("csv", "y", texts(CLICK, {17: "-"}), PLAIN, "'-' counts as an empty cell"),
    "nan": ("csv", "y", texts(CLICK, {17: "nan"}), PLAIN, "'nan' counts as an empty"),
    "hive": ("csv", "y", texts(CLICK, {17: r"\N"}), PLAIN, r"'\N' counts as an empty"),
    "NA_and_2": ("csv", "y", texts(CLICK, {17: "2", 18: "NA"}), ONE, "'2' in row 17"),
    "spaces": ("csv", "y", texts(CLICK, {17: "   "}), PLAIN, "of 599 labels, 0.2% mi"),
    "empty": ("csv", "y", texts(CLICK, {17: ""}), PLAIN, "of 599 labels, 0.2% missing"),
    "padded": ("csv", "y", [f" {x}" for x in CLICK], PLAIN, "of 600 labels are 1"),
    "typed_2": ("parquet", "y", with_numbers(CLICK, {17: 2}), ONE, "'2' in row 17"),
    "typed_half": (
        "parquet",
        "y",
        with_numbers(CLICK, {17: 0.5}),
        ONE,
        "'0.5' in row 17",
    ),
    "typed_NA": (
        "parquet",
        "y",
        texts(CLICK, {17: "NA"}),
        TEXT_ONE,
        "count as 0: 'NA' in row 17",
    ),
    "typed_gaps": (
        "parquet",
        "y",
        with_gaps(CLICK),
        PLAIN,
        "10.0% missing (not counted)",
    ),
    "booleans": ("parquet", "y", CLICK == 1, PLAIN, "of 600 labels are 1"),
    "decimals": ("csv", "y", with_gaps(CLICK), PLAIN, "10.0% missing (not counted)"),
    "two_ways": ("csv", "y", texts(CLICK, {17: "1.0"}), PLAIN, "of 600 labels are 1"),
    "yes_no": (
        "csv",
        "y",
        YES_NO,
        {"positive": "yes"},
        "1 is yes: the other value is no",
    ),
    "maybe": (
        "csv",
        "y",
        texts(YES_NO, {5: "maybe"}),
        {"positive": "yes"},
        "'maybe' in",
    ),
    "Yes": ("csv", "y", texts(YES_NO, {5: "Yes"}), {"kind": "binary"}, "1 is yes, Yes"),
    "no_NA": (
        "csv",
        "y",
        texts(YES_NO, {5: "NA"}),
        {"positive": "yes"},
        "'NA' counts as",
    ),
    "ja_nein": (
        "csv",
        "y",
        texts(np.where(EVERY % 4, "Ja", "Nein"), {5: "NA", 6: "ja", 8: "ja"}),
        {"kind": "binary"},
        "1 is Ja, ja: the other value is Nein",
    ),
    "python": ("csv", "y", CLICK == 1, {"positive": "True"}, "1 is True: the other"),
    "signs": ("csv", "y", 2 * CLICK - 1, ONE, "1 is 1: the other value is -1"),
    "sign_0": (
        "csv",
        "y",
        texts(2 * CLICK - 1, {7: "0"}),
        ONE,
        "count as 0: '0' in row 7",
    ),
    "one_two": ("csv", "y", 1 + (EVERY % 3 == 0), {"positive": 2}, "1 is 2: the rarer"),
    "zero_is_rarer": (
        "csv",
        "y",
        np.where(EVERY % 3 == 0, 0, 100),
        {"positive": 100},
        "1 is 100: the other value is 0",
    ),
    "not_is_rarer": (
        "csv",
        "y",
        np.where(EVERY % 3 == 0, "Not opened", "Opened"),
        {"positive": "Opened"},
        "1 is Opened: the other value is Not opened",
    ),
    "rejected_is_rarer": (
        "csv",
        "approved",
        np.where(EVERY % 3 == 0, "Rejected", "Approved"),
        {"positive": "Approved"},
        "1 is Approved: of 2 values, the value named as the task",
    ),
    "counts": ("csv", "y", COUNTS, REGRESSION, "taken for amounts; if these are"),
    "clicks": (
        "csv",
        "clicks",
        EVERY % 9,
        REGRESSION,
        "taken for amounts; if these are",
    ),
    "nb": ("csv", "claim_nb", texts(CLICK, {17: "2"}), REGRESSION, "taken for amounts"),
    "num_items": (
        "parquet",
        "num_items",
        EVERY % 9 + 1.0,
        REGRESSION,
        "taken for amounts",
    ),
    "three": (
        "csv",
        "y",
        np.array([0, 0, 1, 1, 2])[EVERY % 5],
        {"kind": "multiclass", "classes": [0, 1, 2]},
        "3 classes; the rarest class is 2, with 120 rows; if the order",
    ),
    "gender_NA": (
        "csv",
        "y",
        np.array(["F", "M", "M", "NA"])[EVERY % 4],
        {"kind": "multiclass", "classes": ["F", "M", "NA"]},
        "if NA means an unknown label, list it in csv.null_values",
    ),
    "stars": (
        "csv",
        "y",
        STARS,
        STARS_TASK,
        "5 classes; the rarest class is 5, with 120 rows",
    ),
    "pandas": (
        "csv",
        "y",
        with_gaps(STARS),
        STARS_TASK,
        "write regression (without classe",
    ),
    "floats": ("parquet", "y", with_gaps(STARS), STARS_TASK, "regression (without"),
    "stars_NA": (
        "csv",
        "y",
        texts(STARS, {9: "NA"}),
        STARS_TASK,
        "'NA' counts as an emp",
    ),
    "levels": ("csv", "price_level", EVERY % 4, {"kind": "multiclass"}, "4 classes"),
    "words": (
        "csv",
        "y",
        WORDS,
        {"classes": ["blue", "green", "red"]},
        "3 classes; the r",
    ),
    "word_NA": (
        "csv",
        "y",
        texts(WORDS, {9: "NA"}),
        {"kind": "multiclass"},
        "class is NA, with 1 row",
    ),
    "amounts": ("csv", "y", AMOUNTS, REGRESSION, "numbers from 0 to 6"),
    "amount_NA": (
        "csv",
        "y",
        texts(AMOUNTS, {9: "NA"}),
        REGRESSION,
        "'NA' counts as an",
    ),
    "times": ("parquet", "y", TIMES, REGRESSION, "numbers from 169999"),
    "constant": (
        "csv",
        "y",
        np.ones(ROWS, int),
        "nothing but '1'; a label needs two",
        "",
    ),
    "void": ("csv", "y", [""] * ROWS, "column 'y' holds no value", ""),
    "names": (
        "csv",
        "y",
        [f"w{i % 40}" for i in EVERY],
        "holds 40 different texts",
        "",
    ),
    "infinite": (
        "csv",
        "y",
        texts(AMOUNTS, {9: "inf"}),
        "the cells are numbers, except 'inf' in 1 cell",
        "",
    ),
    "dates": (
        "csv",
        "y",
        ["2026-01-31", "2026-02-01"] * 300,
        "holds times; a label is",
        "",
    ),
    "decimal_commas": (
        "csv",
        "y",
        [f"{x},5" for x in EVERY % 40],
        "holds 40 different texts; the cells are numbers with a sign, a unit, or comm",
        "",
    ),
    "few_decimal_commas": (
        "csv",
        "y",
        [f"{x},5" for x in EVERY % 5],
        {"kind": "multiclass"},
        "WARNING: the cells are numbers with a sign, a unit, or commas: write plain",
    ),
    "lists": ("parquet", "y", [[1, 2]] * ROWS, "holds lists; a label is a number", ""),
}


@pytest.mark.parametrize("case", slow_except([*LABELS][::30], LABELS))
def test_odd_label_is_told_and_the_proposal_is_one_that_trains(
    run: Run, case: str
) -> None:
    ending, task, column, expected, told = LABELS[case]
    frame = pd.DataFrame({task: column, "ad": EVERY // 7 % 9, "x": RANDOM.random(ROWS)})
    if ending == "csv":
        frame.to_csv("t.csv", index=False)
    else:
        frame.to_parquet("t.parquet")
    code, out, err = run(f"t.{ending}", "--task", task)
    if isinstance(expected, str):
        assert (code, out) == (2, "")
        assert expected in err
        return
    assert (code, err) == (0, "")
    assert told in out
    keys = written()["tasks"][task]
    assert expected.items() <= keys.items()
    check_that_it_trains_or_says_so(out)
    assert REFUSED not in out or case == "word_NA"  # its class has one row


USER = EVERY % 60
SIGNED_UP = [f"2025-0{1 + u % 9}-1{u % 7}" for u in USER]
SEEN = pd.date_range("2026-01-01", periods=ROWS, freq="h").astype(str)
PRICE_NA = texts(AMOUNTS, {5: "NA", 9: "NA"})
COUNTRY = np.array(["DE", "FR", "NA"])[EVERY % 3]
BUY = CLICK * (EVERY % 3 == 0)
TAGS = ["^".join(np.array(["a", "b", "c", "d"])[[i % 4, i // 4 % 4]]) for i in EVERY]
IDS = EVERY // 3 % 50

# {case: (format, columns besides `click` and `ad`, more arguments, expected keys of the
# data set, features that are proposed, columns that are not, what is told)}
TABLES: dict[
    str, tuple[str, dict[str, Any], str, dict[str, Any], set[str], set[str], str]
]
TABLES = {
    "sign_up_and_event": (
        "csv",
        {"user_id": USER, "signup": SIGNED_UP, "seen": SEEN},
        "",
        {"split_by": "time", "split_column": "seen"},
        {"user_id"},
        {"signup", "seen"},
        "each user_id has one time, so this is not",
    ),
    "sign_up_alone": (
        "parquet",
        {"user_id": USER, "created_at": pd.to_datetime(SIGNED_UP)},
        "",
        {"split_by": "random", "split_column": None},
        {"user_id"},
        {"created_at"},
        "each user_id has one time, so this is not",
    ),
    "release_of_a_film": (
        "csv",
        {"film": [f"f{u}" for u in USER], "released": SIGNED_UP},
        "",
        {"split_by": "random"},
        {"film"},
        {"released"},
        "each film has one time",
    ),
    "day_of_the_only_visit_of_each_known_user": (
        "csv",
        {"user_id": with_gaps(USER), "day": SIGNED_UP},
        "",
        {"split_by": "time", "split_column": "day"},
        {"user_id"},
        {"day"},
        "times are not a feature",
    ),
    "day_of_the_only_stay_of_each_patient": (
        "csv",
        {"patient_id": USER, "admitted": SIGNED_UP},
        "",
        {"split_by": "time", "split_column": "admitted"},
        {"patient_id"},
        {"admitted"},
        "times are not a feature",
    ),
    "two_days": (
        "csv",
        {"day": np.where(EVERY < ROWS // 2, "2026-01-01", "2026-01-02")},
        "",
        {"split_by": "random", "split_column": None},
        set(),
        {"day"},
        "not a feature: new rows have new times",
    ),
    "three_days": (
        "csv",
        {"day": np.array(["2026-01-01", "2026-01-02", "2026-01-03"])[EVERY % 3]},
        "",
        {"split_by": "time", "split_column": "day"},
        set(),
        {"day"},
        "not a feature: new rows have new times",
    ),
    "hours_of_three_days": (
        "csv",
        {"seen": pd.date_range("2026-01-01", periods=ROWS, freq="7min").astype(str)},
        "",
        {"split_by": "time", "split_column": "seen"},
        set(),
        {"seen"},
        "the test rows, the last 10% by seen, begin at 2026-01-03 15:00:00 and span "
        "less than a day",
    ),
    "time_of_a_session": (
        "csv",
        {"session_id": EVERY // 4, "ts": 1_700_000_000 + EVERY // 4 * 60},
        "",
        {"split_by": "time", "split_column": "ts"},
        set(),
        {"ts"},
        "not a feature: new rows have new times",
    ),
    "numbers_as_people_write_them": (
        "csv",
        {
            "percent": [f"{x % 90},{x % 7} %" for x in EVERY],
            "euros": [f"{x},50 €" for x in EVERY % 9],
            "dollars": [f"${1 + x % 3},{100 + x % 40}.26" for x in EVERY],
            "german": [f"{x % 3}.{100 + x % 40},5" for x in EVERY],
            "population": [f"{x % 30},{100 + x % 40}" for x in EVERY],
            "place": [f"52.{x % 40},13.{x % 30}" for x in EVERY],
            "until": [f"Jan {1 + x % 28}, 2026" for x in EVERY],
        },
        "",
        {"split_by": "random"},
        set(),
        {"percent", "euros", "dollars", "german", "population", "place", "until"},
        "with a sign, a unit, or commas",
    ),
    "codes_and_lists_of_digits": (
        "csv",
        {
            "zip": [f"0{1000 + x % 50}" for x in EVERY],
            "ids": [f"{100 + x % 7},{100 + x % 5},{100 + x % 3}" for x in EVERY],
            "shop_id": ["HQ" if x % 9 == 0 else str(x % 30) for x in EVERY],
        },
        "",
        {},
        {"zip", "ids", "shop_id"},
        set(),
        "",
    ),
    "propensity": (
        "csv",
        {"propensity": RANDOM.random(ROWS), "p": RANDOM.random(ROWS)},
        "",
        {"weight_column": None},
        {"p"},
        {"propensity"},
        "the probability that the row was shown",
    ),
    "weight": (
        "csv",
        {"weight": RANDOM.random(ROWS), "sample_weight": RANDOM.random(ROWS)},
        "",
        {"weight_column": None},
        set(),
        {"weight", "sample_weight"},
        "to use these weights of rows, write weight_column: weight",
    ),
    "sampling_rate": (
        "csv",
        {
            "sampling_rate": STARS / 5,
            "negSampleRate": np.where(USER % 3, 0.25, 1.0),
            "sample_rate": np.where(USER % 3, 44100, 48000),
        },
        "",
        {"tasks.click.sampling_rate": 1.0},
        {"sample_rate"},
        {"sampling_rate", "negSampleRate"},
        "to undo the sampling of negatives, write sampling_rate: negSampleRate at the",
    ),
    "requests": (
        "csv",
        {"request_id": [f"r{i // 4}" for i in EVERY], "imp_id": EVERY // 2 * 3},
        "",
        {},
        set(),
        {"request_id", "imp_id"},
        "ids of requests or sessions: new rows have new ids",
    ),
    "sessions": (
        "csv",
        {"sessionid": EVERY // 4, "session": TAGS, "order_item_id": EVERY // 3 % 40},
        "",
        {"group_column": "sessionid"},
        {"session", "order_item_id"},
        {"sessionid"},
        "sessionid      request             the name suggests ids of requests or sess",
    ),
    "events_with_many_rows": (
        "csv",
        {"event_id": USER % 9},
        "",
        {},
        {"event_id"},
        set(),
        "",
    ),
    "index_of_pandas": (
        "csv",
        {"Unnamed: 0": EVERY},
        "",
        {},
        set(),
        {"Unnamed: 0"},
        "pandas wrote its numbers of rows",
    ),
    "ids_of_single_rows_as_decimals": (
        "csv",
        {"customer_id": EVERY[::-1] * 7.0, "paid": 3.0 * EVERY[::-1]},
        "",
        {},
        {"paid"},
        {"customer_id"},
        "the value differs in nearly every row",
    ),
    "numbers_of_rows_as_decimals": (
        "csv",
        {"policy": EVERY + 1.0, "paid": 3.0 * EVERY[::-1]},
        "",
        {},
        {"paid"},
        {"policy"},
        "whole numbers that rise from row to row",
    ),
    "index_of_two_tables": (
        "parquet",
        {"__index_level_0__": EVERY % 300},
        "",
        {},
        set(),
        {"__index_level_0__"},
        "pandas wrote its numbers of rows",
    ),
    "NA_among_numbers": (
        "csv",
        {"price": PRICE_NA},
        "",
        {"csv.null_values": ["NA"]},
        {"price"},
        set(),
        "note: 'NA' counts as an empty cell, here in price; if",
    ),
    "NA_among_numbers_and_words": (
        "csv",
        {"price": PRICE_NA, "country": COUNTRY},
        "",
        {"csv.null_values": ["NA"]},
        {"price", "country"},
        set(),
        "'NA' counts as an empty cell, here in price, country; if 'NA' is a word in",
    ),
    "NA_among_words": (
        "csv",
        {"country": COUNTRY},
        "",
        {"csv.null_values": []},
        {"country"},
        set(),
        "3 distinct: DE, FR, NA",
    ),
    "null_among_times": (
        "csv",
        {"seen": texts(SEEN, {4: "null"})},
        "",
        {"csv.null_values": ["null"], "split_by": "random"},
        set(),
        {"seen"},
        "'null' counts as an empty cell, here in seen",
    ),
    "marks_of_two_kinds_and_spaces": (
        "csv",
        {"price": texts(AMOUNTS, {4: "?", 5: "-", 6: "  "})},
        "",
        {"csv.null_values": ["?", "-"], "csv.trim": True},
        {"price"},
        set(),
        "'-' counts as an empty cell, here in price",
    ),
    "marks_in_parquet": (
        "parquet",
        {"price": PRICE_NA},
        "",
        {"csv.null_values": []},
        set(),
        {"price"},
        "WARNING: the cells are numbers, except 'NA' in 2 cells, first in row 5: clear "
        "such cells, or list the text in csv.null_values if the file is a text file",
    ),
    "conversions_without_a_click": (
        "csv",
        {"buy": np.where(EVERY < 9, 1, BUY)},
        "--task buy --space buy:click",
        {"tasks.buy.space": "click"},
        set(),
        {"buy"},
        "where click is not 1, and these rows do not count for buy; if they should",
    ),
    "conversions_without_a_space": (
        "csv",
        {"buy": BUY},
        "--task buy",
        {"tasks.buy.space": None},
        set(),
        {"buy"},
        "to use only these rows for buy, add --space buy:click",
    ),
    "amounts_without_a_space": (
        "csv",
        {"spent": np.where(CLICK == 1, AMOUNTS, 0)},
        "--task spent",
        {"tasks.spent.kind": "regression", "tasks.spent.space": None},
        set(),
        {"spent"},
        "spent is above 0 only where click is 1 (with few exceptions or none); to use",
    ),
    "lists_with_carets": (
        "csv",
        {"tags": TAGS},
        "",
        {"features.tags.separator": "^", "features.tags.max_length": 2},
        {"tags"},
        set(),
        "",
    ),
    "lists_with_spaces": (
        "csv",
        {
            "tags": [tags.replace("^", "; ") for tags in TAGS],
            "genres": [tags.replace("^", " | ") for tags in TAGS],
        },
        "",
        {"features.tags.separator": "; ", "features.genres.separator": " | "},
        {"tags", "genres"},
        set(),
        "lists of 2, 4 distinct",
    ),
    "long_lists_of_more_items_than_rows": (
        "csv",
        {
            "history": [
                " ".join(f"N{item}" for item in RANDOM.integers(0, 900, 40))
                for _ in EVERY
            ],
            "note": [
                ", ".join(f"note {word}" for word in RANDOM.integers(0, 9000, 5))
                for _ in EVERY
            ],
        },
        "",
        {"features.history": {"kind": "sequence", "max_length": 40, "separator": " "}},
        {"history"},
        {"note"},
        "",
    ),
    "lists_of_items": (
        "csv",
        {
            "sku": [f"s{i * 7 % 300}" for i in EVERY],
            "viewed": [f"s{i % 290}|s{i // 2 % 290}" for i in EVERY],
            "brand": [f"b{i % 9}" for i in EVERY],
        },
        "",
        {
            "features.viewed": {
                "kind": "sequence",
                "max_length": 2,
                "separator": "|",
                "table": "sku",
            }
        },
        {"sku", "viewed"},
        set(),
        "",
    ),
    "ids_of_two_numbers": (
        "csv",
        {
            "user_pseudo_id": [f"10{u}.17{u}" for u in USER],
            "os_version": [f"{9 + u % 4}.{u % 11}" for u in USER],
            "price_index": AMOUNTS,
        },
        "",
        {
            "features.os_version.kind": "sparse",
            "features.user_pseudo_id.kind": "sparse",
            "features.price_index.kind": "piecewise_linear",
            "group_column": "user_pseudo_id",
        },
        {"user_pseudo_id"},
        set(),
        "",
    ),
    "decimals_named_as_ids": (
        "parquet",
        {"score_key": np.round(USER / 7, 2)},
        "",
        {},
        set(),
        {"score_key"},
        "mtl-train refuses the feature",
    ),
    "ids_with_decimals_in_text": (
        "csv",
        {"user_id": with_gaps(IDS)},
        "",
        {"features.user_id.kind": "sparse"},
        {"user_id"},
        set(),
        "the texts 4.0 and 4 are two ids; store the ids as whole numbers",
    ),
    "ids_in_floats": (
        "parquet",
        {"user_id": with_gaps(IDS)},
        "",
        {"features.user_id.kind": "sparse"},
        {"user_id"},
        set(),
        "whole numbers, 50 distinct, 10.0% missing",
    ),
    "lists_of_floats": (
        "parquet",
        {"seen": [[1.0, float(i % 4)] for i in EVERY]},
        "",
        {"features.seen": {"kind": "vector", "length": 2}},
        {"seen"},
        set(),
        "all numbers are whole: if they are ids, convert them to int64",
    ),
    "copy_of_an_amount": (
        "parquet",
        {"watched": TIMES, "copied": TIMES / 1000},
        "--task watched",
        {},
        set(),
        {"copied"},
        "mtl-train refuses the feature",
    ),
    "empty_texts_among_numbers": (
        "parquet",
        {"ctr": ["" if x % 9 == 0 else str(x / 8) for x in EVERY % 99]},
        "",
        {},
        {"ctr"},
        set(),
        "ctr",
    ),
    "positives_that_validation_rows_lack": (
        "csv",
        {"rare": 1 * (EVERY == 7)},
        "--task rare",
        {},
        set(),
        {"rare"},
        "WARNING: trainer.monitor: ne of task rare is undefined on the validation rows",
    ),
}


@pytest.mark.parametrize(
    "case", slow_except([*[*TABLES][::30], "hours_of_three_days"], TABLES)
)
def test_odd_table_is_told_and_the_proposal_is_one_that_trains(
    run: Run, case: str
) -> None:
    ending, columns, arguments, keys, features, others, told = TABLES[case]
    frame = pd.DataFrame({"click": CLICK, "ad": EVERY // 7 % 9} | columns)
    if ending == "csv":
        frame.to_csv("t.csv", index=False)
    else:
        frame.to_parquet("t.parquet")
    code, out, err = run(f"t.{ending}", "--task", "click", *arguments.split())
    assert (code, err) == (0, "")
    assert told in out
    values = written()
    assert features <= set(values["features"])
    assert not others & set(values["features"])
    for key, expected in keys.items():
        value: Any = values
        for name in key.split("."):
            value = value[name]
        assert value == expected, key
    check_that_it_trains_or_says_so(out)


@pytest.mark.parametrize(
    ("zeros", "is_told"),
    [
        (EVERY % 50 == 0, False),  # 12 rows lie outside, and 12 would by chance
        (EVERY % 25 == 0, True),
    ],
)
def test_space_is_told_if_labels_inside_are_no_chance(
    zeros: Any, is_told: bool
) -> None:
    columns = {"paid": np.where(zeros, 0, AMOUNTS + 1), "sold": np.where(zeros, 0, 1)}
    tasks = {
        name: propose_task(name, "", profile_column(name, pa.chunked_array([values])))
        for name, values in columns.items()
    }
    assert bool(notes_on_spaces(tasks, {})) == is_told
    # Most labels outside are above 0 too.
    tasks["paid"].y[zeros & (EVERY % 4 > 0)] = 1
    assert notes_on_spaces(tasks, {}) == []


@pytest.mark.parametrize(
    ("frequent", "rare", "positive"),
    [
        ("ja", "nein", "ja"),
        ("J", "N", "J"),
        ("NON", "OUI", "OUI"),
        ("sí", "no", "sí"),
        ("hay\u0131r", "evet", "evet"),
        ("нет", "да", "да"),
        ("はい", "いいえ", "はい"),
        ("ja", "no", "no"),  # two languages: these may be codes
        ("da", "no", "no"),
        ("S", "N", "N"),  # south and north, or sí and no
    ],
)
def test_yes_of_each_language_counts_as_1(
    frequent: str, rare: str, positive: str
) -> None:
    cells = pa.chunked_array([[frequent] * 7 + [rare] * 3])
    proposal = propose_task("y", "--task y", profile_column("y", cells))
    assert proposal.keys["positive"] == positive


# {numbers: the frequencies of the numbers 0, 1, 2 and so on; 0 for a gap}
COUNTED = {
    "stays in hospital": [2903, 373, 69, 19, 4, 5],
    "orders": [9313, 407, 27, 2, 0, 0, 0, 1],
    "visits": [2658, 542, 112, 19, 18, 6, 5, 8, 4, 1],
    "goals": [1570, 2508, 2338, 1475, 746, 304, 115, 40, 6, 4, 2, 2, 1],
    "drinks": [0, 2910, 2165, 972, 465, 222, 360, 69, 63, 9, 54, 3, 56, 4, 2, 8],
}
CLASSIFIED = {
    "digits": [109, 109, 112, 117, 129, 121, 121, 125, 100, 125],
    "even frequencies": [100, 100, 100, 100],
    "stars": [0, 19, 226, 792, 1329, 1225],
    "rare grades": [0, 4913, 329, 115, 88, 28],
    "usual grade": [25810, 2443, 5292, 873, 708],
    "answers": [500, 120, 110, 90, 60, 160, 40, 50, 40, 10, 20],
    "codes": [714, 294, 0, 123, 0, 20, 20, 2, 60, 59],
    "faults": [9000, 250, 260, 255, 245],
    "many faults": [9000, 200, 150, 120, 180, 90, 160, 110],
}


@pytest.mark.parametrize("case", [*COUNTED, *CLASSIFIED])
def test_counts_are_told_from_codes_and_grades(case: str) -> None:
    frequencies = (COUNTED | CLASSIFIED)[case]
    numbers = np.repeat(np.arange(len(frequencies)), frequencies)
    column = profile_column("y", pa.chunked_array([numbers]))
    assert is_count_or_amount("y", column) == (case in COUNTED)


def test_all_spellings_of_no_are_the_other_values(run: Run) -> None:
    labels = np.where(CLICK == 1, "yes", np.where(EVERY % 3 == 0, "No", "no"))
    frame = pd.DataFrame({"y": labels, "x": EVERY % 9})
    frame.to_csv("t.csv", index=False)
    code, out, _ = run("t.csv", "--task", "y")
    assert code == 0
    assert "1 is yes: the other values are no, No" in out


@pytest.mark.slow
def test_feature_that_mtl_train_refuses_is_left_out(run: Run) -> None:
    """It rises with the label, but not along a line, which mtl-init looks for."""
    frame = pd.DataFrame(
        {"paid": EVERY % 99, "ad": EVERY % 9, "code": (EVERY % 99) ** 3}
    )
    frame.to_csv("t.csv", index=False)
    code, out, _ = run("t.csv", "--task", "paid")
    assert code == 0
    assert "mtl-train refuses the feature: dataset.features.code: the " in out
    assert set(written()["features"]) == {"ad"}
    check_that_it_trains_or_says_so(out)


def test_empty_text_of_parquet_is_no_list_as_an_empty_cell_is_none() -> None:
    texts = ["a|b", "", "c", "", "a|b|c"]
    empty, missing = (
        profile_column("tags", pa.chunked_array([cells]))
        for cells in (texts, pa.array([text or None for text in texts]))
    )
    assert list(empty.codes < 0) == list(missing.codes < 0)
    for lists in (empty.split("|"), missing.split("|")):
        assert list(lists.lengths) == [2, 1, 3]
        assert sorted(lists.elements.values.to_pylist()) == ["a", "b", "c"]


LISTS = {
    "nulls": (pa.array([[None]] * ROWS, pa.list_(pa.string())), "only empty values"),
    "whole_nulls": (pa.array([[None]] * ROWS, pa.list_(pa.int64())), "only empty valu"),
    "structs": (pa.array([[{"a": 1}]] * ROWS), "lists of struct<a: int64>: con"),
    "floats": (pa.array([[0.5, 1.5]] * ROWS), "kind: vector"),
    "session": (pa.array([[u, u + 1] for u in USER.tolist()]), ""),
    "click_times": (
        pa.array([[1_700_000_000 + u, 1_700_000_900] for u in USER.tolist()]),
        "new rows have new times",
    ),
    "times_in_text": (
        pa.array(
            [f"{1_700_000_000 + u % 9}|{1_700_000_900 + u % 7}" for u in USER.tolist()]
        ),
        "new rows have new times",
    ),
    "dates": (
        pa.array([f"2026-01-0{1 + u % 9}|2026-02-0{1 + u % 7}" for u in USER.tolist()]),
        "new rows have new times",
    ),
}


@pytest.mark.parametrize("case", slow_except(["session", "structs"], LISTS))
def test_list_is_a_feature_or_left_out_and_no_group(run: Run, case: str) -> None:
    lists, told = LISTS[case]
    name = case if "times" in case else "session"
    table = {"click": CLICK, "ad": EVERY // 7 % 9, name: lists}
    pa.parquet.write_table(pa.table(table), "t.parquet")
    code, out, err = run("t.parquet", "--task", "click")
    assert (code, err) == (0, "")
    assert told in Path("conf/dataset/t.yaml").read_text()
    assert (name in written()["features"]) == (case in ("session", "floats"))
    assert written()["group_column"] is None
    check_that_it_trains_or_says_so(out)
    assert REFUSED not in out


def test_rows_of_large_cells_are_not_all_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_BYTES", 4_000)
    monkeypatch.setattr(preview, "ROWS_PER_READ", 100)
    frame = pd.DataFrame({"click": CLICK, "ad": EVERY // 7 % 9})
    frame.to_parquet("t.parquet")
    assert run("t.parquet", "--task", "click")[0] == 0
    text = Path("conf/dataset/t.yaml").read_text()
    assert "from 300 of the rows of t.parquet" in text


def test_table_with_too_many_columns_is_refused_before_it_is_read(run: Run) -> None:
    names = [*(f"c{i}" for i in range(5_000)), "click"]
    rows = [names, ["0"] * len(names), ["1"] * len(names)]
    Path("t.csv").write_text("\n".join(map(",".join, rows)))
    code, _, error = run("t.csv", "--task", "click")
    assert code == 2
    assert "'t.csv' has 5,001 columns; mtl-init reads at most 5,000: remove" in error


def test_each_name_is_searched_once_for_users_and_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 3,000 times took 35 s, as the names of all columns were searched for each time.
    names: list[str] = []

    def has_word(name: str, _: list[str]) -> bool:
        names.append(name)
        return False

    monkeypatch.setattr(dataset_proposal, "has_word", has_word)
    click = profile_column("click", pa.chunked_array([[0, 1] * 50]))
    time = pa.chunked_array([pa.array([*range(50)] * 2, pa.timestamp("s"))])
    times = [profile_column(f"seen {i}", time) for i in range(20)]
    with pytest.raises(DataError, match="no column is left for a feature"):
        dataset_proposal.propose_dataset([click, *times], {"click": "click"}, {})
    assert len(names) == 21


def test_each_name_is_split_a_few_times_to_find_shared_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 2,000 times took 40 s, as the names of all columns were split for each column.
    names: list[str] = []

    def split_words(name: str) -> list[str]:
        names.append(name)
        return name.split()

    monkeypatch.setattr(name_hints, "split_words", split_words)
    values = pa.chunked_array([[f"v{i}" for i in range(30)] * 2])
    proposals = [
        ColumnProposal(
            profile_column(f"wide {i}", values), "feature", {"kind": "sparse"}
        )
        for i in range(100)
    ]
    for proposal in proposals:
        assert share_table(proposal, proposals) is proposal
    assert len(names) < 100 * 20
