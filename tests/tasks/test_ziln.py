"""Zero-inflated lognormal tasks: equations, the mean, and the label's unit."""

import numpy as np
import pandas as pd
import pyarrow
import pytest
import tensorflow as tf
from helpers.planted_data import loaded, parquet
from scipy.special import expit
from scipy.stats import lognorm

from mtl_cli.tasks.ziln import MIN_SIGMA, ZILN

TASK = ZILN(label="y")
ABOUT = {"mean": 2.0, "deviation": 1.5}
FLOAT32 = 1e-6


def softplus(x):
    return np.logaddexp(0, x)


def rows(count=400):
    """Random amounts, of which about half are 0, and logits."""
    random = np.random.default_rng(0)
    label = random.lognormal(2, 1.5, count) * (random.random(count) < 0.5)
    return label, random.normal(0, 1.5, (count, 3)).astype("float32")


def own_parameters(logits):
    """p, and mu and sigma of log y, in float64."""
    x = logits.astype("float64")
    offset = np.log(np.expm1(1 - MIN_SIGMA))
    sigma = softplus(x[:, 2] + offset) + MIN_SIGMA
    return expit(x[:, 0]), 2 + 1.5 * x[:, 1], 1.5 * sigma


def loss_and_gradient(label, logits, about=ABOUT):
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = TASK.row_losses(tf.constant(label), x, about)
        total = tf.reduce_sum(losses)
    return losses.numpy(), tape.gradient(total, x).numpy()


def mean_of(logits, about=ABOUT):
    return TASK.predictions(tf.constant(logits), about).numpy()


def test_loss_is_the_negative_log_likelihood_up_to_a_constant_of_amounts():
    label, logits = rows()
    losses, _ = loss_and_gradient(label, logits)
    p, mu, sigma = own_parameters(logits)
    likelihood = np.where(
        label > 0, np.log(p) + lognorm.logpdf(label, sigma, scale=np.exp(mu)), 0
    )
    likelihood[label == 0] = np.log(1 - p)[label == 0]
    # The density of y is that of z over 1.5 y; the loss leaves out log sqrt(2 pi).
    constant = np.zeros_like(label)
    is_positive = label > 0
    constant[is_positive] = np.log(1.5 * label[is_positive] * np.sqrt(2 * np.pi))
    constant[is_positive] += np.log(MIN_SIGMA)
    np.testing.assert_allclose(losses, -likelihood - constant, rtol=1e-5)
    assert (losses >= 0).all()


def test_gradient_is_finite_and_an_amount_of_0_trains_p_alone():
    label, logits = rows()
    label[:3] = 0, 1e-300, 1e38
    _, gradient = loss_and_gradient(label, logits)
    assert np.isfinite(gradient).all()
    assert (gradient[label == 0][:, 1:] == 0).all()
    np.testing.assert_allclose(
        gradient[:, 0], expit(logits[:, 0]) - (label > 0), rtol=1e-5, atol=1e-6
    )


def test_prediction_is_the_mean_of_the_distribution():
    _, logits = rows()
    p, mu, sigma = own_parameters(logits)
    found = mean_of(logits)
    expected = p * lognorm.mean(sigma, scale=np.exp(mu))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected[:, None], rtol=1e-4)


def test_mean_is_unbiased_at_the_maximum_of_the_likelihood():
    """Minimises the loss of one logit vector for many equal rows, by Newton's method.

    The paper's maximum likelihood estimate of the mean follows from the share of the
    amounts above 0, and from mean and deviation of their logarithms.
    """
    random = np.random.default_rng(1)
    count = 200_000
    label = random.lognormal(1, 1.2, count) * (random.random(count) < 0.3)
    logs = np.log(label[label > 0])
    about = {"mean": logs.mean(), "deviation": logs.std()}
    share = (label > 0).mean()
    # In units of the training rows' own mean and deviation, the estimates are 0 and 1.
    best = np.array([[np.log(share / (1 - share)), 0, 0]], "float32")
    _, gradient = loss_and_gradient(label, np.repeat(best, count, axis=0), about)
    np.testing.assert_allclose(gradient.mean(axis=0), 0, atol=1e-4)
    truth = 0.3 * np.exp(1 + 1.2**2 / 2)
    # The standard error of the estimate is about 0.7 % of the mean.
    assert mean_of(best, about).item() == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_losses_and_predictions_do_not_depend_on_the_unit(unit):
    label, logits = rows()
    about = ABOUT | {"mean": ABOUT["mean"] + np.log(unit)}
    losses, _ = loss_and_gradient(label, logits)
    scaled, _ = loss_and_gradient(label * unit, logits, about)
    np.testing.assert_allclose(scaled, losses, rtol=1e-5)
    np.testing.assert_allclose(mean_of(logits, about), mean_of(logits) * unit)


FEATURES = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
TASKS = {"spent": {"label": "spent", "kind": "ziln"}}


def planted(count, seed=0):
    """Amounts whose mean follows from user and price, most of them 0."""
    random = np.random.default_rng(seed)
    user, price = random.integers(0, 8, count), random.normal(size=count)
    is_positive = random.random(count) < expit(price - 1)
    amount = random.lognormal(user / 4, 1, count)
    columns = {"user": user, "price": price, "spent": amount * is_positive, "seen": 1}
    return pd.DataFrame(columns)


def written(folder, frame):
    return parquet(folder, pyarrow.Table.from_pandas(frame, preserve_index=False))


def test_statistics_are_of_the_logarithms_of_amounts_in_training_rows(tmp_path):
    frame = planted(400)
    frame.loc[::3, "seen"] = 0
    frame.loc[::7, "spent"] = np.nan
    tasks = {"spent": TASKS["spent"] | {"space": "seen"}}
    path = written(tmp_path, frame)
    data = loaded(path, FEATURES, tasks, valid_fraction=0.25)
    mine = frame.iloc[data.row_numbers["train"]]
    logs = np.log(mine["spent"][(mine["seen"] == 1) & (mine["spent"] > 0)])
    about = data.label_statistics["spent"]
    assert about["mean"] == pytest.approx(logs.mean(), rel=1e-12)
    assert about["deviation"] == pytest.approx(logs.std(ddof=0), rel=1e-12)


def test_amounts_that_are_all_equal_have_the_deviation_1(tmp_path):
    columns = {"user": [1, 2, 3], "price": [1.0, 2.0, 3.0], "spent": [0.0, 5.0, 5.0]}
    data = loaded(parquet(tmp_path, columns), FEATURES, TASKS)
    assert data.label_statistics["spent"] == {"mean": np.log(5), "deviation": 1.0}
