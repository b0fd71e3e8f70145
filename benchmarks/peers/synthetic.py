"""Random rows of sparse features, for the cost of large embedding tables."""

import numpy as np

FEATURES = [f"feature_{i}" for i in range(8)]
TASKS = ["click", "conversion"]


def vocabulary_size(table_rows: int) -> int:
    """Returns the number of ids per feature, if all tables have `table_rows` rows."""
    return table_rows // len(FEATURES)


def rows(num_rows: int, table_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns ids (num_rows, 8), int32, and labels (num_rows, 2), float32.

    All ids are equally likely. A batch then holds nearly as many distinct ids as it
    can: the most work for an optimizer that updates only the rows of the batch.
    """
    rng = np.random.default_rng(0)
    size = vocabulary_size(table_rows)
    ids = rng.integers(0, size, (num_rows, len(FEATURES)), dtype="int32")
    labels = rng.random((num_rows, len(TASKS))) < 0.2
    return ids, labels.astype("float32")
