"""Saves a trained network as plain files, and builds it again from them."""

import io
import json
from pathlib import Path
from typing import Any

from mtl_cli.config import Config
from mtl_cli.data.features import FeatureEncoder
from mtl_cli.run_folder import RunFolder

WEIGHTS = "model/model.weights.h5"
LEARNT = "model/learnt.json"
SPEC = "model/spec.json"


class InMemory(io.BytesIO):
    """A file that Keras takes for one of weights.

    Where HDF5 itself meets a full disk, it ends the process with a crash.
    """

    def __str__(self) -> str:
        return WEIGHTS


def save(
    folder: RunFolder, network: Any, config: dict[str, Any], encoder: FeatureEncoder
) -> None:
    """Writes weights, the configuration to rebuild them, and what was learnt from data.

    Args:
        folder: of the run.
        network: a trained `Network`.
        config: the configuration as plain values.
        encoder: fitted.
    """
    weights = InMemory()
    network.logits.save_weights(weights)
    with folder.replacing(WEIGHTS) as path:
        path.write_bytes(weights.getbuffer())
    learnt = {"features": encoder.statistics, "labels": network.labels}
    folder.write_json(LEARNT, learnt)
    folder.write_json(SPEC, config)


def load(run: Path) -> tuple[Any, FeatureEncoder, Config]:
    """Builds the network of a run again; nothing that it reads can execute code.

    Args:
        run: folder of a finished run.

    Returns: the `Network`, the fitted features and the configuration.
    """
    from mtl_cli.build import build

    config = Config.model_validate(json.loads((run / SPEC).read_text("utf-8")))
    learnt = json.loads((run / LEARNT).read_text("utf-8"))
    encoder = FeatureEncoder(config.dataset.used_features, learnt["features"])
    network = build(config, encoder.spec, learnt["labels"])
    network.logits.load_weights(run / WEIGHTS)
    return network, encoder, config
