"""Training time with more experts, tasks and levels, compared with their arithmetic.

The networks are MMoE with 1 to 32 experts, MMoE with 8 experts and 1 to 16 tasks with
the same label, and PLE with 1 to 4 levels. All networks train on Adult with batches of
1024 rows. The plot is `results/cost.png`.
"""

from alternate import Result, alternate, arguments, ours
from report import RESULTS, first_epoch, median, save, show, steady_speed

COMMON = ["trainer.batch_size=1024", "trainer.patience=null", "trainer.compile=true"]
MMOE = ["model=mmoe", "model.expert_units=[64,64]", "model.gate_units=[]"]
PLE = ["model=ple", "model.expert_units=[64,64]", "model.gate_units=[]"]
COUNTS = {
    "experts": [1, 2, 4, 8, 16, 32],
    "tasks": [1, 2, 4, 8, 16],
    "levels": [1, 2, 3, 4],
}


def overrides(axis: str, count: int) -> list[str]:
    """Returns the overrides of one point of the plot.

    Args:
        axis: what is varied: `experts`, `tasks` or `levels`.
        count: the number of experts, tasks or levels.
    """
    if axis == "experts":
        return [*MMOE, f"model.num_experts={count}"]
    if axis == "levels":
        return [*PLE, f"model.num_levels={count}"]
    label = '{label: income, kind: binary, positive: ">50K"}'
    names = [f"task_{i}" for i in range(count)]
    tasks = [f"++dataset.tasks.{name}={label}" for name in names]
    return [*MMOE, "model.num_experts=8", *tasks, f"tasks=[{','.join(names)}]"]


def main() -> None:
    """Measures, prints, draws, saves."""
    parser = arguments(__doc__, epochs=4)
    parser.add_argument("--axes", nargs="+", choices=COUNTS, default=list(COUNTS))
    options = parser.parse_args()
    epochs = f"trainer.epochs={options.epochs}"
    points = [(axis, n) for axis in options.axes for n in COUNTS[axis]]
    contenders = [
        ours(*COMMON, epochs, *overrides(*point), name=label(*point))
        for point in points
    ]
    results = alternate(contenders, options.repeats)

    summary: dict[str, list[dict[str, float]]] = {}
    for axis, count in points:
        if label(axis, count) in results:
            point = summarize(count, results[label(axis, count)])
            summary.setdefault(axis, []).append(point)
    for axis, rows in summary.items():
        tabulate(axis, rows)
    draw(summary)
    save("cost", results, summary)


def label(axis: str, count: int) -> str:
    """Returns the name of a point, such as `8 experts`."""
    return f"{count} {axis}"


def summarize(count: int, runs: list[Result]) -> dict[str, float]:
    """Returns the medians of one point.

    A training step counts as three forward passes, a multiply-add as two operations.
    """
    speed = median(runs, steady_speed)
    multiply_adds = runs[0]["multiply_adds"]
    return {
        "count": count,
        "samples_per_second": speed,
        "microseconds": 1e6 / speed,
        "multiply_adds": multiply_adds,
        "gflops": speed * 3 * 2 * multiply_adds / 1e9,
        "first_epoch_seconds": median(runs, first_epoch),
    }


def tabulate(axis: str, rows: list[dict[str, float]]) -> None:
    """Prints the time and the arithmetic of each point, relative to the first point."""
    cells = [
        [
            f"{row['count']}",
            f"{row['samples_per_second']:,.0f}",
            f"{row['microseconds'] / rows[0]['microseconds']:.2f} x",
            f"{row['multiply_adds'] / rows[0]['multiply_adds']:.2f} x",
            f"{row['multiply_adds']:,}",
            f"{row['gflops']:.0f}",
            f"{row['first_epoch_seconds']:.1f}",
        ]
        for row in rows
    ]
    heads = ["samples/s", "time", "arithmetic", "multiply-adds", "GFLOP/s"]
    title = f"{axis}: cost of a training sample, compared with its arithmetic"
    show(title, [axis, *heads, "epoch 1, s"], cells)


def draw(summary: dict[str, list[dict[str, float]]]) -> None:
    """Draws the time per sample over each count.

    A dashed line shows the time if it grew as the arithmetic does.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(summary), 3.6), layout="constrained")
    for i, (axis, rows) in enumerate(summary.items()):
        axes = figure.add_subplot(1, len(summary), i + 1)
        counts = [row["count"] for row in rows]
        microseconds_each = rows[0]["microseconds"] / rows[0]["multiply_adds"]
        arithmetic = [row["multiply_adds"] * microseconds_each for row in rows]
        axes.plot(counts, [row["microseconds"] for row in rows], "o-", label="measured")
        axes.plot(counts, arithmetic, "--", color="grey", label="like the arithmetic")
        axes.set_xticks(counts)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(axis)
        axes.set_ylabel("microseconds per training sample")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "cost.png", dpi=150)


if __name__ == "__main__":
    main()
