"""Training speed of the source's Census-Income MMoE with batches of 1024 rows.

The network has 29 sparse features, and 8 experts with 16 units each. The peer is
DeepCTR. The speed is the median of the epochs after the first. Only mtl-cli computes
metrics on validation rows; the seconds for them do not count.
"""

from alternate import alternate, arguments, deepctr, ours
from report import compare, first_epoch, save, steady_speed

BARS = {"DeepCTR": 6}


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=5).parse_args()
    epochs, patience = f"trainer.epochs={options.epochs}", "trainer.patience=null"
    peer_options = ["--batch-size", 1024, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/census_income_mmoe", epochs, patience),
            *deepctr(options.peers, "deepctr_mmoe.py", *peer_options),
        ],
        options.repeats,
    )
    rows = compare(
        "source's Census-Income MMoE, batch 1024: training samples per second",
        results,
        steady_speed,
        BARS,
        {
            "first epoch, s": (first_epoch, ".1f"),
            "parameters": (lambda run: run["parameters"], ","),
            "AUC income": (lambda run: run["auc"]["income"], ".4f"),
        },
    )
    save("census_mmoe", results, rows)


if __name__ == "__main__":
    main()
