"""Memory and speed of `mtl-train` with 5 and 20 million rows.

Each number of rows is trained on twice: streamed from disk, and held in memory.

    python benchmarks/streaming.py FOLDER

`clicks.py` writes random rows, about 2 GB. FOLDER keeps them for the next call. Peak
memory includes the pages of files that are mapped into memory.
"""

import csv
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from alternate import (
    FOLDER,
    MTL_TRAIN,
    Contender,
    Result,
    alternate,
    arguments,
    print_status,
)
from clicks import dataset_name
from report import median, save, show, steady_speed

MODES = {"streamed": ["dataset.stream=true"], "in memory": ["dataset.stream=false"]}
OPTIMIZER = ["optimizer=adam"]
TRAINING = [
    "model=mmoe",
    "encoder.embedding_dim=8",
    "trainer.batch_size=4096",
    "trainer.patience=null",
    "trainer.ema_decay=0",
]


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the seconds of encoding and the speed of each epoch of a run."""
    log = (folder / "run" / "train.log").read_text().splitlines()
    # This line is logged when all rows are encoded.
    encoded_line = next(line for line in log if " features, " in line)
    with (folder / "run" / "history.csv").open() as file:
        speeds = [float(row["samples_per_second"]) for row in csv.DictReader(file)]
    seconds = (time_of(encoded_line) - time_of(log[0])).total_seconds()
    return {"encode_seconds": seconds, "samples_per_second": speeds}


def time_of(line: str) -> datetime:
    """Returns the time of a line of the log, in whole seconds."""
    return datetime.fromisoformat(line[: len("2026-01-01 00:00:00")])


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__, epochs=2)
    parser.add_argument("folder", type=Path, help="folder of the rows")
    parser.add_argument("--million", type=float, nargs="+", default=[5, 20])
    options = parser.parse_args()
    folder = options.folder.resolve()
    contenders = []
    for million in options.million:
        name = dataset_name(million)
        if not (folder / "conf" / "dataset" / f"{name}.yaml").exists():
            print_status(f"writing {million:g} million rows to {folder / name}")
            script = [sys.executable, str(FOLDER / "clicks.py"), str(folder)]
            subprocess.run([*script, "--million", str(million)], check=True)
        command = [MTL_TRAIN, "--config-dir", str(folder / "conf"), f"dataset={name}"]
        command += [*TRAINING, *OPTIMIZER, f"trainer.epochs={options.epochs}"]
        contenders += [
            Contender(
                f"{million:g} million, {mode}",
                [*command, *overrides, "hydra.run.dir=run"],
                read_folder,
            )
            for mode, overrides in MODES.items()
        ]
    results = alternate(contenders, options.repeats)
    figures = {
        "peak memory, GB": (lambda run: run["peak_memory_mb"] / 1024, ".2f"),
        "to encode, s": (lambda run: run["encode_seconds"], ".0f"),
        "samples/s": (steady_speed, ",.0f"),
        "whole process, s": (lambda run: run["wall_seconds"], ".0f"),
    }
    summary = {
        name: {head: median(runs, value) for head, (value, _) in figures.items()}
        for name, runs in results.items()
    }
    cells = [
        [name, *(format(row[head], form) for head, (_, form) in figures.items())]
        for name, row in summary.items()
    ]
    title = f"MMoE on random clicks, {options.epochs} epochs, batch 4096"
    show(title, ["rows", *figures], cells)
    save("streaming", results, summary)


if __name__ == "__main__":
    main()
