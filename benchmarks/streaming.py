"""Memory and speed of `mtl-train` on 5 and 20 million rows, streamed and in memory.

    python benchmarks/streaming.py FOLDER

FOLDER takes the made-up rows (`clicks.py`), about 2 GB; the next call reuses them. Each
run is a fresh process. Peak memory includes pages of mapped files.
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

MODES = {
    "streamed": ["dataset.stream=true"],
    "in memory": ["dataset.stream=false"],
}
OPTIMIZER = ["optimizer=adam"]
TRAINING = [
    "model=mmoe",
    "encoder.embedding_dim=8",
    "trainer.batch_size=4096",
    "trainer.patience=null",
]


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the seconds to encode and the speed of the epochs, from a run folder."""
    log = (folder / "run" / "train.log").read_text().splitlines()
    loaded = next(x for x in log if " features, " in x)
    with (folder / "run" / "history.csv").open() as file:
        speeds = [float(row["samples_per_second"]) for row in csv.DictReader(file)]
    encode = (stamp(loaded) - stamp(log[0])).total_seconds()
    return {"encode_seconds": encode, "samples_per_second": speeds}


def stamp(line: str) -> datetime:
    """Returns the time of a line of a log, to the second."""
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
    title = f"MMoE on made-up clicks, {options.epochs} epochs, batch 4096"
    show(title, ["rows", *figures], cells)
    save("streaming", results, summary)


if __name__ == "__main__":
    main()
