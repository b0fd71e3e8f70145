"""Problems with a structure that a certain model is made for.

A problem draws rows from known probabilities. Each problem can also be drawn without
its structure, as a control: there that model should have no advantage.
`structure_runs.py` trains the models on the problems.
"""

from collections.abc import Callable, Sequence
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


class Problem(NamedTuple):
    """A problem, and the models to compare on it.

    Attributes:
        draw: a function that draws rows. The arguments are a random generator, the
            number of rows, and whether the rows have the structure.
        train_rows: the number of training rows.
        models: {name: overrides}: the models that are made for the structure, and the
            models that they are compared with.
        settings: the overrides of all models.
        compared_tasks: the tasks whose mean AUC is compared; None for all tasks.
    """

    draw: Callable[[np.random.Generator, int, bool], Rows]
    train_rows: int
    models: dict[str, Sequence[str]]
    settings: Sequence[str]
    compared_tasks: Sequence[str] | None = None


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
        {"user": user, "item": item},
        dict(zip(tasks, sigmoid(logits), strict=True)),
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


def ple(*sizes: str) -> list[str]:
    """Returns the overrides of a PLE with one level."""
    return ["model=ple", "model.num_levels=1", *sizes]


def settings(epochs: int, batch_size: int, *more: str) -> list[str]:
    """Returns the overrides that all models of a problem have."""
    length = [f"trainer.epochs={epochs}", f"trainer.batch_size={batch_size}"]
    return [*length, "optimizer.learning_rate=0.01", *more]


# The models that have to be beaten where several tasks share in part.
RIVALS_OF_FOUR_TASKS = {
    "shared_bottom": ["model=shared_bottom", "model.bottom_units=[48,48]"],
    "mmoe": ["model=mmoe", "model.num_experts=5", "model.expert_units=[16,16]"],
    "ple": [
        "model=ple",
        "model.num_specific_experts=1",
        "model.num_shared_experts=1",
        "model.expert_units=[16]",
    ],
}
# Sizes of models. FOUR and SIX are the numbers of experts of two tasks together.
CHAIN = ["model.bottom_units=[32]", "model.tower_units=[32]"]
EXPERTS = ["model.expert_units=[32]", "model.num_experts=4"]
EXPERT = "model.expert_units=[32]"
FOUR = ["model.num_specific_experts=1", "model.num_shared_experts=2"]
SIX = ["model.num_specific_experts=2", "model.num_shared_experts=2"]
RIVALS = {
    "shared_bottom": ["model=shared_bottom", "model.bottom_units=[32]"],
    "mmoe": ["model=mmoe", *EXPERTS],
}
PAGE = "model.prior_features=[page]"
STAR = ["model=star", "model.bottom_units=[32]"]
M3OE = ["model=m3oe", "model.star_units=32", "model.bottom_units=[32]", EXPERT]
SMALL = ["model.expert_units=[16,8]", "model.num_experts=8"]

PROBLEMS = {
    "chain": Problem(
        chain,
        6_000,
        {
            **RIVALS,
            "ple": ple(EXPERT, *SIX),
            "aitm": [
                "model=aitm",
                "model.bottom_units=[32,32,32]",
                "model.tower_units=[]",
            ],
            "dbmtl": ["model=dbmtl", *CHAIN, "model.relation_units=[32]"],
        },
        settings(10, 128, "encoder.embedding_dim=8", "model.tower_units=[32,32]"),
        ["buy"],
    ),
    "embeddings": Problem(
        embeddings,
        6_000,
        {
            **RIVALS,
            "ple": ple(EXPERT, *FOUR),
            "stem": ["model=stem", EXPERT, *FOUR, "model.gate_units=[]"],
        },
        settings(8, 128, "encoder.embedding_dim=2", "model.tower_units=[16]"),
    ),
    "scenarios": Problem(
        scenarios,
        16_000,
        {
            **RIVALS,
            "ple": ple(EXPERT, *SIX),
            "pepnet": [
                "model=pepnet",
                PAGE,
                "model.prior_gate_units=[32]",
                "model.tower_units=[32,16]",
            ],
            "star": [*STAR, "++dataset.scenario=page"],
            "m3oe": [*M3OE, "++dataset.scenario=page"],
        },
        settings(8, 256, "encoder.embedding_dim=8", "model.tower_units=[16]"),
    ),
    "markets": Problem(
        markets,
        16_000,
        {
            **RIVALS,
            "ple": ple(EXPERT, *SIX),
            "star": [*STAR, "++dataset.scenario=market"],
            "m3oe": [*M3OE, "++dataset.scenario=market"],
        },
        settings(8, 256, "encoder.embedding_dim=8", "model.tower_units=[16]"),
    ),
    "groups": Problem(
        groups,
        6_000,
        {
            "shared_bottom": ["model=shared_bottom", "model.bottom_units=[128,16]"],
            "mmoe": ["model=mmoe", *SMALL],
            "ple": ple("model.expert_units=[16,8]", *FOUR),
            "dselect_k": ["model=mmoe", *SMALL, "model.gate=dselect_k"],
            "snr": [
                "model=snr",
                "model.num_levels=1",
                "model.num_networks=8",
                "model.network_units=[16,8]",
            ],
        },
        settings(10, 256, "model.tower_units=[]"),
    ),
    "pairs": Problem(
        pairs,
        6_000,
        {
            **RIVALS_OF_FOUR_TASKS,
            "adatt": [
                "model=adatt",
                "model.num_specific_experts=1",
                "model.num_shared_experts=0",
                "model.expert_units=[16]",
            ],
        },
        settings(10, 128, "encoder.embedding_dim=4", "model.tower_units=[16]"),
        ["task1", "task3"],
    ),
    "halves": Problem(
        halves,
        6_000,
        {
            **RIVALS_OF_FOUR_TASKS,
            "adatt": [
                "model=adatt",
                "model.num_specific_experts=1",
                "model.num_shared_experts=1",
                "model.expert_units=[16]",
            ],
            "stem": [
                "model=stem",
                "model.num_levels=1",
                "model.num_specific_experts=1",
                "model.num_shared_experts=1",
                "model.expert_units=[16,16]",
                "model.gate_units=[]",
            ],
        },
        settings(10, 128, "encoder.embedding_dim=4", "model.tower_units=[16]"),
    ),
}
