"""Simulates impressions with clicks and conversions, and their true probabilities."""

from math import log, pi, sqrt
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from mtl_cli.core.options import Count, CountOrZero, FitsFloat32
from mtl_cli.data.dataset import Dataset

# The variance of a score, a or b in `Funnel`, is 1. These are the shares of its causes.
USER_SHARE = 0.3
ITEM_SHARE = 0.3
MATCH_SHARE = 0.2
HOUR_SHARE = 0.1
OFFER_SHARE = 0.1
NUM_SEGMENTS = 8  # of users
NUM_CATEGORIES = 20  # of items
# For each score, a user and an item have a vector of this many factors each. The dot
# product of the two vectors says how well they match.
NUM_FACTORS = 4
SKEW = 0.5  # the popularity of the n-th user or item is proportional to n^-SKEW
# The number of rows from which the intercepts are computed. With this number, the mean
# probabilities differ from the requested rates by at most 0.3 %.
CALIBRATION_ROWS = 2**17

Rate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), FitsFloat32]
# `Population.effects` has 2 (1 + NUM_FACTORS) = 10 columns. With fewer users or items
# than columns, the columns could not be made uncorrelated.
PopulationSize = Annotated[int, Field(ge=16, le=10_000_000)]


class Population(NamedTuple):
    """All users, or all items: the members of the population.

    The effects on the two scores are (members, 2, 1 + NUM_FACTORS). The last axis holds
    the main effect, then the factors. Over impressions, all 2 (1 + NUM_FACTORS) columns
    have mean 0 and variance 1, and no two of them are correlated.
    """

    popularity: np.ndarray  # each member's share of the impressions, (members,)
    groups: np.ndarray  # segments of users, or categories of items, (members,)
    effects: np.ndarray


