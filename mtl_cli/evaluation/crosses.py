"""Finds pairs of columns that deserve a feature of the kind `cross`.

The effects of the combinations of two columns are fitted to the errors of the model on
the training rows, and tested on the validation rows, see `scoring/cross_scores.py`.
"""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple, TypedDict

import numpy as np

from mtl_cli.core.atomic_write import temporary_folder
from mtl_cli.data.column_codes import codes_of_columns
from mtl_cli.data.load import Data
from mtl_cli.data.table import Array
from mtl_cli.evaluation.rows import EvaluatedRows
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.scoring.cross_scores import CrossTest, margins
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows
from mtl_cli.statistics.sampling_units import sampling_units
from mtl_cli.statistics.significance import holm

# Two columns have at least this number of combinations for each value of the column
# with more values. Otherwise one column tells the other, as colleges tell their states.
MIN_COMBINATIONS_PER_VALUE = 1.1


class CrossRecord(TypedDict):
    """How well the combinations of two columns explain an output's errors.

    Attributes:
        columns: the names of the two columns.
        combinations: the number of combinations of values in the training and
            validation rows.
        z, p, loss_change: see `CrossScore`.
        p_corrected: `p`, corrected for the number of all pairs and outputs (Holm).
    """

    columns: list[str]
    task: str
    combinations: int
    z: float
    p: float
    p_corrected: float
    loss_change: float


class OutputRows(NamedTuple):
    """The rows on which an output is scored, and the test of its errors."""

    train: ScoredRows
    valid: ScoredRows
    test: CrossTest


def find_crosses(
    model: TrainedModel,
    data: Data,
    valid: EvaluatedRows,
    on_progress: Callable[[str, int, int], None],
) -> list[CrossRecord]:
    """Tests all pairs of columns of ids, words or few whole numbers, for each output.

    Pairs of which one column tells the other are left out, and so are the columns of a
    cross that the model has.

    Args:
        data: the data of the run, see `read_data_of_run`.
        valid: its validation rows, see `validation_rows`.

    Returns: a record for each pair and output, the highest `z` first.
    """
    dataset = model.config.dataset
    with temporary_folder("mtl-evaluate-") as folder:
        codes = codes_of_columns(
            data,
            dataset,
            folder,
            lambda done, total: on_progress("reading columns", done, total),
        )
    tests = tests_of_outputs(model, data, valid, codes)
    crossed = [set(f.source_columns(n)) for n, f in dataset.used_features.items()]
    pairs = [
        (a, b)
        for a, b in combinations(codes, 2)
        if not any({a, b} <= columns for columns in crossed)
    ]
    records: list[CrossRecord] = []
    for num_done, (a, b) in enumerate(pairs, 1):
        records += records_of_pair(a, b, codes, tests)
        on_progress("crossing", num_done, len(pairs))
    corrected = holm([record["p"] for record in records])
    for record, p_corrected in zip(records, corrected, strict=True):
        record["p_corrected"] = p_corrected
    return sorted(records, key=lambda record: -record["z"])


def tests_of_outputs(
    model: TrainedModel,
    data: Data,
    valid: EvaluatedRows,
    codes: dict[str, dict[str, Array]],
) -> list[OutputRows]:
    """Prepares the test of each output with labelled training and validation rows."""
    train = data.splits["train"]
    predictions = model.network.predict(train)
    tests = []
    for output in valid.outputs:
        train_rows = scored_rows(output, train, predictions[output.name])
        valid_rows = scored_rows(output, valid.table, valid.predictions[output.name])
        if not len(train_rows.label) or not len(valid_rows.label):
            continue
        train_margins, valid_margins = margins(train_rows), margins(valid_rows)
        if train_margins is None or valid_margins is None:
            continue
        units = sampling_units(len(valid_rows.label), valid_rows.group)
        train_codes = [c["train"][train_rows.row_indices] for c in codes.values()]
        test = CrossTest(train_margins, valid_margins, units, train_codes)
        tests.append(OutputRows(train_rows, valid_rows, test))
    return tests


def records_of_pair(
    first: str, second: str, codes: dict[str, dict[str, Array]], tests: list[OutputRows]
) -> list[CrossRecord]:
    """Scores two columns for each output; [] if one column tells the other."""
    both, num_combinations = codes_of_combinations(codes[first], codes[second])
    num_values = max(x.max() for c in (first, second) for x in codes[c].values())
    if num_combinations < MIN_COMBINATIONS_PER_VALUE * num_values:
        return []
    records: list[CrossRecord] = []
    for train, valid, test in tests:
        score = test.score(
            both["train"][train.row_indices], both["valid"][valid.row_indices]
        )
        records.append(
            {
                "columns": [first, second],
                "task": train.output.name,
                "combinations": num_combinations,
                "z": score.z,
                "p": score.p,
                "p_corrected": score.p,  # not corrected yet
                "loss_change": score.loss_change,
            }
        )
    return records


def codes_of_combinations(
    first: dict[str, Array], second: dict[str, Array]
) -> tuple[dict[str, Array], int]:
    """Numbers the combinations of two columns' values, from 1.

    Returns: {split: the code of each row's combination, (rows,), 0 if a cell is empty},
        and the number of combinations.
    """
    import pandas as pd

    a, b = (np.concatenate([x["train"], x["valid"]]) for x in (first, second))
    keys = a.astype("int64") * (b.max() + 1) + b
    keys[(a == 0) | (b == 0)] = 0
    # The code 0 goes to the first of all keys, the key 0.
    codes, distinct = pd.factorize(np.append(0, keys))
    num_train = len(first["train"])
    by_split = {"train": codes[1 : 1 + num_train], "valid": codes[1 + num_train :]}
    return by_split, len(distinct) - 1
