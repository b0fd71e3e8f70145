"""Claims that hold for all inputs, tried on many: ids, encoded rows, overrides."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import fitted_features
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtl_cli.cli.arguments import hydra_arguments
from mtl_cli.cli.hydra_errors import explain
from mtl_cli.columns.fitters import VocabularyFitter
from mtl_cli.columns.vocabulary import as_categorical, hash_ids, vocabulary_ids
from mtl_cli.config.check import check
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import printable
from mtl_cli.core.paths import conf_folder
from mtl_cli.data.dataset import Dataset

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)

# Ids.

WORDS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "a", "A", "0", "00", "-0", "1", "01", "\x1f", "é", "e\u0301"]
    ),
    st.text(max_size=4),
)
NUMBERS = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
COLUMNS = st.one_of(st.lists(WORDS, max_size=30), st.lists(NUMBERS, max_size=30))


def column(values):
    kind = pa.int64() if any(isinstance(v, int) for v in values) else pa.string()
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.slow
@given(COLUMNS, st.integers(1, 3), st.integers(0, 30))
@PROPERTY
def test_vocabulary_is_a_sorted_dict_of_frequent_values(values, min_count, cut):
    fitter = VocabularyFitter(lambda table: None, min_count)
    for part in (values[:cut], values[cut:]):  # as chunks of a file
        fitter.count(*as_categorical("x", column(part)))
    words = [None if v in (None, "") else str(v) for v in values]
    frequent = {w for w in words if w is not None and words.count(w) >= min_count}
    vocabulary = fitter.learnt()["vocabulary"]
    assert sorted(frequent) == sorted(vocabulary)
    if any(isinstance(v, int) for v in values):
        assert vocabulary == sorted(vocabulary, key=int)
    known = pa.array(vocabulary, pa.string())
    found = vocabulary_ids(as_categorical("x", column([*values, None])), known)
    place = {word: i + 1 for i, word in enumerate(vocabulary)}
    assert found.tolist() == [place.get(word, 0) for word in [*words, None]]


@given(COLUMNS, st.integers(2, 50))
@PROPERTY
def test_hash_depends_on_the_value_alone_and_fits_its_buckets(values, num_buckets):
    whole = hash_ids(as_categorical("x", column(values)), num_buckets).tolist()
    for value, bucket in zip(values, whole, strict=True):
        alone = hash_ids(as_categorical("x", column([value])), num_buckets)
        as_text = hash_ids(
            as_categorical("x", column([None if value is None else str(value)])),
            num_buckets,
        )
        assert alone == as_text == bucket
        assert (bucket == 0) == (value in (None, ""))
        assert 0 <= bucket <= num_buckets


TABLES = st.lists(
    st.tuples(
        WORDS, st.floats(-1e9, 1e9), st.lists(st.sampled_from("abc"), max_size=4)
    ),
    min_size=1,
    max_size=20,
)
FEATURES = {
    "word": {"kind": "sparse"},
    "bucket": {"kind": "hashed", "num_buckets": 5},
    "pair": {"kind": "cross", "columns": ["word", "bucket"]},
    "list": {"kind": "sequence", "max_length": 2},
    "x": {"kind": "dense", "transform": "quantile"},
    "y": {"kind": "bucketized", "num_buckets": 3},
    "z": {"kind": "piecewise_linear", "num_buckets": 3},
}


def table(rows):
    words, numbers, lists = (list(cells) for cells in zip(*rows, strict=True))
    return pa.table(
        {
            "word": pa.array(words, pa.string()),
            "bucket": pa.array(words, pa.string()),
            "list": pa.array(lists, pa.list_(pa.string())),
            **{name: pa.array(numbers, pa.float64()) for name in "xyz"},
        }
    )


def features():
    keys = {"name": "x", "train": "x", "valid": None, "test": None, "split_seed": 0}
    tasks = {"y": {"label": "label", "kind": "binary"}}
    keys |= {"valid_fraction": 0.0, "features": FEATURES, "tasks": tasks}
    return Dataset.model_validate(keys).features


# Numbers so close to 0 that the slope between two quantiles of them is infinite.
CLOSE_TO_ZERO = [(None, x, []) for x in (0.0, 1.0, 1.0, 1.0, 1.0, 2e-313, -2e-313)]


@pytest.mark.slow
@given(TABLES, TABLES)
@example(CLOSE_TO_ZERO, [(None, 0.0, [])])
@PROPERTY
def test_row_is_encoded_alike_whatever_rows_are_beside_it(train, other):
    feature_set = fitted_features(features(), table(train))
    rows = [*train, *other]
    whole = feature_set.encode(table(rows))
    assert (whole["ids"] >= 0).all()
    layout = feature_set.layout
    tables = [b.table for b in layout.blocks.values() if b.input == "ids"]
    sizes = [layout.tables[table].size for table in tables]
    assert (whole["ids"] < sizes).all()
    assert all(np.isfinite(x).all() for x in whole.values())
    for i, row in enumerate(rows[:5]):
        for name, x in feature_set.encode(table([row])).items():
            np.testing.assert_array_equal(x[0], whole[name][i], strict=True)


# Overrides: whatever is typed composes, or is told in one line.

KEYS = st.sampled_from(
    [
        *[
            "seed",
            "tasks",
            "model",
            "model.name",
            "model.dropout",
            "model.expert_units",
        ],
        *["dataset", "dataset.name", "dataset.train", "dataset.tasks", "dataset.csv"],
        *["dataset.features.age.kind", "optimizer.learning_rate", "trainer.monitor"],
        *[
            "hydra.run.dir",
            "hydra.sweep.dir",
            "hydra",
            "hydra.job",
            "encoder",
            "",
            "a.b",
        ],
        *["trainer.epochs", "check_only", "experiment", "defaults", "_target_", "a@b"],
    ]
)
TEXT = st.one_of(
    st.text("ab01.,:=-_ '\"[]{}()$\\/~+@!%&*?#é\n\t", max_size=12),
    st.sampled_from(
        ["null", "true", "[]", "{}", "1e999", "nan", "-1", "9" * 400, "???"]
    ),
    st.sampled_from(
        ["${seed}", "${oc.env:NOTHING}", "${", "${a", "range(3)", "glob(*)"]
    ),
    st.sampled_from(
        ["[1,2]", "{a: 1}", "[[[]]]", "../x", "/etc/passwd", "choice(1,2)"]
    ),
)


@pytest.mark.slow
@given(
    st.sampled_from(["", "+", "++", "~"]), KEYS, st.sampled_from(["=", "", "=="]), TEXT
)
@example("", "dataset.group", "=", "!!binary aGk=")
@settings(max_examples=60, deadline=None, derandomize=True)
def test_override_composes_or_is_told_in_one_line(mark, key, sign, value):
    argument = f"{mark}{key}{sign}{value}"
    try:
        arguments = hydra_arguments([argument])
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            composed = compose("config", arguments)
    except ConfigError as error:
        told = str(error)
    except Exception as error:  # of Hydra, which `main` explains
        told = explain(error, [argument])
    else:
        try:
            check(composed)
            return
        except ConfigError as error:
            told = str(error)
    told = printable(told)
    assert told.strip()
    assert told.isprintable()
