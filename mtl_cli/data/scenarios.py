"""The scenario of each row: the page, market or surface on which the row was shown.

The scenario of a row is the value of the feature that `dataset.scenario` names.
Encoding has replaced the values by ids, so the scenarios are found from the ids. If the
values "feed" and "shop" have the ids 1 and 2, the scenarios are "feed", "shop" and
"(other)", for the id 0 of values that are empty, rare or unknown.
"""

from dataclasses import dataclass

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import visible
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table

MAX_SCENARIOS = 50
OTHER = "(other)"  # the scenario of id 0


@dataclass(frozen=True)
class RowScenarios:
    """The names of all scenarios, and the index of each row's scenario, (rows,)."""

    names: list[str]
    indices: Array

    @property
    def row_names(self) -> Array:
        return np.array(self.names, object)[self.indices]

    def rows_of(self, name: str) -> Array:
        """Returns the indices of the rows of a scenario, ascending."""
        if name not in self.names:
            return np.empty(0, np.intp)
        return np.flatnonzero(self.indices == self.names.index(name))

    @property
    def masks(self) -> dict[str, Array]:
        """{name of a scenario: a mask of its rows, (rows,)}.

        `OTHER`, the scenario of empty, rare and unknown values, is left out if it has
        no rows.
        """
        masks = {name: self.indices == i for i, name in enumerate(self.names)}
        return {
            name: mask for name, mask in masks.items() if name != OTHER or mask.any()
        }


@dataclass(frozen=True)
class Scenarios:
    """The scenarios of a data set, and how to find the scenario of a row.

    `names` holds each scenario once, `OTHER` among them. The ids of the feature are in
    the `column` of the network's input `ids`. `index_by_id` is the index in `names` of
    each id's scenario, (ids,).
    """

    names: list[str]
    column: int
    index_by_id: Array

    def of(self, table: Table) -> RowScenarios:
        ids = table.features["ids"][:, self.column]
        return RowScenarios(self.names, np.asarray(self.index_by_id[ids]))


def network_scenario_names(dataset: Dataset, features: FeatureSet) -> list[str]:
    """Returns the name of each scenario of a network, in the order of their ids.

    A network has a scenario for each id from 1 on. The list is empty if
    `dataset.scenario` is null.
    """
    scenarios = find_scenarios(dataset, features)
    if scenarios is None:
        return []
    return [scenarios.names[i] for i in scenarios.index_by_id[1:]]


def find_scenarios(dataset: Dataset, features: FeatureSet) -> Scenarios | None:
    """Returns the scenarios of a data set; None if `dataset.scenario` is null."""
    name = dataset.scenario
    if name is None:
        return None
    feature = dataset.features[name]
    learnt = features.learnt_of_table_owner(name)
    table = feature.embedding_table(learnt)
    num_ids = 0 if table is None else table.size
    ids = np.arange(1, num_ids)
    if not 2 <= len(ids) <= MAX_SCENARIOS:
        raise DataError(
            f"dataset.scenario: {name} has {len(ids)} values or buckets; name a "
            f"feature with 2 to {MAX_SCENARIOS}"
        )
    # If ids have no names (the ids of buckets, for example), each id is its own name.
    values = feature.value_names(ids, learnt) or [str(i) for i in ids]
    value_names = [visible(value) for value in values]
    # `visible` may give two values the same name: then they are one scenario. A value
    # that is called "(other)" belongs to the scenario `OTHER`.
    names = list(dict.fromkeys([*value_names, OTHER]))
    index_by_id = np.array([names.index(text) for text in [OTHER, *value_names]])
    return Scenarios(names, features.layout.columns[name].start, index_by_id)
