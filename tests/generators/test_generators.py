"""Generated data sets: the published generators, and a funnel with known truth."""

import numpy as np
import pytest
from helpers.composition import composed
from helpers.slow import slow_except
from omegaconf import OmegaConf
from pydantic import ValidationError

from mtl_cli.core.option_classes import option_class
from mtl_cli.data.dataset import Dataset
from mtl_cli.generators import funnel
from mtl_cli.generators.funnel import Funnel
from mtl_cli.generators.synthetic import Synthetic

CLASSES = {"synthetic_mmoe": Synthetic, "synthetic_ple": Synthetic, "funnel": Funnel}
# A correct generator misses a bound of 5 standard errors at 1 seed in 1.7 million.
ERRORS = 5


def yaml(name, *overrides):
    """What Hydra makes of a data set's YAML and of settings on the command line."""
    settings = [f"dataset={name}", *(f"dataset.{override}" for override in overrides)]
    return OmegaConf.to_container(composed(*settings).dataset, resolve=True)


VALUES = {name: yaml(name) for name in CLASSES}


def declared(name, **changes):
    """A data set as its YAML declares it, but for some keys."""
    return CLASSES[name].model_validate({**VALUES[name], **changes})


def generated(name, split="train", **changes):
    """The columns of a generated table, as NumPy arrays."""
    table = declared(name, **changes).generate()[split]
    return {column: table[column].to_numpy() for column in table.column_names}


def small(name):
    """Changes that make a data set quick to draw."""
    sizes = {"train_rows": 2000, "test_rows": 1000}
    return sizes if name == "funnel" else sizes | {"dimensions": 8}


def logit(p):
    p = p.astype("float64")
    return np.log(p / (1 - p))


# The declaration.


@pytest.mark.parametrize("name", CLASSES)
def test_yaml_declares_a_data_set_of_the_module_that_generator_names(name):
    generator = VALUES[name]["generator"]
    assert option_class("generators", generator, Dataset) is CLASSES[name]
    found = declared(name)
    assert found.name == name
    assert found.has_validation


@pytest.mark.parametrize("name", CLASSES)
def test_every_key_of_a_generator_can_be_set_on_the_command_line(name):
    own = set(CLASSES[name].model_fields) - set(Dataset.model_fields)
    assert own <= set(VALUES[name])
    chosen = "dependence" if name == "funnel" else "correlation"
    changed = CLASSES[name].model_validate(
        yaml(name, f"{chosen}=-0.25", "generator_seed=7", "train_rows=5")
    )
    assert getattr(changed, chosen) == -0.25
    assert (changed.generator_seed, changed.train_rows) == (7, 5)


@pytest.mark.parametrize("name", CLASSES)
def test_tables_hold_every_column_that_the_yaml_names_and_the_rows_asked_for(name):
    dataset = declared(name, **small(name))
    tables = dataset.generate()
    named = {column for _, column in dataset.feature_columns}
    for task in dataset.tasks.values():
        named |= {task.label, task.truth_column}
    named |= {dataset.group_column}
    for table in tables.values():
        assert named - {None} <= set(table.column_names)
        assert not any(table[column].null_count for column in table.column_names)
    rows = {split: table.num_rows for split, table in tables.items()}
    assert rows == {"train": 2000, "test": 1000}


@pytest.mark.parametrize("name", CLASSES)
def test_data_set_survives_a_round_trip_through_json(name):
    found = declared(name)
    assert CLASSES[name].model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("name", "change", "where"),
    [
        ("synthetic_mmoe", {"correlation": 2.0}, "correlation"),
        ("synthetic_mmoe", {"correlation": float("nan")}, "correlation"),
        ("synthetic_mmoe", {"dimensions": 1}, "dimensions"),
        ("synthetic_mmoe", {"dimensions": "many"}, "dimensions"),
        ("synthetic_mmoe", {"dimensions": 10**9}, "dimensions"),
        ("funnel", {"num_users": 10**9}, "num_users"),
        ("synthetic_mmoe", {"scale": 0.0}, "scale"),
        ("synthetic_mmoe", {"noise_variance": -0.1}, "noise_variance"),
        ("synthetic_mmoe", {"coefficients": "uniform"}, "coefficients"),
        ("synthetic_mmoe", {"test_rows": 0}, "test_rows"),
        ("synthetic_mmoe", {"train": "train.csv"}, "train"),
        ("synthetic_mmoe", {"colour": "red"}, "colour"),
        ("funnel", {"dependence": -1.5}, "dependence"),
        ("funnel", {"click_rate": 0.0}, "click_rate"),
        ("funnel", {"conversion_rate": 1.0}, "conversion_rate"),
        ("funnel", {"train_rows": 0}, "train_rows"),
        ("funnel", {"num_users": 3}, "num_users"),
        ("funnel", {"generator_seed": -1}, "generator_seed"),
        ("funnel", {"valid": "valid.csv"}, "valid"),
        ("funnel", {"rate": 0.5}, "rate"),
    ],
)
def test_bad_value_is_refused_by_its_key_alone(name, change, where):
    with pytest.raises(ValidationError) as caught:
        declared(name, **change)
    assert [finding["loc"] for finding in caught.value.errors()] == [(where,)]


