"""Seconds of `model.predict` of DeepCTR's Census-Income MMoE, on rows in memory.

The weights do not matter for the seconds, so the model is not trained. A first call on
a few rows traces the graph; only the second call is timed.
"""

import argparse
import json
import time
from importlib.metadata import version

import numpy as np
import protocol
from deepctr_mmoe import mmoe
from deepctr_ple import PACKAGES

BATCH = 256  # of DeepCTR's examples; Keras' default of 32 is five times slower


def main() -> None:
    """Predicts, prints the line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, required=True)
    options = parser.parse_args()
    data = protocol.census_income()
    model = mmoe(data)
    features = {
        name: np.resize(values, options.rows)
        for name, values in data.test.features.items()
    }
    few = {name: values[:2048] for name, values in features.items()}
    model.predict(few, batch_size=BATCH, verbose=0)
    start = time.perf_counter()
    model.predict(features, batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - start
    line = {
        "versions": {name: version(name) for name in PACKAGES},
        "rows": options.rows,
        "predict_seconds": seconds,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
