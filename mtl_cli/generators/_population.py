"""The users and items of the generator `funnel`, and their effects on its scores."""

from dataclasses import dataclass

import numpy as np

# An impression has two scores, a and b in `Funnel`. For each score, a user and an item
# have a vector of this many factors each. The dot product of the two vectors says how
# well they match.
NUM_FACTORS = 4
SKEW = 0.5  # the popularity of the n-th user or item is proportional to n^-SKEW


@dataclass(frozen=True)
class Population:
    """All users, or all items: the members of the population.

    Attributes:
        popularity: each member's share of the impressions, (members,).
        groups: the segment of each user, or the category of each item, (members,).
        effects: the effects of each member on the two scores, (members, 2,
            1 + NUM_FACTORS). The last axis holds the main effect, then the factors.
            Over impressions, all 2 (1 + NUM_FACTORS) columns have mean 0 and variance
            1, and no two of them are correlated.
    """

    popularity: np.ndarray
    groups: np.ndarray
    effects: np.ndarray


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
    return Population(
        popularity, groups, effects.reshape(num_members, 2, 1 + NUM_FACTORS)
    )
