"""Data that lack some negatives: probabilities and metrics are those of all rows."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from helpers import networks
from helpers.planted_data import config, declared, outputs, parquet, run_in, values
from helpers.slow import slow_except
from scipy.special import expit, logit

import mtl_cli
from mtl_cli.core.errors import DataError
from mtl_cli.data.compute_report import label_counts
from mtl_cli.data.label_findings import (
    corrected_twice_findings,
    read_as_feature_findings,
    revealing_rate_findings,
    uncorrected_findings,
    unsampled_findings,
)
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.table import Table
from mtl_cli.heads.esmm import ESMM
from mtl_cli.heads.funnel import Funnel
from mtl_cli.heads.independent import Independent
from mtl_cli.network.build import build
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.tasks.binary import Binary
from mtl_cli.training.calibration import calibrate
from mtl_cli.training.losses import logits_of_sample, task_losses

RATE = 0.25
FLOAT32 = 1e-5  # relative rounding of sums of float32 numbers
CLICK = {"label": "click", "kind": "binary"}
ROWS = pa.table(
    {
        "click": [0.0, 0, 1, 1, None],
        "buy": [0.0, 0, 0, 1, 0],
        "weight": [1.0, 2, 3, 1, 1],
        "rate": [0.5, 0.1, 0.1, 0.5, 1.0],
    }
)


def labels(tasks: dict[str, Any], heads: Any = None, **more: Any) -> Table:
    dataset = declared("a.csv", {"x": {"kind": "dense"}}, tasks, **more)
    of_heads = heads.outputs(dataset.tasks) if heads else outputs(dataset)
    return labels_of_rows(dataset, of_heads, ROWS)


def test_shift_turns_the_probability_of_the_sample_into_that_of_all_rows() -> None:
    p = np.array([0.001, 0.3, 0.9])
    shift = Binary(label="y", sampling_rate=RATE).logit_shift
    np.testing.assert_allclose(expit(logit(p) + shift), p / (p + (1 - p) / RATE))
    both = Binary(label="y", sampling_rate=RATE, positive_weight=5.0)
    assert both.logit_shift == pytest.approx(np.log(RATE / 5))
    focal = Binary(label="y", sampling_rate=RATE, positive_weight=5.0, loss="focal")
    assert focal.logit_shift == pytest.approx(np.log(RATE))
    # Training undoes the shares of a column, row by row.
    assert Binary(label="y", sampling_rate="rate").logit_shift == 0


@pytest.mark.parametrize("rate", [0, 1.5, -0.5, ""])
def test_rate_is_a_share_above_0_or_a_column(rate: Any) -> None:
    with pytest.raises(ValueError, match="sampling_rate"):
        Binary(label="y", sampling_rate=rate)


def test_metrics_count_a_negative_for_those_that_the_data_lack() -> None:
    table = labels({"click": CLICK | {"sampling_rate": RATE}}, weight_column="weight")
    assert table.metric_weights["click"].tolist() == [4, 8, 3, 1, 0]
    assert table.weights["click"].tolist() == [1, 2, 3, 1, 0]  # of the loss
    assert not table.log_rates
    table = labels({"click": CLICK | {"sampling_rate": "rate"}})
    np.testing.assert_allclose(table.metric_weights["click"], [2, 10, 1, 1, 0])
    np.testing.assert_allclose(np.exp(table.log_rates["click"]), ROWS["rate"])
    table = labels({"click": CLICK})
    assert not table.population


def test_rows_outside_of_a_space_do_not_count() -> None:
    buy = {"label": "buy", "kind": "binary", "space": "click", "sampling_rate": RATE}
    table = labels({"click": CLICK, "buy": buy})
    assert table.metric_weights["buy"].tolist() == [0, 0, 4, 1, 0]
    assert table.metric_weights["click"].tolist() == [1, 1, 1, 1, 0]


def test_cell_that_is_no_share_is_refused_with_its_row(tmp_path: Path) -> None:
    for value in (0.0, 1.5, None):
        rows = ROWS.set_column(3, "rate", [[0.5, value, 0.1, 0.5, 1.0]])
        tasks = {"click": CLICK | {"sampling_rate": "rate"}}
        dataset = declared("a.csv", {"x": {"kind": "dense"}}, tasks)
        message = r"tasks.click.sampling_rate: column 'rate': row 2 .*a share above 0"
        with pytest.raises(DataError, match=message):
            labels_of_rows(dataset, outputs(dataset), rows)


def test_scores_of_a_sample_are_those_of_the_rows_that_it_stands_for() -> None:
    random = np.random.default_rng(1)
    label = (random.random(400) < 0.4).astype("float32")
    p = random.random(400)
    repeats = np.where(label == 0, 4, 1)
    task = Binary(label="y", sampling_rate=RATE)
    (output,) = outputs(declared("a.csv", {"x": {"kind": "dense"}}, {"y": CLICK}))
    sample = Table({}, {"y": label}, {"y": np.ones(400)}, None)
    sample.population["y"] = 1 / np.where(label == 0, RATE, 1)
    whole = Table({}, {"y": label.repeat(repeats)}, {"y": np.ones(repeats.sum())})
    found = score_outputs([output], sample, {"y": p})["y"]
    expected = score_outputs([output], whole, {"y": p.repeat(repeats)})["y"]
    assert task.logit_shift < 0
    for metric in ("auc", "pr_auc", "log_loss", "ne", "pcoc"):
        assert found[metric] == pytest.approx(expected[metric])
    assert found["rows"] == 400


def test_loss_is_that_of_the_sample_at_the_logit_of_all_rows() -> None:
    z, y = tf.constant([[0.3], [-1.2], [2.0]]), tf.constant([1.0, 0, 0])
    rates = np.array([0.1, 0.5, 1.0], "float32")
    tasks = {"y": Binary(label="y")}
    log_rates = {"y": tf.math.log(rates)}
    logits = logits_of_sample(Independent(), tasks, {"y": z}, log_rates)
    (loss,) = task_losses(tasks, logits, {"y": y}, {"y": tf.ones(3)}).numpy()
    in_sample = probability_in_sample(expit(z.numpy()[:, 0]), rates)
    expected = -np.mean(np.log(np.where(y == 1, in_sample, 1 - in_sample)))
    assert loss == pytest.approx(expected, rel=FLOAT32)


def probability_in_sample(p: Any, rates: Any) -> Any:
    """Probability of label 1 in a sample with a share of the rows with label 0."""
    return p / (p + rates * (1 - p))


@pytest.mark.parametrize("members", [1, 2])
def test_rates_of_rows_change_the_first_factor_of_every_product(members: int) -> None:
    steps = ["click", "cart", "buy"]
    tasks = {name: Binary(label=name) for name in steps}
    random = np.random.default_rng(5)
    factors = random.normal(size=(3, 4 * members, 1)).astype("float32")
    logits = Funnel().connect(dict(zip(steps, factors, strict=True)), tasks)
    rates = np.array([0.1, 0.5, 1.0, 0.02])
    log_rates = {"click": tf.constant(np.log(rates), "float32")}
    found = logits_of_sample(Funnel(), tasks, logits, log_rates)
    click = probability_in_sample(expit(factors[0, :, 0]), np.tile(rates, members))
    cart = click * expit(factors[1, :, 0])
    buy = cart * expit(factors[2, :, 0])
    for name, p in {"click": click, "cart": cart, "buy": buy}.items():
        np.testing.assert_allclose(expit(found[name][:, 0]), p, rtol=FLOAT32)
    for name in ("cart_given_click", "buy_given_cart"):
        np.testing.assert_array_equal(found[name], logits[name])
    assert logits_of_sample(Funnel(), tasks, logits, {}) is logits


def test_esmm_corrects_the_click_and_multiplies_it_by_the_conversion() -> None:
    chosen = networks.config(
        "encoder.embedding_dim=4",
        "model=esmm",
        "trainer.calibration=none",
        f"+dataset.tasks.income.sampling_rate={RATE}",
    )
    network = build(chosen, networks.LAYOUT)
    networks.randomize(network.logits)
    rows = networks.features()
    z = networks.arrays(network.logits(rows, training=False))
    p = networks.arrays(network.predictions(rows, training=False))
    click = expit(z["income"]) / (expit(z["income"]) + (1 - expit(z["income"])) / RATE)
    conversion = expit(z["never_married_given_income"])
    np.testing.assert_allclose(p["income"], click, rtol=FLOAT32)
    np.testing.assert_allclose(p["never_married"], click * conversion, rtol=1e-4)
    table = labels(
        {"click": CLICK | {"sampling_rate": RATE}, "buy": CLICK | {"label": "buy"}},
        config_of_esmm(),
    )
    # The rows without a click are the ones that the data lack, also for pCTCVR.
    assert table.metric_weights["buy"].tolist() == [4, 4, 1, 1, 1]
    assert table.metric_weights["buy_given_click"].tolist() == [0, 0, 1, 1, 0]


def config_of_esmm() -> Any:
    return networks.config("model=esmm").model.heads_option


@pytest.mark.parametrize("rate", ["0.5", "fnlwgt"])
def test_esmm_refuses_a_sampling_that_it_cannot_undo(rate: str) -> None:
    message = "only correct for sampled rows with income = 0"
    with pytest.raises(mtl_cli.ConfigError, match=message):
        setting = f"+dataset.tasks.never_married.sampling_rate={rate}"
        networks.config("model=esmm", setting)


def test_calibration_is_fitted_to_all_rows() -> None:
    setting = f"+dataset.tasks.income.sampling_rate={RATE}"
    small = "encoder.embedding_dim=4", "model=shared_bottom", "tasks=[income]"
    chosen = networks.config(*small, setting, "trainer.calibration=platt")
    keras.utils.set_random_seed(0)
    network = build(chosen, networks.LAYOUT)
    rows = networks.ROWS
    label = (np.arange(rows) % 2).astype("float32")
    ones = {"income": np.ones(rows, "float32")}
    weights = np.where(label == 0, 1 / RATE, 1)
    valid = Table(networks.features(), {"income": label}, ones)
    valid.population["income"] = weights
    calibrate(chosen, network, valid)
    p = network.predict(valid)["income"]
    # The penalty of two rows pulls the mean a little.
    assert np.average(p, weights=weights) == pytest.approx(0.2, abs=0.01)


def test_rates_that_give_the_label_away_are_warned_of() -> None:
    label, rates = np.array([1.0, 0, 0, 1]), np.array([1.0, 0.1, 0.1, 1.0])
    table = Table({}, {"y": label}, {}, log_rates={"y": np.log(rates)})
    assert "is 1 in all rows with label 1" in revealing_rate_findings(table)[0]
    for fine in ([0.1, 0.1, 0.1, 1.0], [1.0, 1.0, 1.0, 1.0]):
        table.log_rates["y"] = np.log(fine)
        assert not revealing_rate_findings(table)


def test_rates_and_weights_of_rows_that_are_features_are_warned_of() -> None:
    columns = "rate", "weight", "price"
    features = {name: {"kind": "dense"} for name in columns}
    tasks = {"click": CLICK | {"sampling_rate": "rate"}}

    def findings(**more: Any) -> list[str]:
        dataset = declared("a.csv", features, tasks, **more)
        return read_as_feature_findings(dataset, dataset.tasks)

    (line,) = findings(weight_column="weight", group_column="price")
    assert line.endswith(
        ": rate (dataset.tasks.click.sampling_rate), weight (dataset.weight_column)"
    )
    (line,) = findings()
    assert line.endswith("features: rate (dataset.tasks.click.sampling_rate)")
    group = {"group": "g", "groups": {"g": {"tasks": ["click"], "drop": ["rate"]}}}
    assert not findings(**group)


@pytest.mark.parametrize("rate", [0.25, "rate"])
def test_weights_that_undo_the_sampling_again_are_warned_of(rate: Any) -> None:
    tasks = {"click": CLICK | {"sampling_rate": rate}}
    dataset = declared("a.csv", {"x": {"kind": "dense"}}, tasks, weight_column="w")
    random = np.random.default_rng(0)
    click = random.integers(0, 2, 400)
    rates = np.where(np.arange(400) % 2, 0.2, 0.3)

    def findings(weights: Any) -> list[str]:
        rows = pa.table({"click": click, "rate": rates, "w": weights})
        train = labels_of_rows(dataset, outputs(dataset), rows)
        return corrected_twice_findings(outputs(dataset), train)

    (line,) = findings(np.where(click == 0, 1 / rates, 1))
    assert "sampling_rate counts them 4" in line
    assert not findings(1 / rates)
    assert not findings(random.lognormal(size=400))
    assert not findings(np.where(click == 1, 1 / rates, 1))


def test_outputs_on_sampled_rows_without_a_correction_are_warned_of() -> None:
    sampled = {"click": CLICK | {"sampling_rate": RATE}}
    buy = {"label": "buy", "kind": "binary"}

    def findings(tasks: dict[str, Any], heads: Any = None) -> list[str]:
        dataset = declared("a.csv", {"x": {"kind": "dense"}}, tasks)
        chosen = heads.outputs(dataset.tasks) if heads else outputs(dataset)
        return uncorrected_findings(chosen, labels(tasks, heads))

    (line,) = findings(sampled | {"buy": buy})
    assert "nothing corrects buy for this" in line
    assert (
        "binary steps of a funnel that begins with click, set model.heads=fun" in line
    )
    assert not findings(sampled | {"buy": buy | {"space": "click"}})
    assert not findings(sampled | {"buy": buy | {"sampling_rate": 0.5}})
    assert not findings(sampled | {"buy": buy}, ESMM())
    assert not findings({"click": CLICK, "buy": buy})


@pytest.mark.parametrize(
    ("sampling_rate", "fix"),
    [
        (0.1, "sample these rows like the training rows, or train with a column of"),
        ("rate", "write the rate 1 into the column 'rate' of these rows"),
    ],
)
def test_whole_rows_of_a_sampled_task_are_warned_of(
    sampling_rate: float | str, fix: str
) -> None:
    tasks = {"click": CLICK | {"sampling_rate": sampling_rate}}
    dataset = declared("a.csv", {"x": {"kind": "dense"}}, tasks)
    (output,) = outputs(dataset)

    def counts(rows: int, positives: int, rate: float = 0.1) -> dict[str, int]:
        click = np.arange(rows) < positives
        table = pa.table({"click": click.astype(int), "rate": np.full(rows, rate)})
        return label_counts(output, labels_of_rows(dataset, [output], table))

    trained = counts(10_000, 4_000)

    def findings(counts: dict[str, int]) -> list[str]:
        return unsampled_findings([output], {"click": {"train": trained, "x": counts}})

    (line,) = findings(counts(64_000, 4_000))
    assert line.startswith("the x rows seem to hold all rows with click = 0 (the odds")
    assert "sampling_rate counts each of them 10 times" in line
    assert fix in line
    assert not findings(counts(10_000, 2_500))
    assert not findings(counts(640, 40))  # too few to tell
    assert not findings(counts(1_000, 1_000))
    if sampling_rate == "rate":
        assert not findings(counts(64_000, 4_000, rate=1.0))
        assert not findings(counts(34_000, 4_000, rate=0.5))
    # The table of an evaluation may lack the column of rates.
    assert not findings({"rows": 64_000, "positives": 3_000})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_same_rows_show_no_drift_whatever_their_weights(tmp_path: Path) -> None:
    """A column of weights, and rows without a label, which weigh 0."""
    rows = population(2000).to_pandas()
    rows["weight"] = np.where(rows["user"] == 0, 9.0, 1.0)
    rows.loc[rows["user"] == 3, "click"] = np.nan
    train = parquet(tmp_path, pa.Table.from_pandas(rows))
    tasks = {"click": CLICK | {"sampling_rate": "rate"}}
    features = {"user": {"kind": "sparse"}}
    data = values(train, features, tasks, test=str(train), weight_column="weight")
    run_in(tmp_path / "run", config(data, "trainer.epochs=2"))
    drift = mtl_cli.load(tmp_path / "run").evaluate(str(train)).drift
    (record,) = drift[drift["kind"] == "prediction"].to_dict("records")
    assert record["psi"] == pytest.approx(0, abs=1e-6)
    assert record["mean"] == pytest.approx(record["trained_mean"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_drift_of_sampled_rows_is_unknown_without_their_labels(tmp_path: Path) -> None:
    # Weighted rows of the run were compared with unweighted rows of the table.
    like = np.random.default_rng(2).normal(size=200)
    rows = population(200).append_column("like", [like])
    train = parquet(tmp_path, rows)
    tasks = {
        "click": CLICK | {"sampling_rate": "rate"},
        "like": {"label": "like", "kind": "regression"},
    }
    data = values(train, {"user": {"kind": "sparse"}}, tasks, test=str(train))
    run_in(tmp_path / "run", config(data, "trainer.epochs=1"))
    model = mtl_cli.load(tmp_path / "run")
    evaluation = model.evaluate(rows.drop_columns("click"))
    assert evaluation.drift["psi"].isna().all()
    assert evaluation.remarks[-1] == (
        "drift is unknown: the column 'rate' weighs the rows with click = 0, but click "
        "is not evaluated"
    )
    # Rows without the column of rates count as whole.
    whole = model.evaluate(rows.drop_columns(["click", "rate"]))
    assert whole.drift["psi"].notna().all()


def population(rows: int) -> pa.Table:
    """All rows: clicks are rare, and their share depends on the user."""
    random = np.random.default_rng(1)
    user = random.integers(0, 4, rows)
    click = random.random(rows) < np.array([0.02, 0.05, 0.1, 0.2])[user]
    rate = np.array([0.1, 0.1, 0.5, 0.5])[user]
    return pa.table({"user": user, "click": click.astype(int), "rate": rate})


@pytest.mark.parametrize("rate", slow_except([], [0.2, "rate"]))
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_run_on_a_sample_predicts_and_scores_all_rows(
    tmp_path: Path, rate: float | str
) -> None:
    everything = population(8000)
    random = np.random.default_rng(3)
    kept = everything["rate"].to_numpy() if rate == "rate" else rate
    is_click = everything["click"].to_numpy() == 1
    sample = everything.filter(is_click | (random.random(8000) < kept))
    train = parquet(tmp_path, sample)
    tasks = {"click": CLICK | {"sampling_rate": rate}}
    data = values(train, {"user": {"kind": "sparse"}}, tasks, test=str(train))
    long_enough = "trainer.epochs=30", "optimizer.learning_rate=0.002"
    scores = run_in(tmp_path / "run", config(data, *long_enough))
    # A ninth of all rows are clicks, and about a third of the rows in the sample.
    assert scores["test"]["click"]["pcoc"] == pytest.approx(1, abs=0.06)
    model = mtl_cli.load(tmp_path / "run")
    p = model.predict(everything)["click"].groupby(everything["user"].to_numpy())
    shares = everything.to_pandas().groupby("user")["click"].mean()
    np.testing.assert_allclose(p.mean(), shares, rtol=0.15)
    evaluation = model.evaluate(sample)
    measured = evaluation.metrics.set_index("metric")["value"]
    for metric in ("auc", "log_loss", "ece", "pcoc"):
        expected = scores["test"]["click"][metric]
        assert measured[metric] == pytest.approx(expected, rel=FLOAT32)
    if rate == "rate":
        unsampled = model.evaluate(everything.drop_columns("rate"))
        assert any("has no column 'rate'" in line for line in unsampled.remarks)
        whole = unsampled.metrics.set_index("metric")["value"]["pcoc"]
        assert whole == pytest.approx(1, abs=0.06)
        # The sample holds a third of the rows, and other users than all rows.
        for drift in (evaluation.drift, unsampled.drift):
            assert set(drift["kind"]) == {"feature", "prediction"}
            assert drift["psi"].max() < 0.02
            prediction = drift[drift["kind"] == "prediction"].iloc[0]
            share = shares[everything["user"].to_numpy()].mean()
            assert prediction["trained_mean"] == pytest.approx(share, rel=0.06)
            assert prediction["mean"] == pytest.approx(share, rel=0.06)
    else:
        whole = model.evaluate(everything)
        assert any("seem to hold all rows with click = 0" in x for x in whole.remarks)
        assert not any("seem to hold" in line for line in evaluation.remarks)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
@pytest.mark.parametrize("heads", ["esmm", "escm2", "funnel"])
def test_products_on_a_sample_with_rates_of_rows_hold_for_all_rows(
    tmp_path: Path, heads: str
) -> None:
    random = np.random.default_rng(2)
    clicks = population(40_000)
    user, click = clicks["user"].to_numpy(), clicks["click"].to_numpy()
    buy = click * (random.random(40_000) < np.array([0.6, 0.4, 0.3, 0.2])[user])
    everything = clicks.append_column("buy", [buy])
    kept = (click == 1) | (random.random(40_000) < everything["rate"].to_numpy())
    tasks = {
        "click": CLICK | {"sampling_rate": "rate"},
        "buy": {"label": "buy", "kind": "binary"},
    }
    train = parquet(tmp_path, everything.filter(kept))
    data = values(train, {"user": {"kind": "sparse"}}, tasks)
    long_enough = "trainer.epochs=20", "optimizer.learning_rate=0.002"
    chosen = config(data, f"model.heads={heads}", *long_enough)
    scores = run_in(tmp_path / "run", chosen)
    assert scores["train"]["buy"]["pcoc"] == pytest.approx(1, abs=0.06)
    model = mtl_cli.load(tmp_path / "run")
    predictions = model.predict(everything)
    labels = everything.to_pandas()
    for task in ("click", "buy"):
        p = predictions[task].groupby(user).mean()
        np.testing.assert_allclose(p, labels.groupby("user")[task].mean(), rtol=0.15)
    whole = model.evaluate(everything.drop_columns("rate"))
    measured = whole.metrics.set_index(["task", "metric"])["value"]
    for output in ("click", "buy", "buy_given_click"):
        assert measured[output, "pcoc"] == pytest.approx(1, abs=0.06)
