"""A trained model: a network with all that it needs to predict raw rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.data.constant_columns import with_constants
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table

if TYPE_CHECKING:  # an import at run time would load TensorFlow
    from mtl_cli.network.network import Network


@dataclass(frozen=True)
class TrainedModel:
    """A trained model. `folder` is the run or the export that it was loaded from."""

    network: "Network"
    features: FeatureSet
    config: Config
    folder: Path

    def with_constants(self, values: Mapping[str, Any], option: str) -> "TrainedModel":
        """Returns a model that takes `values`, {column: value}, as constant columns."""
        return replace(self, features=with_constants(self.features, values, option))

    def prediction_columns(self, encoded: dict[str, Array]) -> dict[str, Array]:
        """Predicts encoded rows, {input of the network: (rows, width)}.

        Returns: {name of a column: predictions, (rows,)}.
        """
        rows = Table(features=encoded, labels={}, weights={})
        predictions = self.network.predict(rows)
        columns: dict[str, Array] = {}
        for name, output in self.config.output_by_prediction.items():
            columns |= output.task.prediction_columns(name, predictions[name])
        return columns
