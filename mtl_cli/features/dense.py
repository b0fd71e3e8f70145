"""The feature kind `dense`."""

from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa

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
from mtl_cli.core.learnt_values import check_ascending, check_number
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Feature, Missing
from mtl_cli.graphs.base import GraphOps

QUANTILE_LEVELS = np.linspace(0, 1, 1001)
# Quantiles with a smaller absolute value become 0. Otherwise two quantiles could be so
# close that the slope of the interpolation between them is infinite.
SMALLEST_QUANTILE = 1e-290
# {transform: formula of the number that enters the network}; see `Feature.numbers_text`
FORMULAS = {
    "none": "x",
    "standard": "(x - mean) / deviation, or x - mean if deviation is 0",
    "minmax": "(x - low) / (high - low), or x - low if both are equal",
    "log1p": "(y - mean) / deviation, or y - mean if deviation is 0, of "
    "y = sign(x) * log(1 + |x|)",
    "quantile": "the level of x, from 0 to 1: quantiles has evenly spaced levels, and "
    "values between two quantiles are interpolated",
}


class Dense(Feature):
    """A numeric column that enters the network as a number.

    Attributes:
        transform: the transform of the numbers, fitted to the training rows:
            `standard` (to mean 0 and deviation 1), `minmax` (to 0 to 1), `log1p`
            (logarithm of 1 + the absolute value, with the value's sign, then
            `standard`), `quantile` (rank from 0 to 1), `none`.
        missing: `error` refuses empty cells. `mean`, `median` or a given number
            replaces an empty cell by the mean or median of the training rows, or by
            this number.
    """

    transform: Literal["standard", "minmax", "log1p", "quantile", "none"] = "standard"
    missing: Missing = "error"

    numeric = True
    reports_unseen = True

    def read(self, name: str, table: pa.Table) -> Floats:
        x = read_numbers(name, table[name], self.missing)
        refuse_above_float32(name, x)
        return x

    def fitter(self, name: str) -> SampleFitter:
        return SampleFitter(partial(self.read, name), self._fit)

    def _fit(self, x: Floats) -> dict[str, Any]:
        learnt = learn_fill_value(x, self.missing) | number_range(x)
        if self.transform == "minmax":
            return learnt
        if self.transform == "quantile":
            quantiles = np.quantile(x, QUANTILE_LEVELS)
            quantiles[np.abs(quantiles) < SMALLEST_QUANTILE] = 0
            return learnt | {"quantiles": quantiles.tolist()}
        if self.transform == "log1p":
            x = signed_log1p(x)
        if learnt["low"] == learnt["high"]:
            # All numbers are equal, but rounding could make `x.std()` greater than 0.
            return learnt | {"mean": float(x[0]), "deviation": 0.0}
        return learnt | {"mean": float(x.mean()), "deviation": float(x.std())}

    def check_learnt(self, learnt: Learnt) -> None:
        super().check_learnt(learnt)
        check_fill_value(learnt, self.missing)
        check_ascending("low, high", [learnt["low"], learnt["high"]])
        if self.transform == "quantile":
            check_ascending("quantiles", learnt["quantiles"])
        elif self.transform != "minmax":
            check_number(learnt, "mean")
            check_number(learnt, "deviation", lowest=0)

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        x = self._scaled(fill_empty(values, learnt), learnt)
        refuse_above_float32(name, x)
        return {"dense": x[:, None]}

    def _scaled(self, x: Floats, learnt: Learnt) -> Floats:
        """Applies the transform. A result too large for float64 becomes infinity."""
        if self.transform == "none":
            return x
        if self.transform == "quantile":
            levels = np.linspace(0, 1, len(learnt["quantiles"]))
            return np.asarray(np.interp(x, learnt["quantiles"], levels))
        shift, width = self._shift_and_width(learnt)
        if self.transform == "log1p":
            x = signed_log1p(x)
        with np.errstate(over="ignore"):
            return np.asarray((x - shift) / width)

    def _shift_and_width(self, learnt: Learnt) -> tuple[float, float]:
        """Returns `shift` and `width` of the transform (x - shift) / width."""
        # If all training rows have the same number, the width is 0.
        if self.transform == "minmax":
            return learnt["low"], learnt["high"] - learnt["low"] or 1.0
        return learnt["mean"], learnt["deviation"] or 1.0

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        x = number_graph(name, self.missing, ops, FLOAT32_MAX)
        if "missing" in learnt:
            x = ops.fill_nan(x, learnt["missing"])
        if self.transform == "quantile":
            levels = np.linspace(0, 1, len(learnt["quantiles"])).tolist()
            x = ops.interpolate(x, learnt["quantiles"], levels)
        elif self.transform != "none":
            shift, width = self._shift_and_width(learnt)
            if self.transform == "log1p":
                x = ops.signed_log1p(x)
            x = ops.scale(x, shift, width)
        ops.require(ops.is_within(x, -FLOAT32_MAX, FLOAT32_MAX))
        return {"dense": ops.to_matrix(x)}

    def numbers_text(self, learnt: Learnt) -> str:
        return filled_text(FORMULAS[self.transform], learnt)

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("dense")


def signed_log1p(x: Floats) -> Floats:
    """Returns log(1 + |x|) with the sign of x. Large numbers are compressed."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))
