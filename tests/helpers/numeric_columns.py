"""Numeric columns for tests of buckets."""

import numpy as np
from hypothesis import strategies as st

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

# A value, and how often it occurs in a column.
REPEATED = st.tuples(NUMBERS | st.integers(-9, 9).map(float), st.integers(1, 30))

# Columns of any numbers, and columns in which a few values occur often.
COLUMNS = st.one_of(
    st.lists(NUMBERS, min_size=1),
    st.lists(REPEATED, min_size=1, max_size=12).map(
        lambda pairs: [value for value, count in pairs for _ in range(count)]
    ),
)

SKEWED = np.random.default_rng(5).lognormal(3, 1, 3000) - 10
