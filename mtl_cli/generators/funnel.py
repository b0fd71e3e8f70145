"""Impressions, clicks and conversions whose true probabilities are known."""

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from mtl_cli.core.options import Count, CountOrZero
from mtl_cli.data.dataset import Dataset

# Shares of a score's variance.
USER, ITEM, MATCH, HOUR, OFFER = 0.3, 0.3, 0.2, 0.1, 0.1
FACTORS = 4  # of users and of items; their products measure how well both match
SEGMENTS, CATEGORIES = 8, 20  # of users, of items
SKEW = 0.5  # popularity of the n-th user or item is n^-SKEW
CALIBRATION_ROWS = 2**17  # rates are met within 0.3 %: a score's deviation is 1

Rate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
# More than the 2 (1 + FACTORS) columns of effects, which are made orthogonal.
Several = Annotated[int, Field(ge=16)]


@dataclass(frozen=True)
class Population:
    """Users or items.

    Attributes:
        popularity: probability of each in an impression, (num,).
        group: segment or category of each, (num,).
        effects: on the two scores, (num, 2, 1 + FACTORS): the main effect, then the
            factors of the match. Over impressions each has mean 0 and variance 1, and
            no two are correlated.
    """

    popularity: np.ndarray
    group: np.ndarray
    effects: np.ndarray


@dataclass(frozen=True)
class Impressions:
    """Rows without their labels.

    Attributes:
        columns: features by name, (rows,) each.
        logits: of click and of conversion given click, (2, rows), without intercepts.
    """

    columns: dict[str, np.ndarray]
    logits: np.ndarray


class Funnel(Dataset):
    """Clicks, and conversions after them, with what is learnt from clicks alone biased.

    a, b: two scores of an impression, with mean 0 and variance 1, uncorrelated; each
        is the sum of effects of user, item, their match, hour, and price or shipping.
    logit pCTR = click intercept + a
    logit pCVR = conversion intercept + r a + sqrt(1 - r^2) b

    r is `dependence`: where it is positive, clicked impressions convert better than
    the others would (selection bias); where it is negative, worse.

    Columns: the features `user`, `item`, `segment` (of the user), `category` (of the
    item), `hour` (0 to 23), `price` and `shipping` (of the offer, new each time); the
    labels `click` and `conversion` (0 where there is no click); their true
    probabilities `p_click`, `p_conversion_given_click` and `p_click_and_conversion`.

    Attributes:
        generator: name of the generator's module.
        dependence: r, the correlation of the two logits over all impressions.
        click_rate: mean of `p_click` over all impressions.
        conversion_rate: mean of `p_conversion_given_click` over all impressions,
            clicked or not; the rate over clicked ones differs by the selection bias.
        num_users: number of users.
        num_items: number of items.
        train_rows: number of training impressions.
        test_rows: number of test impressions.
        generator_seed: seed of all draws, apart from `seed` and `split_seed`. True
            probabilities and test rows do not depend on `train_rows`; features are
            the same for each `dependence` and rate.
    """

    generator: Literal["funnel"]
    train: Literal["generated"] = "generated"
    valid: None = None
    test: Literal["generated"] = "generated"
    dependence: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
    click_rate: Rate
    conversion_rate: Rate
    num_users: Several
    num_items: Several
    train_rows: Count
    test_rows: Count
    generator_seed: CountOrZero

    def generate(self) -> dict[str, pa.Table]:
        """Returns the `train` and `test` tables, the same each time."""
        streams = np.random.SeedSequence(self.generator_seed).spawn(4)
        start, sample, *splits = (np.random.default_rng(s) for s in streams)
        users = population(start, self.num_users, SEGMENTS)
        items = population(start, self.num_items, CATEGORIES)
        # Not from the training rows, whose number must not change the truth.
        logits = self._draw(sample, CALIBRATION_ROWS, users, items).logits
        intercepts = [
            intercept(logits[0], self.click_rate),
            intercept(logits[1], self.conversion_rate),
        ]
        tables = {}
        for name, rows, random in zip(
            ("train", "test"), (self.train_rows, self.test_rows), splits, strict=True
        ):
            impressions = self._draw(random, rows, users, items)
            tables[name] = labelled(random, impressions, intercepts)
        return tables

    def _draw(
        self,
        random: np.random.Generator,
        rows: int,
        users: Population,
        items: Population,
    ) -> Impressions:
        user = random.choice(len(users.group), rows, p=users.popularity)
        item = random.choice(len(items.group), rows, p=items.popularity)
        hour = random.integers(24, size=rows)
        offer = random.normal(size=(2, rows))
        scores = np.sqrt(OFFER) * offer
        # Over a day, sine and cosine have variance 1/2 and are uncorrelated.
        scores[0] += sqrt(2 * HOUR) * np.cos(2 * pi * hour / 24)
        scores[1] += sqrt(2 * HOUR) * np.sin(2 * pi * hour / 24)
        for k in range(2):
            of_user, of_item = users.effects[user, k], items.effects[item, k]
            scores[k] += sqrt(USER) * of_user[:, 0] + sqrt(ITEM) * of_item[:, 0]
            match = np.einsum("rf,rf->r", of_user[:, 1:], of_item[:, 1:])
            scores[k] += sqrt(MATCH / FACTORS) * match
        r = self.dependence
        columns = {
            "user": user.astype("int32"),
            "item": item.astype("int32"),
            "segment": users.group[user].astype("int32"),
            "category": items.group[item].astype("int32"),
            "hour": hour.astype("int32"),
            # Cheap offers are clicked; those that are cheaply sent are bought.
            "price": np.exp(3 - offer[0] / 2).astype("float32"),
            "shipping": np.exp(1 - offer[1] / 2).astype("float32"),
        }
        conversion = r * scores[0] + sqrt(1 - r**2) * scores[1]
        return Impressions(columns, np.stack([scores[0], conversion]))


