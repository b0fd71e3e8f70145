"""Draws rows from known probabilities, with or without a structure.

A model made for the structure should have no advantage on rows without the structure.
"""

from typing import NamedTuple

import numpy as np

Features = dict[str, np.ndarray]
Probabilities = dict[str, np.ndarray]


class Rows(NamedTuple):
    """Rows whose probabilities are known.

    Attributes:
        features: {name: ids or numbers, (rows,)}; whole numbers are ids.
        probabilities: {task: the true probability of its label, (rows,)}.
        labelled: {task: the fraction of training rows that have its label}, for tasks
            that lack some labels; None if no task lacks labels.
    """

    features: Features
    probabilities: Probabilities
    labelled: dict[str, float] | None = None


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Converts logits to probabilities."""
    return 1 / (1 + np.exp(-x))


def hidden_groups(
    random: np.random.Generator, user: np.ndarray, item: np.ndarray
) -> np.ndarray:
    """Returns +1 or -1 for each row.

    Each of 40 users and each of 40 items belongs to one of 6 hidden groups. The sign of
    a row depends on the group of its user and the group of its item.
    """
    user_group, item_group = random.integers(0, 6, (2, 40))
    sign = random.choice([-1.0, 1.0], (6, 6))
    return sign[user_group[user], item_group[item]]


def chain(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Clicks and purchases depend on the same hidden groups.

    Only 2.5 % of the rows have the label of the purchase. Without the structure,
    purchases depend on other hidden groups than clicks.
    """
    user, item = random.integers(0, 40, (2, rows))
    click_sign, other_sign = (hidden_groups(random, user, item) for _ in range(2))
    probabilities = {"click": sigmoid(2 * click_sign)}
    probabilities["buy"] = sigmoid(2 * (click_sign if structure else other_sign))
    return Rows({"user": user, "item": item}, probabilities, {"buy": 0.025})


def embeddings(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """In each of four tasks, the users and items have effects of their own.

    Without the structure, the effects are the same for all tasks.
    """
    user, item = random.integers(0, 60, (2, rows))
    effects = random.normal(size=(4, 2, 60))
    if not structure:
        effects[:] = effects[0]
    logits = 1.2 * (effects[:, 0, user] + effects[:, 1, item])
    tasks = [f"task{k}" for k in range(4)]
    return Rows(
        {"user": user, "item": item}, dict(zip(tasks, sigmoid(logits), strict=True))
    )


def scenarios(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Ten numbers have effects whose signs depend on the page. There are 30 pages.

    Without the structure, the signs are the same on all pages.
    """
    page, x = random.integers(0, 30, rows), random.normal(size=(rows, 10))
    sign = random.choice([-1.0, 1.0], (2, 30, 10))
    if not structure:
        sign[:] = sign[:, :1]
    logits = 2 * (sign[:, page] * x).sum(axis=2) / np.sqrt(10)
    return Rows(
        {"page": page} | {f"x{i}": x[:, i] for i in range(10)},
        dict(zip(["click", "like"], sigmoid(logits), strict=True)),
    )


def markets(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Two functions of ten numbers; each of four markets flips some numbers' signs.

    Without the structure, no market flips a sign.
    """
    market, x = random.integers(0, 4, rows), random.normal(size=(rows, 10))
    sign = random.choice([-1.0, 1.0], (4, 10)) if structure else np.ones((4, 10))
    logits = []
    for _ in range(2):
        frequencies = random.normal(size=(10, 6)) / np.sqrt(10)
        y = np.sin((sign[market] * x) @ frequencies) @ random.normal(size=6)
        logits.append(3 * (y - y.mean()) / y.std())
    return Rows(
        {"market": market} | {f"x{i}": x[:, i] for i in range(10)},
        dict(zip(["click", "like"], map(sigmoid, logits), strict=True)),
    )


def groups(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Each of four groups of two tasks has its own function of ten numbers.

    Without the structure, all tasks have the same function.
    """
    x = random.normal(size=(rows, 10))
    group_logits = []
    for _ in range(4):
        frequencies = 2 * random.normal(size=(10, 6)) / np.sqrt(10)
        y = np.sin(x @ frequencies) @ random.normal(size=6)
        group_logits.append(3 * (y - y.mean()) / y.std())
    logits = [group_logits[k % 4 if structure else 0] for k in range(8)]
    return Rows(
        {f"x{i}": x[:, i] for i in range(10)},
        {f"task{k}": sigmoid(y) for k, y in enumerate(logits)},
    )


def pairs(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """There are two pairs of tasks. Each pair depends on hidden groups of its own.

    Only 3.3 % of the rows have the label of the second task of a pair. Without the
    structure, all four tasks depend on the same hidden groups.
    """
    user, item = random.integers(0, 40, (2, rows))
    signs = [hidden_groups(random, user, item) for _ in range(2)]
    logits = [2 * signs[k // 2 if structure else 0] for k in range(4)]
    return Rows(
        {"user": user, "item": item},
        {f"task{k}": sigmoid(y) for k, y in enumerate(logits)},
        {"task1": 1 / 30, "task3": 1 / 30},
    )


def halves(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Half of the features have the same effects in all four tasks.

    All tasks depend on the same hidden groups of users and items. Each task depends on
    hidden groups of pages and hours of its own. Without the structure, these are the
    same for all tasks too.
    """
    user, item, page, hour = random.integers(0, 40, (4, rows))
    shared = hidden_groups(random, user, item)
    own = [hidden_groups(random, page, hour) for _ in range(4)]
    logits = [1.5 * (shared + own[k if structure else 0]) for k in range(4)]
    return Rows(
        {"user": user, "item": item, "page": page, "hour": hour},
        {f"task{k}": sigmoid(y) for k, y in enumerate(logits)},
    )


def flips(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Each of seven tasks flips the sign of the task before by the sign of one number.

    So the logit of a task is a product: the logit of the task before, times a number
    between -1 and 1. Without the structure, a task has a product of two such numbers,
    whatever the tasks before it have.
    """
    x = random.normal(size=(rows, 8))
    sign = np.tanh(2 * x)
    logits = []
    for k in range(7):
        own_numbers = [k, (k + 3) % 8] if k else [0]
        factors = range(k + 1) if structure else own_numbers
        logits.append(4 * sign[:, factors].prod(axis=1))
    return Rows(
        {f"x{i}": x[:, i] for i in range(8)},
        {f"task{k}": sigmoid(y) for k, y in enumerate(logits)},
    )


def loud(random: np.random.Generator, rows: int, structure: bool) -> Rows:
    """Three quiet tasks share one cause with a loud task. Each has a cause of its own.

    The loud task has a hard cause besides: 30 waves of 20 numbers. The other causes are
    the absolute value of a sum of the numbers. Half of the rows have the labels of the
    quiet tasks. Without the structure, the quiet tasks have the loud task's causes.
    """
    x = random.normal(size=(rows, 20))

    def folded_sum() -> np.ndarray:
        y = abs(x @ random.normal(size=20))
        return (y - y.mean()) / y.std()

    shared = folded_sum()
    frequencies = 1.5 * random.normal(size=(20, 30)) / np.sqrt(20)
    hard = np.sin(x @ frequencies) @ random.normal(size=30)
    hard = (hard - hard.mean()) / hard.std()
    other_causes = {"loud": hard} | {
        f"quiet{k}": folded_sum() if structure else hard for k in range(3)
    }
    return Rows(
        {f"x{i}": x[:, i] for i in range(20)},
        {t: sigmoid(3 * (shared + y) / np.sqrt(2)) for t, y in other_causes.items()},
        {f"quiet{k}": 0.5 for k in range(3)},
    )