def test_features_follow_from_dimensions():
    features = declared("synthetic_mmoe", dimensions=3).features
    assert list(features) == ["x0", "x1", "x2"]
    assert {(f.kind, f.transform) for f in features.values()} == {("dense", "none")}


@pytest.mark.parametrize("change", [{"dimensions": 4}, {"transform": "standard"}])
def test_features_other_than_those_of_dimensions_are_refused(change):
    values = declared("synthetic_mmoe", dimensions=3).model_dump(mode="json")
    for key, value in change.items():
        (values if key in values else values["features"]["x1"])[key] = value
    with pytest.raises(ValidationError, match="features follow from dimensions"):
        Synthetic.model_validate(values)


# Seeds and splits.


@pytest.mark.parametrize("name", CLASSES)
def test_generator_seed_alone_decides_every_bit(name):
    first, again, other = (
        declared(name, **small(name), **change).generate()
        for change in ({}, {"split_seed": 5}, {"generator_seed": 1})
    )
    for split in ("train", "test"):
        assert first[split].equals(again[split])
        assert not first[split].equals(other[split])


@pytest.mark.parametrize("name", CLASSES)
def test_train_and_test_rows_are_different_draws(name):
    # Equally many, so that equal streams would give equal rows.
    tables = declared(name, **small(name) | {"test_rows": 2000}).generate()
    # Two float32 numbers together: one alone may come twice by chance.
    pair = ["price", "shipping"] if name == "funnel" else ["x0", "x1"]
    rows = [
        row
        for table in tables.values()
        for row in zip(*(table[column].to_pylist() for column in pair), strict=True)
    ]
    assert len(set(rows)) == len(rows) == 4000


@pytest.mark.parametrize("name", CLASSES)
def test_number_of_training_rows_changes_neither_truth_nor_test_rows(name):
    few = declared(name, **small(name))
    more = declared(name, **small(name) | {"train_rows": 5000})
    assert few.generate()["test"].equals(more.generate()["test"])
    if name != "funnel":
        for key in ("w", "alpha", "beta"):
            found = [getattr(dataset.parameters(), key) for dataset in (few, more)]
            np.testing.assert_array_equal(*found)


# The synthetic data of MMoE and PLE.