class Funnel(Dataset):
    """Impressions, clicks, and conversions after clicks, with a chosen selection bias.

        logit pCTR = click intercept + a
        logit pCVR = conversion intercept + r a + sqrt(1 - r^2) b

    a and b are two scores of an impression. Over impressions they have mean 0 and
    variance 1, and they are uncorrelated. Each score is the sum of the effects of the
    user, the item, the match of both, the hour and the offer. The offer consists of a
    price and of shipping costs. The price has an effect on a, and the shipping costs
    have an effect on b.

    r is `dependence`. If r is positive, pCVR is higher on clicked impressions than on
    other impressions; if r is negative, pCVR is lower on clicked impressions. A model
    that learns pCVR from clicked impressions alone is therefore biased.

    Columns: the features `user`, `item`, `segment` (of the user), `category` (of the
    item), `hour` (0 to 23), `price` and `shipping` (drawn for each impression);
    the labels `click` and `conversion` (0 without a click); their true probabilities
    `p_click`, `p_conversion_given_click` and `p_click_and_conversion`.

    Attributes:
        generator: name of the generator's module.
        dependence: r, the correlation of the two logits over all impressions.
        click_rate: mean of `p_click` over all impressions.
        conversion_rate: mean of `p_conversion_given_click` over all impressions,
            clicked or not. The difference to the mean over clicked impressions is the
            selection bias.
        num_users: number of users.
        num_items: number of items.
        train_rows: number of training impressions.
        test_rows: number of test impressions.
        generator_seed: seed of all random draws of the rows. The keys `seed` and
            `split_seed` do not change the rows. Two data sets that differ only in
            `train_rows` have the same true probabilities and test rows. Two data sets
            that differ only in `dependence` or the rates have the same features.
    """

    generator: Literal["funnel"]
    train: Literal["generated"] = "generated"
    valid: None = None
    test: Literal["generated"] = "generated"
    dependence: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
    click_rate: Rate
    conversion_rate: Rate
    num_users: PopulationSize
    num_items: PopulationSize
    train_rows: Count
    test_rows: Count
    generator_seed: CountOrZero

    def generate(self) -> dict[str, pa.Table]:
        seeds = np.random.SeedSequence(self.generator_seed).spawn(4)
        # Each purpose has its own generator of random numbers.
        population, calibration, train, test = map(np.random.default_rng, seeds)
        users = draw_population(population, self.num_users, NUM_SEGMENTS)
        items = draw_population(population, self.num_items, NUM_CATEGORIES)
        # The intercepts are computed from separate rows, so that the number of training
        # rows does not change the true probabilities.
        _, logits = self._draw_impressions(calibration, CALIBRATION_ROWS, users, items)
        intercepts = [
            find_intercept(logits[0], self.click_rate),
            find_intercept(logits[1], self.conversion_rate),
        ]

        def draw_table(random: np.random.Generator, num_rows: int) -> pa.Table:
            features, logits = self._draw_impressions(random, num_rows, users, items)
            labels = draw_labels(random, logits + np.array(intercepts)[:, None])
            return pa.table(features | labels)

        return {
            "train": draw_table(train, self.train_rows),
            "test": draw_table(test, self.test_rows),
        }

    def _draw_impressions(
        self,
        random: np.random.Generator,
        num_rows: int,
        users: Population,
        items: Population,
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Draws impressions before clicks and conversions are drawn.

        Returns: the features by name, (rows,) each; and the logits of pCTR and pCVR
            without their intercepts, (2, rows).
        """
        user = random.choice(len(users.groups), num_rows, p=users.popularity)
        item = random.choice(len(items.groups), num_rows, p=items.popularity)
        hour = random.integers(24, size=num_rows)
        offer = random.normal(size=(2, num_rows))
        a, b = sum_effects(users.effects[user], items.effects[item], hour, offer)
        features = {
            "user": user.astype("int32"),
            "item": item.astype("int32"),
            "segment": users.groups[user].astype("int32"),
            "category": items.groups[item].astype("int32"),
            "hour": hour.astype("int32"),
            # A low price raises a, and low shipping costs raise b.
            "price": np.exp(3 - offer[0] / 2).astype("float32"),
            "shipping": np.exp(1 - offer[1] / 2).astype("float32"),
        }
        r = self.dependence
        return features, np.stack([a, r * a + sqrt(1 - r**2) * b])


def draw_population(
    random: np.random.Generator, num_members: int, num_groups: int
) -> Population:
    """Draws all users, or all items. Members of the same group have similar effects."""
    popularity = np.arange(1.0, num_members + 1) ** -SKEW
    popularity /= popularity.sum()
    groups = random.integers(num_groups, size=num_members)
    num_columns = 2 * (1 + NUM_FACTORS)
    effects = random.normal(size=(num_groups, num_columns))[groups]
    effects += random.normal(size=(num_members, num_columns))
    effects -= np.einsum("n,nc->c", popularity, effects)  # mean 0 over impressions
    # Unlike a matrix product, einsum gives the same sums for any number of threads.
    covariance = np.einsum("n,nc,nd->cd", popularity, effects, effects)
    # Whitening: the covariance of the columns becomes the identity matrix.
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    effects = np.einsum("nc,dc->nd", effects, whitening)
    return Population(popularity, groups, effects.reshape(num_members, 2, -1))


def sum_effects(
    user_effects: np.ndarray,
    item_effects: np.ndarray,
    hour: np.ndarray,
    offer: np.ndarray,
) -> np.ndarray:
    """Returns the scores a and b of impressions, (2, rows), see `Funnel`.

    The effects are (rows, 2, 1 + NUM_FACTORS). `offer` holds the effects of price and
    shipping, with variance 1, (2, rows).
    """
    scores: np.ndarray = np.sqrt(OFFER_SHARE) * offer
    # Over the hours of a day, sine and cosine are uncorrelated, with variance 1/2.
    scores[0] += sqrt(2 * HOUR_SHARE) * np.cos(2 * pi * hour / 24)
    scores[1] += sqrt(2 * HOUR_SHARE) * np.sin(2 * pi * hour / 24)
    for k in range(2):
        main_effects = sqrt(USER_SHARE) * user_effects[:, k, 0]
        main_effects += sqrt(ITEM_SHARE) * item_effects[:, k, 0]
        scores[k] += main_effects
        match = np.einsum("rf,rf->r", user_effects[:, k, 1:], item_effects[:, k, 1:])
        # The variance of the dot product is NUM_FACTORS.
        scores[k] += sqrt(MATCH_SHARE / NUM_FACTORS) * match
    return scores


def find_intercept(logits: np.ndarray, rate: float) -> float:
    """Finds the intercept with which the mean probability is `rate`, by bisection.

    The probability of a row is the sigmoid of its logit plus the intercept.
    """
    logit_of_rate = log(rate / (1 - rate))
    low, high = logit_of_rate - logits.max(), logit_of_rate - logits.min()
    for _ in range(50):  # enough for the precision of float64
        middle = (low + high) / 2
        if sigmoid(logits + middle).mean() < rate:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def draw_labels(
    random: np.random.Generator, logits: np.ndarray
) -> dict[str, np.ndarray]:
    """Draws clicks and conversions from the logits of pCTR and pCVR, (2, rows)."""
    p_click, p_conversion = sigmoid(logits).astype("float32")
    # The draws are float64: float32 has too few values near 0 to draw labels with very
    # small probabilities.
    uniform = random.random(logits.shape)
    click = uniform[0] < p_click
    conversion = click & (uniform[1] < p_conversion)
    return {
        "click": click.astype("int8"),
        "conversion": conversion.astype("int8"),
        "p_click": p_click,
        "p_conversion_given_click": p_conversion,
        "p_click_and_conversion": p_click * p_conversion,
    }


def sigmoid(x: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = 1 / (1 + np.exp(-x))
    return probabilities
