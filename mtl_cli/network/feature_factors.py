"""Adds trained factors of the features to the networks that read them."""

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.layers import ParallelMLP
from mtl_cli.network.feature_columns import FeatureColumns
from mtl_cli.network.network import Network


def add_feature_factors(network: Network, config: Config, layout: Layout) -> None:
    """Multiplies each feature by a factor of each network that reads the feature.

    Such networks are experts, bottom networks and towers whose input has a name of a
    feature for each column, see `FeatureColumns`.
    """
    columns = FeatureColumns(network, config, layout)
    has_factors = False
    for layer in network.logits.layers:
        if isinstance(layer, ParallelMLP) and layer.units:
            slices = columns.slices_of_kernel_rows(layer)
            names = [
                feature
                for feature, _, columns in slices
                for _ in range(columns.stop - columns.start)
            ]
            if names and layout.blocks.keys() >= set(names):
                layer.stack[0].scale_rows(names)
                has_factors = True
    if not has_factors:
        raise ConfigError(
            "model.feature_factors: no network of this model reads the features "
            "themselves; set it to false, or take encoder=embedding without deep_units"
        )
