"""Training speed of the source's Census-Income MMoE at batch 1024, against DeepCTR.

29 sparse features, 8 experts of 16 units. Samples per second are the median of the
epochs after the first. Only mtl-cli has validation rows; their seconds do not count.
"""

from alternate import alternate, arguments, deepctr, ours
from report import compare, first_epoch, save, steady_speed

BARS = {"DeepCTR": 6}


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=5).parse_args()
    epochs, patience = f"trainer.epochs={options.epochs}", "trainer.patience=null"
    theirs = ["--batch-size", 1024, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/census_income_mmoe", epochs, patience),
            *deepctr(options.peers, "deepctr_mmoe.py", *theirs),
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
