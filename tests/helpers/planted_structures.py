"""Problems with a structure that a certain model is made for.

Each problem can also be drawn without its structure, as a control: there that model
should have no advantage. `structure_runs.py` trains the models on the problems.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from helpers.planted_rows import (
    Rows,
    chain,
    embeddings,
    flips,
    groups,
    halves,
    loud,
    markets,
    pairs,
    scenarios,
)

from mtl_cli.core.option_classes import option_names


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

LOUD_MODELS: dict[str, Sequence[str]] = {
    "single_task": ["model=single_task", "model.bottom_units=[16]"],
    "shared_bottom": ["model=shared_bottom", "model.bottom_units=[34]"],
    "mmoe": ["model=mmoe", "model.num_experts=5", "model.expert_units=[16]"],
    "ple": ple(
        "model.expert_units=[16]",
        "model.num_specific_experts=1",
        "model.num_shared_experts=1",
    ),
}
LOUD_SETTINGS = settings(
    20, 128, "model.tower_units=[16]", "++dataset.tasks.loud.weight=30"
)
QUIET_TASKS = ["quiet0", "quiet1", "quiet2"]
BALANCING_METHODS = [name for name in option_names("balancing") if name != "fixed"]

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
    "flips": Problem(
        flips,
        6_000,
        {
            "shared_bottom": ["model=shared_bottom", "model.bottom_units=[92,64]"],
            "mmoe": [
                "model=mmoe",
                "model.num_experts=10",
                "model.expert_units=[32,32]",
            ],
            "ple": ple(
                "model.expert_units=[32,32]",
                "model.num_specific_experts=1",
                "model.num_shared_experts=4",
            ),
            "aitm": [
                "model=aitm",
                "model.bottom_units=[32,32]",
                "model.tower_units=[]",
            ],
            "dbmtl": ["model=dbmtl", *CHAIN, "model.relation_units=[32]"],
        },
        settings(40, 128, "model.tower_units=[32]"),
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
                "model.snr_noise=row",
            ],
        },
        settings(10, 256, "model.tower_units=[]"),
    ),
    "loud": Problem(loud, 6_000, LOUD_MODELS, LOUD_SETTINGS, QUIET_TASKS),
    "balanced": Problem(
        loud,
        6_000,
        LOUD_MODELS
        | {
            f"shared_bottom, {name}": [
                *LOUD_MODELS["shared_bottom"],
                f"balancing={name}",
            ]
            for name in BALANCING_METHODS
        },
        LOUD_SETTINGS,
        QUIET_TASKS,
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
