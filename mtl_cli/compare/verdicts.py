"""Says in words which differences are real and which are not."""

from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.numbers import decimals, interval, joined, probability
from mtl_cli.compare.pairwise import FEW, ROWS, SAME, Versus

MOST = 10  # sentences of one kind


def verdicts(result: Comparison) -> dict[str, list[str]]:
    """Returns sentences by task."""
    return {task.name: sentences(task, result) for task in result.tasks}


def sentences(task: Task, result: Comparison) -> list[str]:
    """Returns what is to be said of one task."""
    base = result.baseline.name
    places = decimals(task)
    mine = [(c, c.against) for c in task.cells if c.against is not None]
    real = [(c, v) for c, v in mine if v.real]
    sign = task.direction or 1
    real.sort(key=lambda pair: -sign * mean(pair[1]))
    lines = [real_one(c, v, places) for c, v in real[:MOST]]
    if len(real) > MOST:
        others = ((c.configuration.name, v.verdict) for c, v in real[MOST:])
        lines.append(joined(f"{name} is {word}" for name, word in others) + ".")
    lines += [rows_only(c, v, places) for c, v in mine if v.verdict == ROWS][:MOST]
    same = [(c, v) for c, v in mine if v.verdict == SAME]
    if same:
        named = joined(
            f"{c.configuration.name} ({mean(v):+.{places}f}, {probability(v.seeds_p)})"
            for c, v in same
        )
        lines.append(f"No real difference to {base}: {named}.")
    few = [(c, v) for c, v in mine if v.verdict == FEW]
    if few:
        lines.append(unknown(few, base, places))
    lines += gains(task, places)
    return [*lines, *best(task, result, places)]


def mean(versus: Versus) -> float:
    """Returns the difference that the table shows."""
    return versus.difference.mean if versus.difference else 0.0


def real_one(cell: Cell, versus: Versus, places: int) -> str:
    """Says of a real difference how large it is, and on what ground it is real."""
    size = interval(versus.difference, places).removeprefix("-")
    rows = (
        f", and so would another test set ({probability(versus.rows_p)})"
        if versus.rows is not None
        else "; whether another test set would is not known"
    )
    return (
        f"{cell.configuration.name} is {versus.verdict} than {versus.other.name} by "
        f"{size}: retraining would give the same order "
        f"({probability(versus.seeds_p)}){rows}."
    ).replace("different than", "different from")


def rows_only(cell: Cell, versus: Versus, places: int) -> str:
    """Says that seeds agree, but test rows are too few."""
    return (
        f"No real difference shown for {cell.configuration.name} "
        f"({mean(versus):+.{places}f}): retraining would give the same order on these "
        f"test rows ({probability(versus.seeds_p)}), another test set might not "
        f"({probability(versus.rows_p)})."
    )


def unknown(few: list[tuple[Cell, Versus]], base: str, places: int) -> str:
    """Says what cannot be said with one seed."""
    parts = []
    for cell, versus in few:
        text = cell.configuration.name
        if versus.rows is not None:
            text += (
                f" ({mean(versus):+.{places}f}; on another test set "
                f"{probability(versus.rows_p)})"
            )
        parts.append(text)
    return (
        f"Not known for lack of seeds whether retraining would give the same order "
        f"as {base}: {joined(parts)}. Run them with seed=1,2,3."
    )


def gains(task: Task, places: int) -> list[str]:
    """Says what training the tasks together does to this one."""
    lines = []
    for cell in task.cells:
        twin = cell.twin
        if twin is None or twin.seeds is None:
            continue
        size = f"{mean(twin):+.{places}f}"
        if twin.verdict == "worse":
            lines.append(
                f"Negative transfer: {cell.configuration.name} is worse than its "
                f"single-task twin ({size}, {probability(twin.seeds_p)})."
            )
        elif twin.real:
            lines.append(
                f"{cell.configuration.name} gains over its single-task twin "
                f"({size}, {probability(twin.seeds_p)})."
            )
    return lines[:MOST]


def best(task: Task, result: Comparison, places: int) -> list[str]:
    """Names the best, and says on which rows it was chosen."""
    if task.best is None:
        return []
    found = (
        f"{task.best.configuration.name}, {result.split} {task.metric} "
        f"{interval(task.best.mean, places)}"
    )
    if task.chosen_on == result.split:
        return [
            f"Highest place on the {result.split} rows themselves, which flatters: "
            f"{found}."
        ]
    return [f"Best on validation rows: {found}."]
