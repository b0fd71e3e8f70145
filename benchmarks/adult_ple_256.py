"""Training speed of the source's Adult PLE at batch 256, against four peers.

Samples per second are the median of the epochs after the first. The first epoch traces
and compiles the model; its seconds have a column of their own.
"""

from alternate import alternate, arguments, deepctr, ours, peer
from report import ADULT_COLUMNS, compare, save, steady_speed

BARS = {"DeepCTR": 3, "DeepCTR-Torch": 4, "NextRec": 5, "torch-rechub": 6}
SCRIPTS = {
    "DeepCTR-Torch": "deepctr_torch_ple.py",
    "NextRec": "nextrec_adult.py",
    "torch-rechub": "torch_rechub_adult.py",
}


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=5).parse_args()
    size = ["--batch-size", 256, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/adult_ple", f"trainer.epochs={options.epochs}"),
            *deepctr(options.peers, "deepctr_ple.py", *size),
            *(peer(options.peers, *item, *size) for item in SCRIPTS.items()),
        ],
        options.repeats,
    )
    rows = compare(
        "source's Adult PLE, batch 256: training samples per second",
        results,
        steady_speed,
        BARS,
        ADULT_COLUMNS,
    )
    save("adult_ple_256", results, rows)


if __name__ == "__main__":
    main()
