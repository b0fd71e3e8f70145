"""Seconds of a whole process, from its start to its end.

`mtl-train` trains the source's Adult PLE for 5 epochs, computes test metrics, and
writes a complete run folder. A DeepCTR script trains the same network in the same way,
prints its AUC, and writes no files.
"""

import json
from pathlib import Path

from alternate import MTL_TRAIN, OURS, Contender, Result, alternate, arguments, deepctr
from report import compare, save

BARS = {"DeepCTR": 3}
# A complete run folder holds at least these files.
RUN_FILES = [
    "metrics.json",
    "history.csv",
    "predictions.parquet",
    "report.html",
    "model",
]


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the test AUC of each task, from the run folder.

    Raises:
        RuntimeError: if the folder is incomplete.
    """
    run = folder / "run"
    missing = [name for name in RUN_FILES if not (run / name).exists()]
    if missing:
        raise RuntimeError(f"the run folder lacks {', '.join(missing)}")
    scores = json.loads((run / "metrics.json").read_text())["test"]
    return {"auc": {task: metrics["auc"] for task, metrics in scores.items()}}


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=5).parse_args()
    epochs = f"trainer.epochs={options.epochs}"
    command = [MTL_TRAIN, "experiment=source/adult_ple", epochs, "hydra.run.dir=run"]
    peer_options = ["--batch-size", 256, "--epochs", options.epochs]
    results = alternate(
        [
            Contender(OURS, command, read_folder),
            *deepctr(options.peers, "deepctr_ple.py", *peer_options),
        ],
        options.repeats,
    )
    rows = compare(
        f"source's Adult PLE, {options.epochs} epochs: seconds of the whole process",
        results,
        lambda run: run["wall_seconds"],
        BARS,
        {
            "processor, s": (lambda run: run["cpu_seconds"], ".1f"),
            "peak memory, MB": (lambda run: run["peak_memory_mb"], ",.0f"),
            "AUC income": (lambda run: run["auc"]["income"], ".4f"),
        },
        seconds=True,
    )
    save("whole_process", results, rows)


if __name__ == "__main__":
    main()
