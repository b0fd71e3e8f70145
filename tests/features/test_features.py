"""Features: learnt from training rows only, then turned into ids and numbers."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
import sklearn.preprocessing
from helpers.planted_data import fitted_features
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtl_cli.columns.numeric import cuts
from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.dense import Dense
from mtl_cli.features.piecewise_linear import PiecewiseLinear
from mtl_cli.features.sparse import Sparse

SPARSE = Sparse(kind="sparse")
FLOAT32 = 1e-6  # what `transform` returns is rounded to float32
MORE_THAN_A_DOUBLE_HOLDS = 2**53 + 1


def fitted(feature, values):
    """An features of one column `x`."""
    return fitted_features({"x": feature}, table(values))


def table(values):
    """A table of one column `x`; None is a missing value."""
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.table({"x": column})


def ids(features, values):
    """The ids of one sparse or bucketized column."""
    return features.encode(table(values))["ids"][:, 0].tolist()


def dense(features, values):
    """The numbers of one dense or piecewise-linear column: (rows, K)."""
    return features.encode(table(values))["dense"]


# Sparse


def test_vocabulary_comes_from_training_rows_only():
    features = fitted(SPARSE, ["b", "a", "c", "a"])
    assert ids(features, ["a", "b", "c"]) == [1, 2, 3]
    assert ids(features, ["c", "zebra", "aa", "a"]) == [3, 0, 0, 1]
    assert features.layout.tables["x"].size == 4


def test_missing_sparse_values_share_index_0_with_unseen_ones():
    features = fitted(SPARSE, ["b", None, "a"])
    assert ids(features, [None, "a", "b", "?"]) == [0, 1, 2, 0]


def test_column_without_a_value_in_training_has_one_index():
    features = fitted(SPARSE, pa.array([None, None], pa.string()))
    assert features.layout.tables["x"].size == 1
    assert ids(features, ["a", None]) == [0, 0]


@pytest.mark.parametrize("gap", [[], [None]], ids=["no_gap", "gap"])
def test_ids_above_2_to_the_53_and_negative_ids_are_exact(gap):
    huge = MORE_THAN_A_DOUBLE_HOLDS
    values = [-huge, -huge + 1, -1, 0, huge - 1, huge, 2**63 - 1]
    assert len({float(v) for v in values}) < len(values)
    features = fitted(SPARSE, values[::-1] + gap)
    assert ids(features, values + gap) == [1, 2, 3, 4, 5, 6, 7] + [0] * len(gap)
    assert ids(features, [huge + 1, -huge - 1]) == [0, 0]


def test_booleans_are_sparse_values():
    assert ids(fitted(SPARSE, [True, False]), [False, True, None]) == [1, 2, 0]


def test_strings_are_told_apart_by_every_character():
    values = ["", " ", "A", "a", "a ", "NA", "nan", "ä"]
    features = fitted(SPARSE, values)
    assert ids(features, sorted(values)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_values_rarer_than_min_count_share_index_0():
    features = fitted(
        Sparse(kind="sparse", min_count=2), ["a", "b", "b", "c", "c", "c"]
    )
    assert features.learnt["x"]["vocabulary"] == ["b", "c"]
    assert ids(features, ["a", "b", "c"]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (pa.array([1, 300], pa.int64()), pa.array([1, 2], pa.int8()), [1, 0]),
        (pa.array([1, 7], pa.int8()), pa.array([7, 300], pa.int64()), [2, 0]),
        (pa.array(["a"]), pa.array(["a", "b"], pa.large_string()), [1, 0]),
        (pa.array([1, 7]), pa.array([None, None]), [0, 0]),
    ],
    ids=["narrower_integers", "wider_integers", "large_strings", "all_missing"],
)
def test_equal_values_are_equal_whatever_type_holds_them(train, test, expected):
    # Each CSV file gets the types that its own rows need.
    assert ids(fitted(SPARSE, train), test) == expected


@pytest.mark.parametrize(
    ("train", "test"), [([1, 7], ["7", "?"]), (["7", "?"], [1, 7])]
)
def test_ids_are_the_same_as_numbers_and_as_text(train, test):
    features = fitted(SPARSE, train)
    place = features.learnt["x"]["vocabulary"].index("7") + 1
    found = features.encode(table(test))["ids"][:, 0].tolist()
    assert found == [place if value in (7, "7") else 0 for value in test]


def test_floats_as_sparse_are_refused_with_what_to_do():
    with pytest.raises(DataError) as caught:
        fitted(SPARSE, [1.0, 2.5])
    assert "feature x: needs whole numbers" in str(caught.value)
    assert "double" in str(caught.value)
    assert "bucketized" in str(caught.value)


# Cuts


def buckets_of(x, num_buckets):
    """How many training rows fall into each bucket, and the bucket of each row."""
    x = np.asarray(x, "float64")
    features = fitted(Bucketized(kind="bucketized", num_buckets=num_buckets), x)
    size = features.layout.tables["x"].size
    assigned = np.array(ids(features, x))
    return np.bincount(assigned, minlength=size)[1:], assigned


@pytest.mark.parametrize("sign", [1, -1], ids=["above_zero", "below_zero"])
@pytest.mark.parametrize("num_buckets", [5, 16, 64])
def test_value_of_most_rows_has_its_own_bucket_and_the_rest_share_evenly(
    num_buckets, sign
):
    random = np.random.default_rng(0)
    x = sign * np.where(random.random(20_000) < 0.8, 0, random.lognormal(7, 1, 20_000))
    counts, assigned = buckets_of(x, num_buckets)
    (home,) = set(assigned[x == 0])
    assert (assigned == home).sum() == (x == 0).sum()
    others = np.delete(counts, home - 1)
    assert num_buckets - 2 <= len(others) <= num_buckets - 1
    assert others.max() - others.min() <= 2  # a quantile rounds to a whole row


def test_heavy_value_in_the_middle_has_its_own_bucket():
    x = np.concatenate([np.linspace(-1, 1, 1001), np.full(800, 0.25)])
    counts, assigned = buckets_of(x, 10)
    (home,) = set(assigned[x == 0.25])
    assert set(x[assigned == home]) == {0.25}
    assert len(counts) <= 10


def test_buckets_of_distinct_values_are_equal_in_rows():
    x = np.random.default_rng(1).permutation(1000).astype("float64")
    counts, _ = buckets_of(x, 10)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1


def test_few_distinct_values_have_a_bucket_each():
    assert cuts(np.array([3.0, 1, 2, 1, 1]), 3) == [2, 3]
    assert cuts(np.array([3.0, 3, 3]), 3) == []


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
HEAVY = st.tuples(NUMBERS | st.integers(-9, 9).map(float), st.integers(1, 30))
COLUMNS = st.one_of(
    st.lists(NUMBERS, min_size=1),
    st.lists(HEAVY, min_size=1, max_size=12).map(
        lambda runs: [value for value, times in runs for _ in range(times)]
    ),
)
PROPERTY = settings(max_examples=300, deadline=None, derandomize=True)


@given(COLUMNS, st.integers(2, 12))
@example([0.0, 1.0, 1.0, 2.0], 2)
@example([0.0] + [1.0] * 3 + [2.0] + [3.0] * 3 + [4.0], 3)
@PROPERTY
def test_there_are_never_more_than_num_buckets_buckets(values, num_buckets):
    found = cuts(np.array(values), num_buckets)
    assert len(found) + 1 <= num_buckets


@given(COLUMNS, st.integers(2, 12))
@PROPERTY
def test_no_bucket_is_empty_and_greater_values_have_greater_buckets(
    values, num_buckets
):
    counts, assigned = buckets_of(values, num_buckets)
    assert (counts > 0).all()
    order = np.argsort(values)
    assert (np.diff(assigned[order]) >= 0).all()
    same = np.diff(np.array(values)[order]) == 0
    assert (np.diff(assigned[order])[same] == 0).all()


@given(COLUMNS, COLUMNS, st.integers(2, 12))
@PROPERTY
def test_bucket_of_any_number_is_an_index_of_the_vocabulary(train, other, num_buckets):
    features = fitted(Bucketized(kind="bucketized", num_buckets=num_buckets), train)
    size = features.layout.tables["x"].size
    found = ids(features, [*other, -1.7e308, 1.7e308])
    assert min(found) >= 1
    assert max(found) < size


# Dense


SKEWED = np.random.default_rng(5).lognormal(3, 1, 3000) - 10
OUTSIDE = np.array([-1e4, SKEWED.min(), 0, SKEWED.max(), 1e6])


def signed_log(x):
    return np.sign(x) * np.log(1 + np.abs(x))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("none", lambda train, x: x),
        (
            "minmax",
            lambda train, x: (
                sklearn.preprocessing.MinMaxScaler().fit(train).transform(x)
            ),
        ),
        (
            "standard",
            lambda train, x: (
                sklearn.preprocessing.StandardScaler().fit(train).transform(x)
            ),
        ),
        (
            "log1p",
            lambda train, x: (
                (signed_log(x) - signed_log(train).mean()) / signed_log(train).std()
            ),
        ),
        (
            "quantile",
            lambda train, x: (
                sklearn.preprocessing.QuantileTransformer(
                    n_quantiles=1001, subsample=None
                )
                .fit(train)
                .transform(x)
            ),
        ),
    ],
)
def test_dense_transform_equals_its_plain_formula(transform, expected):
    features = fitted(Dense(kind="dense", transform=transform), SKEWED)
    assert features.layout.width("dense") == 1
    for values in (SKEWED, OUTSIDE):
        found = dense(features, values)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found,
            expected(SKEWED[:, None], values[:, None]),
            rtol=FLOAT32,
            atol=FLOAT32,
        )


def test_quantile_of_a_value_is_the_share_of_rows_up_to_it_also_with_ties():
    x = np.concatenate([np.zeros(800), np.arange(1, 201)]).astype("float64")
    found = dense(fitted(Dense(kind="dense", transform="quantile"), x), x)[:, 0]
    share = np.array([(x <= value).mean() for value in x])
    np.testing.assert_allclose(found, share, atol=2e-3)  # 1000 steps


@pytest.mark.parametrize("constant", [0.0, 3.0, 0.1, -1e9 / 3])
@pytest.mark.parametrize("transform", ["standard", "minmax", "log1p"])
def test_constant_column_becomes_zero(transform, constant):
    # Also where the mean of equal numbers is off by a rounding.
    features = fitted(Dense(kind="dense", transform=transform), np.full(1000, constant))
    np.testing.assert_allclose(dense(features, [constant]), 0, atol=1e-6)
    other = dense(features, [constant + 1])
    assert abs(other).item() <= 1.001


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.bool_()])
def test_every_numeric_type_can_be_a_dense_feature(kind):
    values = pa.array([1, 0, 1], pa.int8()).cast(kind)
    features = fitted(Dense(kind="dense", transform="none"), values)
    assert dense(features, values).tolist() == [[1], [0], [1]]


NUMERIC = [
    Dense(kind="dense", transform="standard"),
    Bucketized(kind="bucketized", num_buckets=4),
    PiecewiseLinear(kind="piecewise_linear", num_buckets=4),
]


@pytest.mark.parametrize("feature", NUMERIC, ids=lambda f: f.kind)
def test_text_in_a_numeric_feature_is_refused_with_what_to_do(feature):
    with pytest.raises(DataError, match=r"feature x: .*string.*kind: sparse"):
        fitted(feature, ["1", "two"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, None])
@pytest.mark.parametrize("feature", NUMERIC, ids=lambda f: f.kind)
def test_number_that_is_none_is_refused_with_its_row(feature, bad):
    with pytest.raises(DataError, match=r"feature x: .*row 3 .*2 such rows"):
        fitted(feature, [1.0, 2.0, bad, 4.0, bad])
    features = fitted(feature, [1.0, 2.0])
    with pytest.raises(DataError, match=r"feature x: .*row 2 .*1 such rows"):
        features.encode(table([1.0, bad]))


# Piecewise linear


def papers_encoding(x, ends):
    """Equation 1 of Gorishniy et al. (2022), a loop; `ends` are b_0 ... b_T."""
    code = []
    for low, high in itertools.pairwise(ends):
        if x < low:
            code.append(0.0)
        elif x >= high:
            code.append(1.0)
        else:
            code.append((x - low) / (high - low))
    return code


def test_piecewise_linear_encoding_equals_the_papers_formula():
    features = fitted(PiecewiseLinear(kind="piecewise_linear", num_buckets=8), SKEWED)
    ends = [SKEWED.min(), *cuts(SKEWED, 8), SKEWED.max()]
    assert features.layout.width("dense") == len(ends) - 1 == 8
    expected = [papers_encoding(x, ends) for x in SKEWED]
    np.testing.assert_allclose(dense(features, SKEWED), expected, rtol=FLOAT32)


@given(COLUMNS, COLUMNS, st.integers(2, 8))
@PROPERTY
def test_piecewise_linear_encoding_fills_buckets_one_after_another(
    train, other, num_buckets
):
    feature = PiecewiseLinear(kind="piecewise_linear", num_buckets=num_buckets)
    # Six decimals: buckets so narrow that a ratio overflows are not the point here.
    train, other = (np.round(np.clip(x, -1e30, 1e30), 6) for x in (train, other))
    features = fitted(feature, train)
    code = dense(features, np.sort(other))
    assert code.shape == (len(other), features.layout.width("dense"))
    assert ((code >= 0) & (code <= 1)).all()
    # A bucket is entered only when the one before is full.
    assert (code[:, :-1][code[:, 1:] > 0] == 1).all()
    assert (np.diff(code.sum(axis=1)) >= 0).all()


def test_piecewise_linear_encoding_tells_training_values_apart():
    x = np.array([0.0, 1, 1, 5, 5, 9])
    features = fitted(PiecewiseLinear(kind="piecewise_linear", num_buckets=8), x)
    assert len(np.unique(dense(features, x), axis=0)) == 4


# All together


def test_features_keep_their_order_and_their_columns():
    declared = {
        "d": Dense(kind="dense", transform="none"),
        "s": SPARSE,
        "p": PiecewiseLinear(kind="piecewise_linear", num_buckets=2),
        "b": Bucketized(kind="bucketized", num_buckets=2),
    }
    columns = pa.table(
        {
            "b": [5.0, 6.0, 7.0, 8.0],
            "p": [0.0, 1.0, 2.0, 4.0],
            "s": ["v", "u", "u", "v"],
            "d": [10, 20, 30, 40],
        }
    )
    features = fitted_features(declared, columns)
    assert {n: t.size for n, t in features.layout.tables.items()} == {"s": 3, "b": 3}
    assert [b.table for b, _ in features.layout.blocks_of("ids")] == ["s", "b"]
    assert features.layout.width("dense") == 3
    found = features.encode(columns)
    assert found["ids"].tolist() == [[2, 1], [1, 1], [1, 2], [2, 2]]
    assert found["dense"].tolist() == [[10, 0, 0], [20, 0.5, 0], [30, 1, 0], [40, 1, 1]]
    assert (found["ids"].dtype, found["dense"].dtype) == (np.int32, np.float32)


def test_inputs_that_no_feature_gives_are_left_out():
    assert list(fitted(SPARSE, [1]).encode(table([1]))) == ["ids"]
    only_dense = fitted(Dense(kind="dense", transform="none"), [1])
    assert list(only_dense.encode(table([1]))) == ["dense"]


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (SPARSE, ["b", None, "ä", ""]),
        (SPARSE, [MORE_THAN_A_DOUBLE_HOLDS, -3]),
        (SPARSE, [True, False]),
        (Bucketized(kind="bucketized", num_buckets=7), SKEWED),
        (PiecewiseLinear(kind="piecewise_linear", num_buckets=7), SKEWED),
        *(
            (Dense(kind="dense", transform=transform), SKEWED)
            for transform in ("standard", "minmax", "log1p", "quantile", "none")
        ),
    ],
    ids=str,
)
def test_statistics_survive_json_with_an_identical_transform(feature, values):
    features = fitted(feature, values)
    statistics = json.loads(json.dumps(features.learnt, allow_nan=False))
    again = FeatureSet({"x": feature}, statistics)
    assert again.layout == features.layout
    before, after = features.encode(table(values)), again.encode(table(values))
    assert before.keys() == after.keys()
    for name, x in before.items():
        np.testing.assert_array_equal(x, after[name], strict=True)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 1], pa.date32()),
        pa.array([0, 1], pa.timestamp("s")),
        pa.array([b"a", b"b"]),
    ],
    ids=lambda values: str(values.type),
)
def test_sparse_values_that_json_cannot_hold_are_refused_or_made_text(values):
    # A CSV column such as 2024-05-01 is read as dates. A run must not train to the
    # end and then fail to save.
    try:
        features = fitted(SPARSE, values)
    except DataError as error:
        assert "feature x: " in str(error)
        return
    statistics = json.loads(json.dumps(features.learnt))
    assert ids(FeatureSet({"x": SPARSE}, statistics), values) == [1, 2]
