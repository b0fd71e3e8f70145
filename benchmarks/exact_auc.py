"""Seconds of an exact AUC of 10 million rows, compared with scikit-learn.

The predictions are float32, as the predictions of models are. Therefore some
predictions are equal.
"""

import json
import sys
import time

import numpy as np
from alternate import OURS, Contender, alternate, arguments
from report import compare, save

SKLEARN = "scikit-learn"


def measure(system: str, rows: int) -> None:
    """Computes the AUC with one system, and prints it with its seconds."""
    rng = np.random.default_rng(0)
    label = (rng.random(rows) < 0.05).astype("float32")
    logit = rng.normal(size=rows) + label
    prediction = (1 / (1 + np.exp(-logit))).astype("float32")
    weight = np.ones(rows, "float32")
    if system == OURS:
        from mtl_cli.metrics.auc import auc

        start = time.perf_counter()
        area = auc(label, prediction, weight)
    else:
        from sklearn.metrics import roc_auc_score

        start = time.perf_counter()
        area = float(roc_auc_score(label, prediction))
    print(json.dumps({"seconds": time.perf_counter() - start, "auc": area}))


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument(
        "--measure", choices=[OURS, SKLEARN], help="measure this system in this process"
    )
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, options.rows)
    command = [sys.executable, __file__, "--rows", str(options.rows), "--measure"]
    contenders = [Contender(name, [*command, name]) for name in (OURS, SKLEARN)]
    results = alternate(contenders, options.repeats)
    rows = compare(
        f"exact AUC of {options.rows:,} rows: seconds",
        results,
        lambda run: run["seconds"],
        {},
        {
            "AUC": (lambda run: run["auc"], ".12f"),
            "peak memory, MB": (lambda run: run["peak_memory_mb"], ",.0f"),
        },
        seconds=True,
    )
    save("exact_auc", results, rows)


if __name__ == "__main__":
    main()
