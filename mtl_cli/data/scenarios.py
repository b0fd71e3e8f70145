"""The scenarios of a data set: the pages, markets or surfaces that its rows are of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError, visible
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, StoredTable, Table

MAX_SCENARIOS = 50
OTHER = "(other)"  # the scenario of values without an id of their own


@dataclass(frozen=True)
class Scenarios:
    """The scenarios that the values of one feature tell.

    Attributes:
        names: the names of the scenarios; `OTHER` comes last.
        column: the feature's column in the network's input `ids`.
        codes: the position in `names` of the scenario of each id of the feature.
    """

    names: list[str]
    column: int
    codes: Array

    def of_rows(self, table: Table | StoredTable) -> Array:
        """Returns the position in `names` of each row's scenario, (rows,)."""
        mapped = table.mapped() if isinstance(table, StoredTable) else table
        return np.asarray(self.codes[mapped.features["ids"][:, self.column]])

    def names_of(self, table: Table | StoredTable) -> Array:
        """Returns the name of each row's scenario, (rows,)."""
        return np.array(self.names, object)[self.of_rows(table)]


def scenarios_of(dataset: Dataset, features: FeatureSet) -> Scenarios | None:
    """Returns the scenarios of a data set; None if no feature tells them.

    Args:
        dataset: the data set. Its key `scenario` names the feature.
        features: the fitted features.

    Raises:
        DataError: if the feature has too few or too many values.
    """
    name = dataset.scenario
    if name is None:
        return None
    feature: Any = dataset.features[name]
    learnt = features.table_learnt(name)
    ids = np.arange(1, feature.num_ids(learnt))
    if not 2 <= len(ids) <= MAX_SCENARIOS:
        raise DataError(
            f"dataset.scenario: {name} has {len(ids)} values in the training rows; "
            f"name a feature with 2 to {MAX_SCENARIOS}"
        )
    values = feature.value_names(ids, learnt) or [str(i) for i in ids]
    shown = [visible(value) for value in values]
    names = list(dict.fromkeys([*shown, OTHER]))
    codes = np.array([names.index(text) for text in [OTHER, *shown]])
    return Scenarios(names, features.layout.columns[name].start, codes)
