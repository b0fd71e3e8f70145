"""The feature kind `bucketized`."""

from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.examples import Cells, some_numbers
from mtl_cli.columns.fitters import Learnt, SampleFitter
from mtl_cli.columns.numeric import Floats, cuts, numbers
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, Number, number_column
from mtl_cli.graphs.base import Ops

FLOAT64_MAX = float(np.finfo("float64").max)


class Bucketized(Embedded):
    """A numeric column cut into buckets; each bucket gets an embedding.

    Buckets are cut at quantiles of the training rows. A value with a bucket's share of
    the rows, such as capital_gain = 0, gets its own bucket.

    Attributes:
        num_buckets: largest number of buckets.
        edges: lower edges of all buckets but the first, in place of `num_buckets`.
        missing: `error` refuses empty cells; `bucket` gives them their own bucket.
    """

    num_buckets: Annotated[int, Field(ge=2)] | None = None
    edges: Annotated[list[Number], Field(min_length=1)] | None = None
    missing: Literal["error", "bucket"] = "error"
    numeric = True

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        if (self.num_buckets is None) == (self.edges is None):
            raise ValueError("num_buckets: give either num_buckets or edges")
        if self.edges is not None and self.edges != sorted(set(self.edges)):
            raise ValueError("edges: each edge must be greater than the edge before")
        return self

    def read(self, name: str, table: pa.Table) -> Floats:
        return numbers(name, table[name], self.missing)

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        if self.num_buckets is None:
            return {"cuts": self.edges}
        return {"cuts": cuts(x, self.num_buckets)}

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        ids = np.searchsorted(learnt["cuts"], values, side="right") + 1
        return {"ids": np.where(np.isnan(values), 0, ids)[:, None]}

    def graph(self, name: str, learnt: Learnt, ops: Ops) -> dict[str, Tensor]:
        x = number_column(name, self.missing, ops, FLOAT64_MAX)
        return {"ids": ops.as_column(ops.bucket_ids(x, learnt["cuts"]))}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, rows: int
    ) -> dict[str, Cells]:
        return {name: some_numbers(learnt["cuts"], self.missing, random, rows)}

    def num_ids(self, learnt: Learnt) -> int:
        num_buckets = len(learnt["cuts"]) + 1
        return 1 + num_buckets
