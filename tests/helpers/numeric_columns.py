"""Numeric columns for tests: any numbers, numbers with heavy values, skewed numbers."""

import numpy as np
from hypothesis import strategies as st

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

HEAVY = st.tuples(NUMBERS | st.integers(-9, 9).map(float), st.integers(1, 30))

COLUMNS = st.one_of(
    st.lists(NUMBERS, min_size=1),
    st.lists(HEAVY, min_size=1, max_size=12).map(
        lambda runs: [value for value, times in runs for _ in range(times)]
    ),
)

SKEWED = np.random.default_rng(5).lognormal(3, 1, 3000) - 10
