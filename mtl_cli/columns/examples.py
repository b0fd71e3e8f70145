"""Makes cells of raw columns, for rows that test an exported model."""

from typing import Any

import numpy as np

Cells = list[Any]  # the cells of a column, as Python values
# Values that training rows probably lack, and that exported models may get wrong: an id
# above 2^53, which float64 would round, and texts that are long or not ASCII.
UNUSUAL_TEXTS = (str(2**53 + 1), "zoë", "日本", "?" * 300)
# Every third row has an unseen or missing value.
UNUSUAL_ROW_STEP = 3
# The row after each such row has a value in another spelling: a plugin's kind may read
# both spellings as one value, and its exported graph must do the same.
OTHER_SPELLINGS = (str.swapcase, " {} ".format, "{}0".format, "0{}".format)


def example_values(
    vocabulary: list[str], random: np.random.Generator, num_rows: int
) -> list[str | None]:
    """Draws values of a vocabulary; every third value is unseen or missing."""
    values_to_draw = vocabulary or UNUSUAL_TEXTS
    drawn = [
        values_to_draw[random.integers(len(values_to_draw))] for _ in range(num_rows)
    ]
    for i, row in enumerate(range(1, num_rows, UNUSUAL_ROW_STEP)):
        drawn[row] = OTHER_SPELLINGS[i % len(OTHER_SPELLINGS)](drawn[row])
    values: list[str | None] = [*drawn]
    unusual_values = [None, *UNUSUAL_TEXTS]
    for i, row in enumerate(range(0, num_rows, UNUSUAL_ROW_STEP)):
        values[row] = unusual_values[i % len(unusual_values)]
    return values


def example_numbers(
    learnt: list[float],
    missing: str | float,
    random: np.random.Generator,
    num_rows: int,
) -> list[float | None]:
    """Draws numbers equal to, between and beyond the numbers that a feature has learnt.

    Unless the key `missing` of the feature is `error`, every third number is None.
    """
    low, high = (min(learnt), max(learnt)) if learnt else (0.0, 1.0)
    # Numbers near the limit of float64 would overflow.
    largest = float(np.finfo("float32").max)
    low, high = np.clip([low, high], -largest, largest).tolist()
    margin = (high - low) / 4 or 1.0
    uniform = random.uniform(low - margin, high + margin, num_rows)
    drawn = random.choice(learnt, num_rows) if learnt else uniform
    numbers: list[float | None] = np.where(
        random.random(num_rows) < 0.5, uniform, drawn
    ).tolist()
    if missing != "error":
        numbers[::UNUSUAL_ROW_STEP] = [None] * len(numbers[::UNUSUAL_ROW_STEP])
    return numbers
