"""Training speed of the source's Adult PLE with batches of 1024 rows.

The speed is compared with DeepCTR, and with the peak of the machine: the speed of a
large float32 matrix product in TensorFlow, measured in the same rounds. A training step
counts as three forward passes, and a multiply-add as two operations. Only the matrix
products of the network count.
"""

import sys

from alternate import FOLDER, OURS, Contender, alternate, arguments, deepctr, ours
from report import compare, first_epoch, median, save, steady_speed

BARS = {"DeepCTR": 1.5}
FRACTION_OF_PEAK_BAR = 0.55  # the bar: this fraction of the peak
PEAK = "large matrix product"


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=10).parse_args()
    epochs, size = f"trainer.epochs={options.epochs}", "trainer.batch_size=1024"
    peer_options = ["--batch-size", 1024, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/adult_ple", size, epochs),
            *deepctr(options.peers, "deepctr_ple.py", *peer_options),
            Contender(PEAK, [sys.executable, str(FOLDER / "peak.py")]),
        ],
        options.repeats,
    )
    speeds = {name: runs for name, runs in results.items() if name != PEAK}
    rows = compare(
        "source's Adult PLE, batch 1024: training samples per second",
        speeds,
        steady_speed,
        BARS,
        {"first epoch, s": (first_epoch, ".1f")},
    )
    if OURS in results and PEAK in results:
        operations = 3 * 2 * results[OURS][0]["multiply_adds"]  # per sample
        gflops = median(results[OURS], steady_speed) * operations / 1e9
        peak = median(results[PEAK], lambda run: run["gflops"])
        fraction = gflops / peak
        is_reached = fraction >= FRACTION_OF_PEAK_BAR
        print(
            f"\n{operations / 1e6:.2f} million operations per sample: {gflops:.0f} of "
            f"{peak:.0f} GFLOP/s, {fraction:.0%} of the peak; bar "
            f"{FRACTION_OF_PEAK_BAR:.0%} {'reached' if is_reached else 'missed'}"
        )
        rows.append({"gflops": gflops, "peak_gflops": peak, "share_of_peak": fraction})
    save("adult_ple_1024", results, rows)


if __name__ == "__main__":
    main()
