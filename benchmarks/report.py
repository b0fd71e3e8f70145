"""Reports the results of a benchmark: medians, tables and a JSON file."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alternate import FOLDER, OURS, Result, print_status

Figure = Callable[[Result], float]  # returns one figure of a run
RESULTS = FOLDER / "results"


def steady_speed(result: Result) -> float:
    """Returns the samples per second, as the median of the epochs after the first."""
    return statistics.median(result["samples_per_second"][1:])


def first_epoch(result: Result) -> float:
    """Returns the seconds of the first epoch, which traces and compiles the network."""
    return result["epoch_seconds"][0]


# Further columns of `compare` for a training on Adult with both tasks.
ADULT_COLUMNS: dict[str, tuple[Figure, str]] = {
    "first epoch, s": (first_epoch, ".1f"),
    "parameters": (lambda run: run["parameters"], ","),
    "AUC income": (lambda run: run["auc"]["income"], ".4f"),
    "never married": (lambda run: run["auc"]["never_married"], ".4f"),
}


def median(results: list[Result], figure: Figure) -> float:
    """Returns the median of a figure over runs."""
    return statistics.median(map(figure, results))


def compare(
    title: str,
    results: dict[str, list[Result]],
    figure: Figure,
    bars: dict[str, float],
    more: dict[str, tuple[Figure, str]] | None = None,
    seconds: bool = False,
) -> list[dict[str, Any]]:
    """Prints a table of a figure: a row for each contender, and how it compares.

    Args:
        title: the title of the table: the figure and its unit.
        results: {contender: results of its runs}.
        figure: the compared figure.
        bars: {contender: how many times better mtl-cli should be}.
        more: {heading: (figure, format)} of further columns.
        seconds: whether the figure is a time, so that less is better. If not, it is a
            speed.

    Returns: the rows of the table, for `save`.
    """
    more = more or {}
    rows, cells = [], []
    for name, runs in results.items():
        values = [figure(run) for run in runs]
        row = {"name": name, "median": statistics.median(values)}
        row |= {"lowest": min(values), "highest": max(values)}
        if name != OURS and OURS in results:
            ratio = median(results[OURS], figure) / row["median"]
            row["ours_is_times"] = 1 / ratio if seconds else ratio
            if name in bars:
                row["bar"] = bars[name]
                row["reached"] = row["ours_is_times"] >= bars[name]
        row |= {head: median(runs, further) for head, (further, _) in more.items()}
        rows.append(row)
        further_cells = [format(row[head], form) for head, (_, form) in more.items()]
        cells.append([*table_row(row, ",.2f" if seconds else ",.0f"), *further_cells])
    heads = ["", "median", "lowest", "highest", "ours is better", "bar", ""]
    show(title, [*heads, *more], cells)
    return rows


def table_row(row: dict[str, Any], form: str) -> list[str]:
    """Returns the cells of a row of `compare`, without the further columns."""
    return [
        row["name"],
        *(format(row[key], form) for key in ("median", "lowest", "highest")),
        f"{row['ours_is_times']:.2f} x" if "ours_is_times" in row else "",
        f"{row['bar']:g} x" if "bar" in row else "",
        {True: "reached", False: "missed"}.get(row.get("reached"), ""),
    ]


def show(title: str, heads: list[str], rows: list[list[str]]) -> None:
    """Prints a table. The first column is aligned left, all other columns right."""
    table = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n{title}\n")
    for i, cells in enumerate(table):
        aligned = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        print("  ".join(aligned).rstrip())
        if not i:
            print("  ".join("─" * width for width in widths))


def save(claim: str, results: dict[str, list[Result]], summary: Any) -> None:
    """Writes `results/<claim>.json`: the summary, every run, and the machine.

    Args:
        claim: the name of the benchmark.
        results: {contender: results of its runs}.
        summary: the figures that the benchmark has printed.
    """
    record = {
        "claim": claim,
        "command": sys.argv[1:],
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "machine": machine(),
        "summary": summary,
        "runs": results,
    }
    path = RESULTS / f"{claim}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    print_status(f"written to {path}")


def machine() -> dict[str, Any]:
    """Describes the machine and the commit, since the figures depend on both."""
    git = ["git", "-C", str(FOLDER), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False)
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = [x.partition(": ")[2] for x in lines if x.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        "system": platform.platform(),
        "load_average_at_end": os.getloadavg(),
        "git_commit": commit.stdout.strip() or None,
    }
