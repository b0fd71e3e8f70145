"""Claims that hold for all inputs, tried on many: vocabularies, metrics, overrides."""

import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics
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
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.regression import Regression

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
    sizes = [layout.tables[b.table].size for b, _ in layout.blocks_of("ids")]
    assert (whole["ids"] < sizes).all()
    assert all(np.isfinite(x).all() for x in whole.values())
    for i, row in enumerate(rows[:5]):
        for name, x in feature_set.encode(table([row])).items():
            np.testing.assert_array_equal(x[0], whole[name][i], strict=True)


# Metrics: few distinct predictions, so that most are tied.

ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.0, 1e-9, 0.1, 0.25, 0.5, 0.9, 1 - 1e-9, 1.0]),
        st.sampled_from([0.0, 0.5, 1.0, 3.0]),
        st.floats(-5, 5),
    ),
    max_size=25,
)


@pytest.mark.slow
@given(ROWS)
@PROPERTY
def test_metrics_of_binary_rows_equal_scikit_learns_or_say_why_not(rows):
    y, p, w, _ = np.array(rows, "float64").reshape(-1, 4).T
    found = score(Binary(label="y"), y, p, w)
    y, p, w = (x[w > 0] for x in (y, p, w))
    assert (found["rows"], found["positives"]) == (len(y), int(y.sum()))
    for name, value in found.items():
        assert value is not None or name in found["why"]
    if not len(y):
        assert found["log_loss"] is None
        return
    sure = np.clip(p, 1e-7, 1 - 1e-7)
    loss = sklearn.metrics.log_loss(y, sure, sample_weight=w, labels=[0, 1])
    assert found["log_loss"] == pytest.approx(loss, rel=1e-9)
    assert (found["auc"] is None) == (found["pr_auc"] is None) == (len(set(y)) < 2)
    if found["auc"] is not None:
        area = sklearn.metrics.roc_auc_score(y, p, sample_weight=w)
        precision = sklearn.metrics.average_precision_score(y, p, sample_weight=w)
        assert found["auc"] == pytest.approx(area, rel=1e-9, abs=1e-12)
        assert found["pr_auc"] == pytest.approx(precision, rel=1e-9)
        turned = score(Binary(label="y"), y, 1 - p, w)["auc"]
        if len(np.unique(1 - p)) == len(np.unique(p)):  # 1 - 1e-9 may round
            assert turned == pytest.approx(1 - area, abs=1e-9)


@given(ROWS)
@PROPERTY
def test_metrics_of_regressions_equal_scikit_learns_or_say_why_not(rows):
    _, p, w, y = np.array(rows, "float64").reshape(-1, 4).T
    found = score(Regression(label="y"), y, p, w)
    y, p, w = (x[w > 0] for x in (y, p, w))
    if not len(y):
        assert found["rmse"] is None and "rmse" in found["why"]
        return
    options = {"sample_weight": w}
    error = sklearn.metrics.mean_squared_error(y, p, **options)
    assert found["rmse"] ** 2 == pytest.approx(error, rel=1e-9)
    error = sklearn.metrics.mean_absolute_error(y, p, **options)
    assert found["mae"] == pytest.approx(error, rel=1e-9)
    assert (found["r2"] is None) == (len(set(y)) < 2)
    if np.ptp(y) > 1e-3:  # of smaller ones both are mostly rounding
        assert found["r2"] == pytest.approx(sklearn.metrics.r2_score(y, p, **options))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(1, 9)] * 3), max_size=20))
@PROPERTY
def test_metrics_of_classes_equal_scikit_learns(rows):
    cells = np.array(rows, "float64").reshape(-1, 4)
    y, p = cells[:, 0], cells[:, 1:] / cells[:, 1:].sum(axis=1, keepdims=True)
    found = score(Multiclass(label="y", classes=[0, 1, 2]), y, p, np.ones(len(y)))
    if not len(y):
        assert found["log_loss"] is None
        return
    loss = sklearn.metrics.log_loss(y, p, labels=[0, 1, 2])
    assert found["log_loss"] == pytest.approx(loss, rel=1e-9)
    assert found["accuracy"] == (p.argmax(axis=1) == y).mean()
    classes = np.unique(y).astype("int64")
    if len(classes) == 1:
        assert found["macro_auc"] is None
    else:
        aucs = [sklearn.metrics.roc_auc_score(y == c, p[:, c]) for c in classes]
        assert found["macro_auc"] == pytest.approx(np.mean(aucs), rel=1e-9)


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