def population(random: np.random.Generator, num: int, groups: int) -> Population:
    """Draws users or items.

    Args:
        random: the random generator.
        num: number of users or items.
        groups: number of groups; the members of a group have similar effects.
    """
    popularity = np.arange(1.0, num + 1) ** -SKEW
    popularity /= popularity.sum()
    group = random.integers(groups, size=num)
    columns = 2 * (1 + FACTORS)
    effects = random.normal(size=(groups, columns))[group]
    effects += random.normal(size=(num, columns))
    effects -= np.einsum("n,nc->c", popularity, effects)
    # einsum is not BLAS: sums do not depend on the number of threads.
    covariance = np.einsum("n,nc,nd->cd", popularity, effects, effects)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    effects = np.einsum("nc,dc->nd", effects, whiten)
    return Population(popularity, group, effects.reshape(num, 2, 1 + FACTORS))


def intercept(logits: np.ndarray, rate: float) -> float:
    """Returns what to add to logits for their probabilities to have the mean `rate`."""
    logit = log(rate / (1 - rate))
    low, high = logit - logits.max(), logit - logits.min()
    for _ in range(50):  # halves an interval of some 10 to the last bit of a double
        middle = (low + high) / 2
        if sigmoid(logits + middle).mean() < rate:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def labelled(
    random: np.random.Generator, impressions: Impressions, intercepts: list[float]
) -> pa.Table:
    """Draws clicks, and conversions of what is clicked."""
    logits = impressions.logits + np.array(intercepts)[:, None]
    p_click, p_conversion = sigmoid(logits).astype("float32")
    chance = random.random(logits.shape)  # float64: probabilities may be tiny
    click = chance[0] < p_click
    conversion = click & (chance[1] < p_conversion)
    return pa.table(
        impressions.columns
        | {
            "click": click.astype("int8"),
            "conversion": conversion.astype("int8"),
            "p_click": p_click,
            "p_conversion_given_click": p_conversion,
            "p_click_and_conversion": p_click * p_conversion,
        }
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Returns the probability of a logit."""
    result: np.ndarray = 1 / (1 + np.exp(-x))
    return result
