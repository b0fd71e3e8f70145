"""Cells of raw columns to test exported models with."""

from typing import Any

import numpy as np

# Cells of a column, as a table of Python values holds them.
Cells = list[Any]
# Values that training rows probably lack, for tests of exported models: an id above
# 2^53 that float64 would round, and texts that are long or not ASCII.
TEXTS = (str(2**53 + 1), "zoë", "日本", "?" * 300)

# Every third row has an unseen or missing value.
ROWS_PER_ODD_ROW = 3


def some_values(
    vocabulary: list[str], random: np.random.Generator, rows: int
) -> list[str | None]:
    """Returns values of a vocabulary; some rows have unseen and missing values."""
    values_to_draw = vocabulary or TEXTS
    values: list[str | None] = [
        values_to_draw[random.integers(len(values_to_draw))] for _ in range(rows)
    ]
    others = [None, *TEXTS]
    for i, row in enumerate(range(0, rows, ROWS_PER_ODD_ROW)):
        values[row] = others[i % len(others)]
    return values


def some_numbers(
    learnt: list[float],
    missing: str | float,
    random: np.random.Generator,
    rows: int,
) -> list[float | None]:
    """Returns numbers at, between and beyond learnt numbers, and missing values.

    Args:
        learnt: numbers that the feature learnt, in any order.
        missing: the feature's setting; `error` leaves out missing values.
        random: the source of random choices.
        rows: the number of rows.
    """
    low, high = (min(learnt), max(learnt)) if learnt else (0.0, 1.0)
    margin = (high - low) / 4 or 1.0
    between = random.uniform(low - margin, high + margin, rows)
    drawn = random.choice(learnt, rows) if learnt else between
    numbers: list[float | None] = np.where(
        random.random(rows) < 0.5, between, drawn
    ).tolist()
    if missing != "error":
        numbers[::ROWS_PER_ODD_ROW] = [None] * len(numbers[::ROWS_PER_ODD_ROW])
    return numbers
