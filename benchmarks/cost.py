"""Training time with more experts, tasks and levels, compared with their arithmetic.

The networks are MMoE with 1 to 32 experts, MMoE with 8 experts and 1 to 16 tasks with
the same label, and PLE with 1 to 4 levels. The plot is `results/cost.png`. `--axes
models` instead compares all models at their defaults, and writes the table that the
documentation shows: `docs/model_costs.csv`. All networks train on Adult with batches of
1024 rows.
"""

from typing import Any

from alternate import FOLDER, Result, alternate, arguments, ours
from report import RESULTS, first_epoch, median, save, show, steady_speed

from mtl_cli.core.option_classes import option_names

COMMON = ["trainer.batch_size=1024", "trainer.patience=null", "trainer.compile=true"]
MMOE = ["model=mmoe", "model.expert_units=[64,64]", "model.gate_units=[]"]
PLE = ["model=ple", "model.expert_units=[64,64]", "model.gate_units=[]"]
COUNTS = {
    "experts": [1, 2, 4, 8, 16, 32],
    "tasks": [1, 2, 4, 8, 16],
    "levels": [1, 2, 3, 4],
}
MODELS = [name for name in option_names("models") if name != "mmoe"]
# The models that read the scenario of a row. On Adult, the scenario is `workclass`.
SCENARIO_MODELS = ["star", "m3oe"]


def overrides(axis: str, value: int | str) -> list[str]:
    """Returns the overrides of one point of the plot, or of one row of a table.

    Args:
        axis: what is varied: `experts`, `tasks`, `levels` or `models`.
        value: the number of experts, tasks or levels, or the name of the model.
    """
    if axis == "models":
        scenario = ["++dataset.scenario=workclass"] if value in SCENARIO_MODELS else []
        return [f"model={value}", *scenario]
    count = int(value)
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
    axes = [*COUNTS, "models"]
    parser.add_argument("--axes", nargs="+", choices=axes, default=list(COUNTS))
    options = parser.parse_args()
    epochs = f"trainer.epochs={options.epochs}"
    values = COUNTS | {"models": ["mmoe", *MODELS]}
    points = [(axis, value) for axis in options.axes for value in values[axis]]
    contenders = [
        ours(*COMMON, epochs, *overrides(*point), name=label(*point))
        for point in points
    ]
    results = alternate(contenders, options.repeats)

    summary: dict[str, list[dict[str, Any]]] = {}
    for axis, value in points:
        if label(axis, value) in results:
            point = summarize(value, results[label(axis, value)])
            summary.setdefault(axis, []).append(point)
    for axis, rows in summary.items():
        tabulate(axis, rows)
    if "models" in summary:
        write_model_costs(summary["models"])
    drawn = {axis: rows for axis, rows in summary.items() if axis in COUNTS}
    if drawn:
        draw(drawn)
    save("cost", results, summary)


def label(axis: str, value: int | str) -> str:
    """Returns the name of a point, such as `8 experts` or `mmoe`."""
    return f"{value} {axis}" if axis in COUNTS else str(value)


def summarize(value: int | str, runs: list[Result]) -> dict[str, Any]:
    """Returns the medians of one point.

    A training step counts as three forward passes, a multiply-add as two operations.
    """
    speed = median(runs, steady_speed)
    multiply_adds = runs[0]["multiply_adds"]
    return {
        "count": value,
        "parameters": runs[0]["parameters"],
        "samples_per_second": speed,
        "microseconds": 1e6 / speed,
        "multiply_adds": multiply_adds,
        "gflops": speed * 3 * 2 * multiply_adds / 1e9,
        "first_epoch_seconds": median(runs, first_epoch),
    }


def tabulate(axis: str, rows: list[dict[str, Any]]) -> None:
    """Prints the time and the arithmetic of each point, relative to the first point."""
    cells = [
        [
            f"{row['count']}",
            f"{row['parameters']:,}",
            f"{row['samples_per_second']:,.0f}",
            f"{row['microseconds'] / rows[0]['microseconds']:.2f} x",
            f"{row['multiply_adds'] / rows[0]['multiply_adds']:.2f} x",
            f"{row['multiply_adds']:,}",
            f"{row['gflops']:.0f}",
            f"{row['first_epoch_seconds']:.1f}",
        ]
        for row in rows
    ]
    heads = ["parameters", "samples/s", "time", "arithmetic"]
    heads += ["multiply-adds", "GFLOP/s"]
    title = f"{axis}: cost of a training sample, compared with its arithmetic"
    show(title, [axis, *heads, "epoch 1, s"], cells)


def write_model_costs(rows: list[dict[str, Any]]) -> None:
    """Writes the parameters and the speed of each model, for the documentation."""
    columns = ["parameters", "samples_per_second"]
    lines = [",".join(["model", *columns])]
    for row in sorted(rows, key=lambda row: row["count"]):
        figures = [f"{row[column]:.0f}" for column in columns]
        lines.append(",".join([row["count"], *figures]))
    (FOLDER.parent / "docs" / "model_costs.csv").write_text("\n".join(lines) + "\n")


def draw(summary: dict[str, list[dict[str, Any]]]) -> None:
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