@pytest.mark.parametrize("p", [-1.0, -0.3, 0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dimensions", [2, 100])
def test_weight_vectors_have_the_chosen_cosine_and_length(p, dimensions):
    w = (
        declared("synthetic_mmoe", correlation=p, dimensions=dimensions, scale=3.0)
        .parameters()
        .w
    )
    assert w.shape == (2, dimensions)
    # Rounding of sums of 100 doubles.
    assert np.linalg.norm(w, axis=1) == pytest.approx(3, abs=1e-13)
    assert w[0] @ w[1] / 9 == pytest.approx(p, abs=1e-14)


def test_coefficients_are_chosen_as_declared():
    options = {"num_sines": 10_000, "dimensions": 2}
    index = declared("synthetic_mmoe", **options, coefficients="index").parameters()
    normal = declared("synthetic_mmoe", **options, coefficients="normal").parameters()
    np.testing.assert_array_equal(index.alpha, np.arange(1, 10_001))
    np.testing.assert_array_equal(index.beta, normal.beta)
    for values in (normal.alpha, normal.beta):
        assert abs(values.mean()) < ERRORS / 100
        assert abs(values.var() - 1) < ERRORS * np.sqrt(2) / 100
    assert abs(np.corrcoef(normal.alpha, normal.beta)[0, 1]) < ERRORS / 100


def without_noise(parameters, columns):
    """Labels by the papers' formula, in a loop over sines, (2, rows)."""
    x = np.stack([columns[f"x{i}"] for i in range(parameters.w.shape[1])])
    z = parameters.w @ x.astype("float64")
    sines = [
        np.sin(alpha * z + beta)
        for alpha, beta in zip(parameters.alpha, parameters.beta, strict=True)
    ]
    return z + np.sum(sines, axis=0)


@pytest.mark.parametrize("name", ["synthetic_mmoe", "synthetic_ple"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_without_noise_follow_the_formula(name, split):
    changes = {"train_rows": 3000, "test_rows": 3000, "noise_variance": 0.0}
    columns = generated(name, split, **changes)
    expected = without_noise(declared(name).parameters(), columns)
    found = np.stack([columns["y1"], columns["y2"]])
    # Labels are float32 and reach some 20.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    assert np.abs(expected).max() < 32


def test_noise_has_variance_one_hundredth_for_each_label_on_its_own():
    rows = 100_000
    columns = generated("synthetic_mmoe", dimensions=8, train_rows=rows)
    expected = without_noise(
        declared("synthetic_mmoe", dimensions=8).parameters(), columns
    )
    noise = np.stack([columns["y1"], columns["y2"]]) - expected
    # Standard errors: of a variance v it is v sqrt(2 / n), of a mean sqrt(v / n).
    assert noise.var(axis=1) == pytest.approx(0.01, rel=ERRORS * np.sqrt(2 / rows))
    assert noise.mean(axis=1) == pytest.approx(0, abs=ERRORS * 0.1 / np.sqrt(rows))
    assert abs(np.corrcoef(noise)[0, 1]) < ERRORS / np.sqrt(rows)


def test_features_are_independent_standard_normals():
    rows = 100_000
    columns = generated("synthetic_mmoe", dimensions=8, train_rows=rows)
    x = np.stack([columns[f"x{i}"] for i in range(8)]).astype("float64")
    assert {columns[f"x{i}"].dtype for i in range(8)} == {np.dtype("float32")}
    assert np.abs(x.mean(axis=1)).max() < ERRORS / np.sqrt(rows)
    # The variance of a squared standard normal is 2, of a product of two 1.
    bound = ERRORS * np.sqrt(2 / rows)
    np.testing.assert_allclose(np.cov(x), np.eye(8), rtol=0, atol=bound)
    # A twentieth of a normal lies beyond 1.96.
    share = (np.abs(x) > 1.959964).mean()
    assert share == pytest.approx(0.05, abs=ERRORS * np.sqrt(0.05 * 0.95 / x.size))


def label_correlation(name, p, seed, rows=10_000):
    """Pearson's, of `rows` rows, as the MMoE paper measures it.

    Labels depend on x through two projections alone, so 2 dimensions do for all.
    """
    changes = {"correlation": p, "dimensions": 2, "generator_seed": seed}
    columns = generated(name, train_rows=rows, test_rows=1, **changes)
    return np.corrcoef(columns["y1"], columns["y2"])[0, 1]


@pytest.mark.parametrize("name", ["synthetic_mmoe", "synthetic_ple"])
@pytest.mark.parametrize("p", [-0.7, 0.5, 0.9])
@pytest.mark.parametrize("seed", slow_except([0], [0, 1, 2]))
def test_label_correlation_is_that_of_the_labels_hermite_series(name, p, seed):
    dataset = declared(name, correlation=p, generator_seed=seed, dimensions=2)
    parameters, degrees = dataset.parameters(), np.arange(1, 200)
    factorials = np.cumsum(np.log(degrees))
    series = np.zeros(len(degrees))
    # E[sin(s t + beta) He_k(t)] = s^k exp(-s^2 / 2) sin(beta + k pi / 2)
    for s, beta in zip(parameters.alpha * dataset.scale, parameters.beta, strict=True):
        size = np.exp(degrees * np.log(abs(s)) - s**2 / 2 - factorials / 2)
        series += np.sign(s) ** degrees * size * np.sin(beta + degrees * np.pi / 2)
    series[0] += dataset.scale
    shared = (series**2 * p**degrees).sum()
    expected = shared / ((series**2).sum() + dataset.noise_variance)
    rows = 100_000
    # Twice the error of normal labels: these have heavier tails.
    found = label_correlation(name, p, seed, rows)
    assert found == pytest.approx(expected, abs=2 * ERRORS / np.sqrt(rows))


@pytest.mark.parametrize(
    ("p", "published"),
    [
        pytest.param(0.5, 0.08, marks=pytest.mark.slow),
        (0.9, 0.30),
        pytest.param(1.0, 1.0, marks=pytest.mark.slow),
    ],
)
def test_mmoe_labels_have_the_correlation_of_the_papers_figure_2(p, published):
    found = [label_correlation("synthetic_mmoe", p, seed) for seed in range(50)]
    # 0.01 for reading the figure, and 3 standard errors of a mean over 50 seeds.
    error = np.std(found) / np.sqrt(50)
    assert np.mean(found) == pytest.approx(published, abs=0.01 + 3 * error)


@pytest.mark.parametrize(
    ("p", "reproduced"),
    [
        pytest.param(0.5, 0.33, marks=pytest.mark.slow),
        (0.9, 0.79),
        pytest.param(1.0, 0.99, marks=pytest.mark.slow),
    ],
)
def test_ple_labels_have_the_correlation_of_an_earlier_reproduction(p, reproduced):
    # The paper has no such figure; the reproduction had 12 seeds.
    found = [label_correlation("synthetic_ple", p, seed) for seed in range(50)]
    error = np.std(found) * np.sqrt(1 / 12 + 1 / 50)
    assert np.mean(found) == pytest.approx(reproduced, abs=0.005 + 3 * error)


def test_ple_yaml_holds_the_papers_constants():
    dataset = declared("synthetic_ple")
    assert (dataset.dimensions, dataset.scale, dataset.num_sines) == (512, 1, 10)
    assert (dataset.coefficients, dataset.noise_variance) == ("normal", 0.01)


# The funnel.


@pytest.fixture(scope="module")
def impressions():
    """The YAML's training rows."""
    return generated("funnel", test_rows=1)


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param((0.1, 0.2), marks=pytest.mark.slow),
        (0.02, 0.005),
        pytest.param((0.7, 0.5), marks=pytest.mark.slow),
    ],
)
def test_rates_are_as_chosen(rates):
    rows = 200_000
    columns = generated(
        "funnel", click_rate=rates[0], conversion_rate=rates[1], train_rows=rows
    )
    for rate, truth in zip(rates, ["p_click", "p_conversion_given_click"], strict=True):
        p = columns[truth].astype("float64")
        # Rows, and the sample that the intercepts are solved on, are drawn.
        error = p.std() * np.sqrt(1 / rows + 1 / funnel.CALIBRATION_ROWS)
        assert p.mean() == pytest.approx(rate, abs=ERRORS * error)
    bound = ERRORS * np.sqrt(rates[0] * (1 - rates[0]) / rows)
    assert columns["click"].mean() == pytest.approx(
        columns["p_click"].mean(), abs=bound
    )


@pytest.mark.parametrize("rate", [0.001, 0.3, 0.98])
def test_intercept_gives_the_sample_exactly_the_rate(rate):
    logits = np.random.default_rng(0).normal(size=10_000)
    found = funnel.find_intercept(logits, rate)
    assert funnel.sigmoid(logits + found).mean() == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    ("label", "truth", "given"),
    [
        ("click", "p_click", None),
        ("conversion", "p_conversion_given_click", "click"),
        ("conversion", "p_click_and_conversion", None),
    ],
)
def test_labels_happen_as_often_as_their_true_probability_says(
    impressions, label, truth, given
):
    counts = slice(None) if given is None else impressions[given] == 1
    p = impressions[truth][counts].astype("float64")
    y = impressions[label][counts]
    for rows in np.array_split(np.argsort(p, kind="stable"), 10):
        error = np.sqrt((p[rows] * (1 - p[rows])).sum())
        assert abs(y[rows].sum() - p[rows].sum()) < ERRORS * error


def test_conversions_come_after_clicks_alone(impressions):
    click, conversion = impressions["click"], impressions["conversion"]
    assert set(click) == set(conversion) == {0, 1}
    assert not conversion[click == 0].any()


def test_probability_of_click_and_conversion_is_the_product(impressions):
    np.testing.assert_array_equal(
        impressions["p_click_and_conversion"],
        impressions["p_click"] * impressions["p_conversion_given_click"],
    )


@pytest.mark.parametrize(
    "dependence", slow_except([-0.5, 1.0], [-1.0, -0.5, 0.0, 0.3, 1.0])
)
def test_logits_have_deviation_one_and_the_chosen_correlation(dependence):
    columns = generated("funnel", dependence=dependence)
    logits = [logit(columns[p]) for p in ("p_click", "p_conversion_given_click")]
    # Standard errors over 100,000 rows are at most 1 / sqrt(rows), of a variance
    # sqrt(kurtosis - 1) times that: the kurtosis is near a normal's 3.
    bound = ERRORS / np.sqrt(100_000)
    found = np.corrcoef(logits)[0, 1]
    exact = abs(dependence) == 1
    assert found == pytest.approx(dependence, abs=1e-9 if exact else bound)
    assert np.var(logits, axis=1) == pytest.approx(1, abs=1.5 * bound)


def selection_bias(dependence):
    """True pCVR of clicked impressions by that of all, and its standard error."""
    columns = generated("funnel", dependence=dependence)
    p = columns["p_conversion_given_click"].astype("float64")
    clicked = p[columns["click"] == 1]
    ratio = clicked.mean() / p.mean()
    return ratio, clicked.std() / np.sqrt(len(clicked)) / p.mean()


@pytest.mark.slow
def test_selection_bias_follows_dependence_and_vanishes_without_it():
    found = {r: selection_bias(r) for r in (-1.0, -0.5, 0.0, 0.5, 1.0)}
    # Steps are 0.2 and more, 25 standard errors.
    assert (np.diff([ratio for ratio, _ in found.values()]) > 0.15).all()
    # Users and items are few, so their effects are independent but for 1 %.
    ratio, error = found[0.0]
    assert ratio == pytest.approx(1, abs=0.01 + 2 * error)
    # The figures of funnel.yaml, which have one decimal.
    for dependence, documented in {-1.0: 0.5, 0.5: 1.3, 1.0: 1.7}.items():
        ratio, error = found[dependence]
        assert ratio == pytest.approx(documented, abs=0.05 + 2 * error)


@pytest.mark.parametrize(
    ("truth", "seen"), [("p_click", "price"), ("p_conversion_given_click", "shipping")]
)
def test_offer_and_hour_have_their_share_of_a_logits_variance(truth, seen):
    columns = generated("funnel", dependence=0.0)
    scores = logit(columns[truth])
    bound = ERRORS / np.sqrt(len(scores))
    for offer in ("price", "shipping"):
        found = np.corrcoef(scores, np.log(columns[offer]))[0, 1]
        expected = -np.sqrt(funnel.OFFER_SHARE) if offer == seen else 0
        assert found == pytest.approx(expected, abs=bound)
    angle = 2 * np.pi * columns["hour"] / 24
    wave = np.cos(angle) if seen == "price" else np.sin(angle)
    found = np.corrcoef(scores, wave)[0, 1]
    assert found == pytest.approx(np.sqrt(funnel.HOUR_SHARE), abs=bound)


def test_effects_of_users_are_uncorrelated_and_alike_in_a_group():
    users = funnel.draw_population(np.random.default_rng(0), 2000, 8)
    effects = users.effects.reshape(2000, -1)
    weighted = effects * users.popularity[:, None]
    # Made so, up to the rounding of sums of doubles.
    np.testing.assert_allclose(weighted.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(effects.T @ weighted, np.eye(10), atol=1e-12)
    assert users.popularity.sum() == pytest.approx(1, rel=1e-12)
    between = sum(
        weighted[users.groups == g].sum(axis=0) ** 2
        / users.popularity[users.groups == g].sum()
        for g in range(8)
    )
    # A share of the variance; groups that say nothing have 7 of some 1,000 degrees of
    # freedom, and 8 groups cannot have more than 7 of 10 columns.
    assert 0.2 < between.mean() < 0.7


def test_segment_belongs_to_the_user_and_category_to_the_item(impressions):
    for whose, group in (("user", "segment"), ("item", "category")):
        pairs = set(zip(impressions[whose], impressions[group], strict=True))
        assert len(pairs) == len(set(impressions[whose]))
        assert len(set(impressions[group])) > 1


def test_truth_is_the_same_function_of_features_in_train_and_test():
    tables = [
        generated("funnel", split, num_users=16, num_items=16, dependence=1.0)
        for split in ("train", "test")
    ]
    found = []
    for columns in tables:
        offer = 2 * (3 - np.log(columns["price"].astype("float64")))
        rest = logit(columns["p_click"]) - np.sqrt(funnel.OFFER_SHARE) * offer
        keys = zip(columns["user"], columns["item"], columns["hour"], strict=True)
        found.append(dict(zip(keys, rest, strict=True)))
    shared = sorted(set(found[0]) & set(found[1]))
    assert len(shared) > 5000  # of 16 x 16 x 24 = 6,144
    # Probabilities are float32: logits of those near 0.1 are right to 1e-6.
    np.testing.assert_allclose(
        [found[0][key] for key in shared], [found[1][key] for key in shared], atol=1e-5
    )
