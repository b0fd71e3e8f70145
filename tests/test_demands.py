"""What model and trainer ask of the data: told before training, or no objection."""

from types import SimpleNamespace

import numpy as np

from mtl_cli.data.demands import doubts
from mtl_cli.data.table import Table

NONE = np.nan


def table(**labels):
    """Rows with these labels; a row without one has no weight."""
    found = {name: np.array(y, "float32") for name, y in labels.items()}
    weights = {name: (~np.isnan(y)).astype("float32") for name, y in found.items()}
    return Table({}, found, weights)


def test_broken_funnel_is_counted_among_the_labels_that_are_there():
    esmm = SimpleNamespace(model=SimpleNamespace(heads="esmm"), funnel=("click", "buy"))
    (told,) = doubts(esmm, table(click=[1, 0, 0, NONE], buy=[1, 1, NONE, NONE]))
    assert "1 of 2 training rows with buy = 1 have click = 0" in told
    assert doubts(esmm, table(click=[1, 0, NONE], buy=[1, NONE, 1])) == []
