"""Training speed as embedding tables grow from 10 thousand to 10 million rows.

8 sparse features, dimension 8, batch 2048, random rows (`peers/synthetic.py`). A dense
optimizer updates all rows of a table in every step. An optimizer that updates only the
rows of the batch hardly slows down with the size of the table.
"""

import argparse
from typing import Any

from alternate import OURS, Contender, Result, alternate, arguments, ours, peer
from report import first_epoch, median, save, show, steady_speed

BATCH = 2048
NETWORK = [
    "model=shared_bottom",
    "model.bottom_units=[64,32]",
    "model.tower_units=[16]",
    "encoder.embedding_dim=8",
    "trainer.patience=null",
    f"trainer.batch_size={BATCH}",
]
# By default mtl-cli updates only the batch's rows of large tables; Keras, all rows.
OPTIMIZERS = {OURS: [], "Keras' Adam": ["optimizer.lazy=false"]}
SYSTEMS = [*OPTIMIZERS, "DeepCTR"]
BAR = 0.75  # of the speed with the smallest tables


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__, epochs=3)
    parser.add_argument("--steps", type=int, default=100, help="of an epoch")
    sizes = [10_000, 100_000, 1_000_000, 10_000_000]
    parser.add_argument("--table-rows", type=int, nargs="+", default=sizes)
    options = parser.parse_args()
    contenders = [c for size in options.table_rows for c in systems(size, options)]
    results = alternate(contenders, options.repeats)

    summary = [row(results, size, options.table_rows[0]) for size in options.table_rows]
    lines = []
    for size_results in summary:
        line = [f"{size_results['table_rows']:,}"]
        for system in SYSTEMS:
            x = size_results.get(system)
            figures = ("samples_per_second", ",.0f"), ("share", ".0%"), ("first", ".1f")
            line += [format(x[key], form) if x else "-" for key, form in figures]
        lines.append(line)
    heads = [head for system in SYSTEMS for head in (system, "share", "epoch 1, s")]
    title = "embedding tables, batch 2048: samples per second, share of the first"
    show(title, ["rows in all", *heads], lines)
    if OURS in summary[-1]:
        reached = summary[-1][OURS]["share"] >= BAR
        print(f"\nbar of {OURS}: {BAR:.0%} {'reached' if reached else 'missed'}")
    save("large_tables", results, summary)


def systems(size: int, options: argparse.Namespace) -> list[Contender]:
    """Returns ours, and the peers, with tables of `size` rows in all."""
    rows, epochs = options.steps * BATCH, options.epochs
    data = ["--synthetic", str(rows), str(size), f"trainer.epochs={epochs}"]
    theirs = ["--rows", rows, "--table-rows", size]
    theirs += ["--batch-size", BATCH, "--epochs", epochs]
    script, name = "deepctr_tables.py", label("DeepCTR", size)
    return [
        *(
            ours(*data, *NETWORK, *optimizer, name=label(system, size))
            for system, optimizer in OPTIMIZERS.items()
        ),
        peer(options.peers, "DeepCTR", script, *theirs, name=name),
    ]


def label(system: str, size: int) -> str:
    """Returns the name of a system with tables of some size."""
    return f"{system}, {size:,} rows"


def row(results: dict[str, list[Result]], size: int, smallest: int) -> dict[str, Any]:
    """Returns the medians of each system that ran with tables of `size` rows."""
    found: dict[str, Any] = {"table_rows": size}
    for system in SYSTEMS:
        runs, base = (results.get(label(system, n)) for n in (size, smallest))
        if runs and base:
            speed = median(runs, steady_speed)
            found[system] = {
                "samples_per_second": speed,
                "share": speed / median(base, steady_speed),
                "first": median(runs, first_epoch),
            }
    return found


if __name__ == "__main__":
    main()
