"""The feature kind `piecewise_linear`."""

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from mtl_cli.columns.examples import Cells, some_numbers
from mtl_cli.columns.fitters import Learnt, SampleFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import (
    Floats,
    cuts,
    fill_value,
    filled,
    numbers,
    ramp_edges,
    ramps,
    ramps_graph,
    refuse_above_float32,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Feature, Missing, number_column
from mtl_cli.graphs.base import Ops


class PiecewiseLinear(Feature):
    """A numeric column cut into buckets; each bucket gets a number from 0 to 1.

    The number is 1 for buckets below the value, 0 for buckets above the value, and for
    the value's own bucket the share of its width that lies below the value; see
    `columns.numeric.ramps`.

    Attributes:
        num_buckets: largest number of buckets; cut as the buckets of `Bucketized`.
        missing: `error`, or the number that an empty cell counts as: the `mean` or
            `median` of the training rows, or a given number. `bucket` adds a number
            that is 1 for a filled cell; all numbers of an empty cell are 0.
    """

    num_buckets: Annotated[int, Field(ge=2)]
    missing: Missing | Literal["bucket"] = "error"
    numeric = True

    def read(self, name: str, table: pa.Table) -> Floats:
        return refuse_above_float32(name, numbers(name, table[name], self.missing))

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        edges = cuts(x, self.num_buckets)
        learnt = {} if self.missing == "bucket" else fill_value(x, self.missing)
        return learnt | {"cuts": edges} | ramp_edges(x, edges)

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        x = filled(values, learnt)
        shares = ramps(x, learnt)
        if self.missing == "bucket":
            shares = np.hstack([shares, ~np.isnan(x)[:, None]])
        return {"dense": shares}

    def graph(self, name: str, learnt: Learnt, ops: Ops) -> dict[str, Tensor]:
        x = number_column(name, self.missing, ops)
        filled_x = ops.filled(x, learnt["missing"]) if "missing" in learnt else x
        shares = ramps_graph(filled_x, learnt, ops)
        if self.missing == "bucket":
            is_filled = ops.as_column(ops.bucket_ids(x, []))  # 1, and 0 for NaN
            shares = ops.concatenated([shares, is_filled], "float32")
        return {"dense": shares}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, rows: int
    ) -> dict[str, Cells]:
        edges = [learnt["low"], *learnt["cuts"], learnt["high"]]
        return {name: some_numbers(edges, self.missing, random, rows)}

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("dense", len(learnt["cuts"]) + 1 + (self.missing == "bucket"))

    def summary(self, encoded: Array) -> Array:
        return np.asarray(encoded.sum(axis=1))
