"""Training speed of the source's Adult PLE with batches of 256 rows, with four peers.

The speed is the median of the epochs after the first. In the first epoch the model is
traced and compiled; a column of its own shows the seconds of this epoch.
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
    peer_options = ["--batch-size", 256, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/adult_ple", f"trainer.epochs={options.epochs}"),
            *deepctr(options.peers, "deepctr_ple.py", *peer_options),
            *(
                peer(options.peers, name, script, *peer_options)
                for name, script in SCRIPTS.items()
            ),
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
