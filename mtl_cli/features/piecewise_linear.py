"""The feature kind `piecewise_linear`."""

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from mtl_cli.columns import cuts
from mtl_cli.columns.fitters import Learnt, SampleFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import (
    FLOAT32_MAX,
    Floats,
    check_fill_value,
    fill_empty,
    filled_text,
    learn_fill_value,
    number_graph,
    number_range,
    read_numbers,
    refuse_above_float32,
)
from mtl_cli.core.learnt_values import check_ascending
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Feature, Missing
from mtl_cli.graphs.base import GraphOps


class PiecewiseLinear(Feature):
    """A numeric column cut into buckets; each bucket gets a number from 0 to 1.

    The number is the fraction of the bucket that lies below the value: 1 for a bucket
    below the value, and 0 for a bucket above the value; see `columns.cuts.ramps`.

    Attributes:
        num_buckets: largest number of buckets. The buckets are cut as in `Bucketized`.
        missing: `error` refuses empty cells. `mean`, `median` or a given number
            replaces an empty cell by the mean or median of the training rows, or by
            this number. `bucket` makes all numbers of an empty cell 0, and adds one
            more number: 1 for a cell that is not empty.
    """

    num_buckets: Annotated[int, Field(ge=2, examples=[16])]
    missing: Missing | Literal["bucket"] = "error"

    numeric = True
    reports_unseen = True

    def read(self, name: str, table: pa.Table) -> Floats:
        x = read_numbers(name, table[name], self.missing)
        refuse_above_float32(name, x)
        return x

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        edges = cuts.choose_cuts(x, self.num_buckets)
        learnt = {} if self.missing == "bucket" else learn_fill_value(x, self.missing)
        return learnt | {"cuts": edges} | number_range(x, edges)

    def check_learnt(self, learnt: Learnt) -> None:
        super().check_learnt(learnt)
        check_ascending("cuts", learnt["cuts"], strictly=True)
        cuts.check_ramp_edges(learnt)
        if self.missing != "bucket":
            check_fill_value(learnt, self.missing)

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        x = fill_empty(values, learnt)
        encoded = cuts.ramps(x, learnt)
        if self.missing == "bucket":
            is_not_empty = ~np.isnan(x)[:, None]
            encoded = np.hstack([encoded, is_not_empty])
        return {"dense": encoded}

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        x = number_graph(name, self.missing, ops, FLOAT32_MAX)
        filled_x = ops.fill_nan(x, learnt["missing"]) if "missing" in learnt else x
        encoded = cuts.ramps_graph(filled_x, learnt, ops)
        if self.missing == "bucket":
            # Without cuts there is one bucket: its id is 1, and the id of NaN is 0.
            is_not_empty = ops.to_matrix(ops.bucket_ids(x, []))
            encoded = ops.concatenate([encoded, is_not_empty], "float32")
        return {"dense": encoded}

    def block(self, name: str, learnt: Learnt) -> Block:
        num_buckets = len(learnt["cuts"]) + 1
        num_flags = 1 if self.missing == "bucket" else 0  # whether the cell has a value
        return Block("dense", num_buckets + num_flags)

    def numbers_text(self, learnt: Learnt) -> str:
        text = filled_text(cuts.ramps_text(learnt), learnt)
        if self.missing == "bucket":
            text += ", all 0 if the cell is empty; then 1 if it is not empty, else 0"
        return text

    def summary(self, encoded: Array) -> Array:
        """Returns the sum of each row's numbers; larger values have larger sums."""
        return np.asarray(encoded.sum(axis=1))
