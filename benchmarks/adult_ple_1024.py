"""The source's Adult PLE at batch 1024: against DeepCTR, and against the machine.

The machine's peak is the speed of a large float32 matrix product in TensorFlow,
measured in the same rounds. A training step counts as three forward passes, and a
multiply-add as two operations. Only matrix products count, by the kernels' shapes.
"""

import sys

from alternate import FOLDER, OURS, Contender, alternate, arguments, deepctr, ours
from report import compare, first_epoch, median, save, steady_speed

BARS = {"DeepCTR": 1.5}
SHARE_OF_PEAK = 0.55
PEAK = "large matrix product"


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=10).parse_args()
    epochs, size = f"trainer.epochs={options.epochs}", "trainer.batch_size=1024"
    theirs = ["--batch-size", 1024, "--epochs", options.epochs]
    results = alternate(
        [
            ours("experiment=source/adult_ple", size, epochs),
            *deepctr(options.peers, "deepctr_ple.py", *theirs),
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
        share = gflops / peak
        print(
            f"\n{operations / 1e6:.2f} million operations per sample: {gflops:.0f} of "
            f"{peak:.0f} GFLOP/s, {share:.0%} of the peak; bar {SHARE_OF_PEAK:.0%} "
            f"{'reached' if share >= SHARE_OF_PEAK else 'missed'}"
        )
        rows.append({"gflops": gflops, "peak_gflops": peak, "share_of_peak": share})
    save("adult_ple_1024", results, rows)


if __name__ == "__main__":
    main()
