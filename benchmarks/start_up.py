"""Where the seconds of a short run go: the phases of two epochs of PLE on Adult."""

import sys
from typing import Any

from alternate import MTL_TRAIN, OURS, Contender, Result, alternate, arguments, ours
from report import middle, save, show

PHASES = "phases"


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__, epochs=2)
    parser.add_argument("overrides", nargs="*", help="of the run, instead of PLE")
    options = parser.parse_args()
    overrides = [*options.overrides, f"trainer.epochs={options.epochs}"]
    command = [MTL_TRAIN, *overrides, "hydra.run.dir=run"]
    contenders = [
        ours(*overrides, name=PHASES),
        Contender(OURS, command, lambda *_: {}),
    ]
    results = alternate(contenders, options.repeats)
    if len(results) < len(contenders):
        sys.exit(1)

    runs = [phases(run) for run in results[PHASES]]
    summary = {name: middle(runs, lambda run, n=name: run[n]) for name in runs[0]}
    total = middle(results[PHASES], lambda run: run["wall_seconds"])
    whole = middle(results[OURS], lambda run: run["wall_seconds"])
    summary["mtl-train besides: checks, run folder, report"] = whole - total
    summary["mtl-train in all"] = whole
    cells = [
        [name, f"{seconds:.2f}", f"{seconds / whole:.0%}"]
        for name, seconds in summary.items()
    ]
    show("seconds of a short run", ["phase", "seconds", "share"], cells)
    save("start_up", results, summary)


def phases(run: Result) -> dict[str, Any]:
    """Returns the seconds of a run's phases, training taken apart."""
    seconds = dict(run["phases"])
    start_and_exit = run["wall_seconds"] - sum(seconds.values())
    train, (first, *later) = seconds.pop("train"), run["epoch_seconds"]
    scoring = seconds.pop("predict and score the test rows", 0.0)
    return {
        "start and end Python": start_and_exit,
        **seconds,
        "train: first epoch, with tracing and compiling": first,
        "train: later epochs": sum(later),
        "train: validation and the rest": train - sum(run["epoch_seconds"]),
        "predict and score the test rows": scoring,
    }


if __name__ == "__main__":
    main()
