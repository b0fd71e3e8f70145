"""Pairs of columns whose combinations explain what a run gets wrong.

    python benchmarks/crosses.py RUN TRAIN.parquet VALID.parquet

RUN was trained on TRAIN. For each pair of columns of ids, words or few whole numbers,
and each task, the effects of both columns and of their combinations are fitted to the
errors of the run on TRAIN. The score z of a pair says how surely the effects of its
combinations predict the errors on VALID: where they do not, z is a standard normal
number. A pair with a high z is worth a feature of the kind `cross`.

Tasks need labels of 0 and 1, or numbers.
"""

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

import mtl_cli

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

MAX_NUMBERS = 50  # a column with more distinct numbers holds amounts
MIN_Z = 4
# Combinations must divide the values of both columns further. Otherwise one column
# tells the other, as colleges tell their states.
MIN_CELLS_PER_VALUE = 1.1
ROUNDS = 4  # of fitting the effects of the two columns in turn
# Precisions of the effects' normal priors around 0. For a binary task an effect is
# added to the logit, otherwise to the value, whose errors have a deviation of 1.
BINARY_PRECISIONS = 1.0, 5.0  # of the effects of one column, and of a combination
NUMBER_PRECISIONS = 5.0, 25.0


class Rows(NamedTuple):
    """The labelled rows of a task: training rows first, then validation rows.

    Attributes:
        is_training: (rows,).
        labels: (rows,).
        offsets: the run's logits or values, (rows,).
        is_binary: whether the labels are 0 and 1.
    """

    is_training: npt.NDArray[np.bool_]
    labels: Floats
    offsets: Floats
    is_binary: bool

    def errors_and_curvatures(self, offsets: Floats) -> tuple[Floats, Floats]:
        """Returns the negative first and the second derivative of each row's loss."""
        if not self.is_binary:
            return self.labels - offsets, np.ones(len(offsets))
        p = 1 / (1 + np.exp(-offsets))
        return self.labels - p, p * (1 - p)

    def effects(self, codes: Codes, offsets: Floats, precision: float) -> Floats:
        """Returns the effect of each code, fitted on training rows by a Newton step."""
        errors, curvatures = self.errors_and_curvatures(offsets)
        size = codes.max() + 1
        codes, training = codes[self.is_training], self.is_training
        sums = np.bincount(codes, errors[training], size)
        return sums / (np.bincount(codes, curvatures[training], size) + precision)


def rows_of_task(
    labels: pd.Series, predictions: pd.Series, is_training: npt.NDArray[np.bool_]
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Returns the labelled rows of a task, and which of all rows they are."""
    is_labelled = labels.notna().to_numpy()
    y = labels[is_labelled].to_numpy("float64")
    predicted = predictions[is_labelled].to_numpy("float64")
    is_training = is_training[is_labelled]
    is_binary = set(np.unique(y)) <= {0, 1}
    if is_binary:
        p = np.clip(predicted, 1e-7, 1 - 1e-7)
        rows = Rows(is_training, y, np.log(p / (1 - p)), is_binary)
    else:
        deviation = (y - predicted)[is_training].std()
        rows = Rows(is_training, y / deviation, predicted / deviation, is_binary)
    return rows, is_labelled


def score(rows: Rows, first: Codes, second: Codes, cells: Codes) -> float:
    """Returns the z of a pair: the codes of two columns, and of their combinations."""
    precisions = BINARY_PRECISIONS if rows.is_binary else NUMBER_PRECISIONS
    offsets = rows.offsets.copy()
    for codes in [first, second] * ROUNDS:
        offsets += rows.effects(codes, offsets, precisions[0])[codes]
    effects = rows.effects(cells, offsets, precisions[1])
    counts = np.bincount(cells[rows.is_training], minlength=len(effects))
    effects[counts < 2] = 0  # a cross with min_count 2 does not know these either
    valid = ~rows.is_training
    errors, _ = rows.errors_and_curvatures(rows.offsets)
    products = errors[valid] * effects[cells[valid]]
    deviation = np.sqrt(np.square(products).sum())
    return float(products.sum() / deviation) if deviation else 0.0


def crossable(run: mtl_cli.Run, table: pd.DataFrame) -> list[str]:
    """Returns the columns of features that a `cross` can read, but amounts."""
    columns = []
    for name in run.config["dataset"]["features"]:
        if name not in table:
            continue
        values = table[name].dropna()
        is_float = pd.api.types.is_float_dtype(values.dtype)
        if is_float and (values % 1 != 0).any():
            continue
        is_amount = pd.api.types.is_numeric_dtype(values.dtype)
        if 2 <= values.nunique() <= (MAX_NUMBERS if is_amount else len(values)):
            columns.append(name)
    return columns


def main() -> None:
    """Prints the pairs with a z of `MIN_Z` or more, the highest first."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("run", "train", "valid"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    run = mtl_cli.Run(options.run)
    parts = [pd.read_parquet(path) for path in (options.train, options.valid)]
    table = pd.concat(parts, ignore_index=True)
    predictions = mtl_cli.load(run).predict(table)
    is_training = np.arange(len(table)) < len(parts[0])
    columns = {
        name: pd.factorize(table[name].astype("string").fillna(""))[0]
        for name in crossable(run, parts[0])
    }
    found = []
    for task in predictions:
        rows, is_labelled = rows_of_task(table[task], predictions[task], is_training)
        for (a, first), (b, second) in itertools.combinations(columns.items(), 2):
            cells, pairs = pd.factorize(first * (second.max() + 1) + second)
            largest = max(first.max(), second.max()) + 1
            if len(pairs) >= MIN_CELLS_PER_VALUE * largest:
                codes = [x[is_labelled] for x in (first, second, cells)]
                found.append((score(rows, *codes), task, a, b, len(pairs)))
    print(f"{len(found)} pairs of columns and tasks; those with z of {MIN_Z} or more:")
    for z, task, a, b, num_cells in sorted(found, reverse=True):
        if z >= MIN_Z:
            print(f"{z:5.1f}  {task}: {a} x {b}, {num_cells:,} combinations")


if __name__ == "__main__":
    main()
