"""Training speed with embedding tables of 10 thousand to 10 million rows.

A dense optimizer updates all rows of a table in every step, so large tables make it
slow. An optimizer that updates only the rows of the batch hardly depends on the size of
the table. The network has 8 sparse features with vectors of length 8, and trains on
random rows (`peers/synthetic.py`) in batches of 2048 rows.
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
    "trainer.ema_decay=0",
    f"trainer.batch_size={BATCH}",
]
# By default mtl-cli updates only the rows of the batch in large tables. With
# `optimizer.lazy=false`, Keras updates all rows.
OPTIMIZERS = {OURS: [], "Keras' Adam": ["optimizer.lazy=false"]}
SYSTEMS = [*OPTIMIZERS, "DeepCTR"]
BAR = 0.75  # the largest tables should reach this fraction of the first speed


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__, epochs=3)
    parser.add_argument("--steps", type=int, default=100, help="steps of an epoch")
    sizes = [10_000, 100_000, 1_000_000, 10_000_000]
    parser.add_argument("--table-rows", type=int, nargs="+", default=sizes)
    options = parser.parse_args()
    contenders = [c for size in options.table_rows for c in systems(size, options)]
    results = alternate(contenders, options.repeats)

    first_size = options.table_rows[0]
    summary = [medians(results, size, first_size) for size in options.table_rows]
    formats = {"samples_per_second": ",.0f", "share": ".0%", "first": ".1f"}
    cells = []
    for row in summary:
        row_cells = [f"{row['table_rows']:,}"]
        for system in SYSTEMS:
            figures = row.get(system)
            row_cells += [
                format(figures[key], form) if figures else "-"
                for key, form in formats.items()
            ]
        cells.append(row_cells)
    heads = [head for system in SYSTEMS for head in (system, "share", "epoch 1, s")]
    title = "embedding tables, batch 2048: samples per second, share of the first"
    show(title, ["rows in all", *heads], cells)
    if OURS in summary[-1]:
        is_reached = summary[-1][OURS]["share"] >= BAR
        print(f"\nbar of {OURS}: {BAR:.0%} {'reached' if is_reached else 'missed'}")
    save("large_tables", results, summary)


def systems(size: int, options: argparse.Namespace) -> list[Contender]:
    """Returns all contenders for tables that have `size` rows together."""
    rows, epochs = options.steps * BATCH, options.epochs
    our_options = ["--synthetic", str(rows), str(size), f"trainer.epochs={epochs}"]
    peer_options = ["--rows", rows, "--table-rows", size]
    peer_options += ["--batch-size", BATCH, "--epochs", epochs]
    script, name = "deepctr_tables.py", label("DeepCTR", size)
    return [
        *(
            ours(*our_options, *NETWORK, *optimizer, name=label(system, size))
            for system, optimizer in OPTIMIZERS.items()
        ),
        peer(options.peers, "DeepCTR", script, *peer_options, name=name),
    ]


def label(system: str, size: int) -> str:
    """Returns the name of a contender: the system, and the size of its tables."""
    return f"{system}, {size:,} rows"


def medians(
    results: dict[str, list[Result]], size: int, first_size: int
) -> dict[str, Any]:
    """Returns the medians of each system that ran with tables of `size` rows.

    `share` is the speed as a fraction of the speed with tables of `first_size` rows,
    and `first` the seconds of the first epoch.
    """
    row: dict[str, Any] = {"table_rows": size}
    for system in SYSTEMS:
        runs, first_runs = (results.get(label(system, n)) for n in (size, first_size))
        if runs and first_runs:
            speed = median(runs, steady_speed)
            row[system] = {
                "samples_per_second": speed,
                "share": speed / median(first_runs, steady_speed),
                "first": median(runs, first_epoch),
            }
    return row


if __name__ == "__main__":
    main()
