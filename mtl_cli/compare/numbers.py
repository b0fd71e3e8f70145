"""Numbers as people read them: as many decimals as the noise leaves meaning."""

import math
from collections.abc import Iterable

from mtl_cli.compare.comparison import Task
from mtl_cli.compare.statistics import Interval

USUAL, MOST = 4, 6


def decimals(task: Task) -> int:
    """Returns how many decimals show two digits of the task's usual interval."""
    halves = [c.mean.half for c in task.cells if c.mean is not None and c.mean.half]
    if not halves:
        return USUAL
    halves.sort()
    digits = 1 - math.floor(math.log10(halves[len(halves) // 2]))
    return min(max(digits, 0), MOST)


def value(number: float, places: int) -> str:
    """Returns a metric."""
    return f"{number:,.{places}f}"


def interval(found: Interval | None, places: int, sign: str = "") -> str:
    """Returns `0.9266 ±0.0005`, without its interval if it has none."""
    if found is None:
        return ""
    text = f"{found.mean:{sign},.{places}f}"
    return text if found.half is None else f"{text} ±{value(found.half, places)}"


def probability(p: float) -> str:
    """Returns `p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def joined(parts: Iterable[str], most: int = 8) -> str:
    """Returns parts with commas, cut where they are many."""
    every = list(parts)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")
