"""The feature kind `bucketized`."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns import cuts
from mtl_cli.columns.fitters import Learnt, SampleFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import (
    FLOAT32_MAX,
    Floats,
    number_graph,
    number_range,
    read_numbers,
    refuse_above_float32,
)
from mtl_cli.core.learnt_values import check_ascending
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, Number
from mtl_cli.graphs.base import GraphOps

FLOAT64_MAX = float(np.finfo("float64").max)


class Bucketized(Embedded):
    """A numeric column cut into buckets; each bucket gets an embedding.

    Buckets are cut at quantiles of the training rows. A value that is in as many rows
    as a bucket should have, such as capital_gain = 0, gets a bucket of its own.

    Attributes:
        num_buckets: largest number of buckets.
        edges: lower edges of all buckets but the first; replaces `num_buckets`.
        ramps: whether the feature also enters the network as numbers, one per bucket,
            as `PiecewiseLinear` does. Unlike the embeddings, the numbers contain the
            order of the buckets, and distinguish the values within a bucket.
        missing: `error` refuses empty cells; `bucket` gives them a bucket of their own.
    """

    num_buckets: Annotated[int, Field(ge=2)] | None = None
    edges: Annotated[list[Number], Field(min_length=1)] | None = None
    ramps: bool = False
    missing: Literal["error", "bucket"] = "error"

    numeric = True
    reports_unseen = True

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        if (self.num_buckets is None) == (self.edges is None):
            raise ValueError(
                "num_buckets: give either num_buckets or edges, and not both"
            )
        if self.edges is not None and self.edges != sorted(set(self.edges)):
            raise ValueError("edges: each edge must be greater than the edge before")
        return self

    def read(self, name: str, table: pa.Table) -> Floats:
        x = read_numbers(name, table[name], self.missing)
        if self.ramps:
            refuse_above_float32(name, x, "set the feature's ramps to false")
        return x

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        if self.num_buckets is not None:
            edges = cuts.choose_cuts(x, self.num_buckets)
        else:
            edges = self.edges or []  # never None here, see `_check_edges`
        # Ramps need a range from `low` to `high` that holds all edges, even if the user
        # has chosen edges outside of the column's numbers.
        return {"cuts": edges} | number_range(x, edges if self.ramps else ())

    def check_learnt(self, learnt: Learnt) -> None:
        super().check_learnt(learnt)
        check_ascending("cuts", learnt["cuts"], strictly=True)
        check_ascending("low, high", [learnt["low"], learnt["high"]])
        if self.ramps:
            cuts.check_ramp_edges(learnt)

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        # Id 0 is the bucket of empty cells, id 1 the bucket below the first cut.
        ids = np.searchsorted(learnt["cuts"], values, side="right") + 1
        encoded = {"ids": np.where(np.isnan(values), 0, ids)[:, None]}
        if self.ramps:
            encoded["dense"] = cuts.ramps(values, learnt)
        return encoded

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        max_size = FLOAT32_MAX if self.ramps else FLOAT64_MAX
        x = number_graph(name, self.missing, ops, max_size)
        encoded = {"ids": ops.to_matrix(ops.bucket_ids(x, learnt["cuts"]))}
        if self.ramps:
            encoded["dense"] = cuts.ramps_graph(x, learnt, ops)
        return encoded

    def block(self, name: str, learnt: Learnt) -> Block:
        num_ramps = len(learnt["cuts"]) + 1 if self.ramps else 0
        return replace(super().block(name, learnt), ramps=num_ramps)

    def numbers_text(self, learnt: Learnt) -> str:
        if not self.ramps:
            return ""
        all_zero = "; all 0 if the cell is empty" if self.missing == "bucket" else ""
        return cuts.ramps_text(learnt) + all_zero

    def num_ids(self, learnt: Learnt) -> int:
        num_buckets = len(learnt["cuts"]) + 1
        return 1 + num_buckets  # id 0 is the bucket of empty cells
