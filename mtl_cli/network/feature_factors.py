"""Adds trained factors of the features to the networks that read them."""

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.network.feature_columns import FeatureColumns
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import input_layers


def add_feature_factors(network: Network, config: Config, layout: Layout) -> None:
    """Multiplies each feature by a factor of each network that reads the feature.

    Such networks are experts, gates, bottom networks and towers, if each column of
    their input belongs to a feature, see `FeatureColumns`.
    """
    columns = FeatureColumns(network, config, layout)
    for layer in network.logits.layers:
        names = [
            feature
            for feature, _, columns_of_feature in columns.slices_of_kernel_rows(layer)
            for _ in range(columns_of_feature.start, columns_of_feature.stop)
        ]
        if names and layout.blocks.keys() >= set(names):
            for dense in input_layers(layer):
                dense.scale_rows(names)
