"""The feature kind `piecewise_linear`."""

from functools import partial
from typing import Annotated, Any

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
    refuse_above_float32,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Feature, Missing, number_column
from mtl_cli.graphs.base import Ops


class PiecewiseLinear(Feature):
    """A numeric column cut into buckets; each bucket gets a number from 0 to 1.

    The number is 1 for buckets below the value, 0 for buckets above the value, and for
    the value's own bucket the share of its width that lies below the value.

    Attributes:
        num_buckets: largest number of buckets; cut as the buckets of `Bucketized`.
        missing: `error`, or the number that an empty cell counts as: the `mean` or
            `median` of the training rows, or a given number.

    Reference: Gorishniy et al., "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022, section 3.2.
        Differs from the paper in: a value outside the range of the training rows
        counts as the nearest value in it.
    """

    num_buckets: Annotated[int, Field(ge=2)]
    missing: Missing = "error"
    numeric = True

    def read(self, name: str, table: pa.Table) -> Floats:
        return refuse_above_float32(name, numbers(name, table[name], self.missing))

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        edges = {"cuts": cuts(x, self.num_buckets), "high": float(x.max())}
        return fill_value(x, self.missing) | {"low": float(x.min())} | edges

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        x = filled(values, learnt)
        starts, widths = starts_and_widths(learnt)
        with np.errstate(over="ignore"):  # clip turns infinity into 1
            shares = np.clip((x[:, None] - starts) / widths, 0, 1)
        return {"dense": np.asarray(shares)}

    def graph(self, name: str, learnt: Learnt, ops: Ops) -> dict[str, Tensor]:
        x = number_column(name, self.missing, ops)
        x = ops.filled(x, learnt["missing"]) if "missing" in learnt else x
        starts, widths = starts_and_widths(learnt)
        return {"dense": ops.ramps(x, starts.tolist(), widths.tolist())}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, rows: int
    ) -> dict[str, Cells]:
        edges = [learnt["low"], *learnt["cuts"], learnt["high"]]
        return {name: some_numbers(edges, self.missing, random, rows)}

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("dense", len(learnt["cuts"]) + 1)

    def summary(self, encoded: Array) -> Array:
        return np.asarray(encoded.sum(axis=1))


def starts_and_widths(learnt: Learnt) -> tuple[Floats, Floats]:
    """Returns the lower edge and the width of each bucket, (buckets,)."""
    edges = np.array([learnt["low"], *learnt["cuts"], learnt["high"]])
    widths = np.diff(edges)
    widths[widths == 0] = 1
    return edges[:-1], widths
