"""Saves a trained network as plain files, and builds it again from them."""

import json
from pathlib import Path
from typing import Any

from mtl_cli.config import Config
from mtl_cli.data.features import FeatureEncoder
from mtl_cli.run_folder import RunFolder

WEIGHTS = "model/model.weights.h5"
FEATURES = "model/features.json"
SPEC = "model/spec.json"


def save(
    folder: RunFolder, network: Any, config: dict[str, Any], encoder: FeatureEncoder
) -> None:
    """Writes weights, the configuration to rebuild them, and what the features learnt.

    Args:
        folder: of the run.
        network: a trained `Network`.
        config: the configuration as plain values.
        encoder: fitted.
    """
    with folder.replacing(WEIGHTS) as path:
        network.logits.save_weights(path)
    folder.write_json(FEATURES, encoder.statistics)
    folder.write_json(SPEC, config)


def load(run: Path) -> tuple[Any, FeatureEncoder, Config]:
    """Builds the network of a run again; nothing that it reads can execute code.

    Args:
        run: folder of a finished run.

    Returns: the `Network`, the fitted features and the configuration.
    """
    from mtl_cli.build import build

    config = Config.model_validate(json.loads((run / SPEC).read_text("utf-8")))
    statistics = json.loads((run / FEATURES).read_text("utf-8"))
    encoder = FeatureEncoder(config.dataset.used_features, statistics)
    network = build(config, encoder.spec)
    network.logits.load_weights(run / WEIGHTS)
    return network, encoder, config
