"""STAR: shared weights are multiplied by factors of the row's scenario."""

from collections.abc import Sequence
from typing import ClassVar

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class STAR(Sharing):
    """The layers of the bottom network and of the towers form a star topology.

        x^0 = norm_s(x)
        x^l = relu(x^{l-1} (W^l * W_s^l) + b^l + b_s^l)         for l = 1 ... L
        z_t = x^L                      the same for all tasks
        y_t = h_t(z_t)                 see `mtl_cli/towers/star.py`

    `Sharing` explains x, h_t and y_t. s is the scenario of the row: the value of the
    feature that `dataset.scenario` names. * is the element-wise product. All scenarios
    share the weights W^l and b^l; W_s^l and b_s^l belong to scenario s. norm_s
    normalises x by the mean and variance over rows of s, see
    `layers/partitioned_norm.py`. A row of an unknown scenario gets, in each layer, the
    mean of the results for all scenarios. The paper calls s a domain p, and writes
    W_p^* for W^l * W_s^l, b_p^* for b^l + b_s^l, phi for relu, in_p for x^{l-1} and
    out_p for x^l.

    Attributes:
        bottom_units: widths of the layers of the bottom network; if empty, x^L = x^0.

    Reference: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender
        for Multi-Domain CTR Prediction", CIKM 2021.
        Differs from the paper in: there may be several tasks, each with its own tower
        and auxiliary network (both in `towers/star.py`); batches hold rows of all
        scenarios; W_s starts at 1, and the paper does not give its start.
    """

    reads_scenario: ClassVar[bool] = True

    bottom_units: Units

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import PartitionedNorm, StarMLP

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        scenario_weights = encodings.scenario_weights  # (batch, scenarios)
        norm = PartitionedNorm(name="normalisation", dtype="float32")
        x = norm(x, scenario_weights)  # x^0, (batch, dim)
        if not self.bottom_units:
            return x
        # All tasks share a single network: (1, batch, units)
        bottom = StarMLP(1, self.bottom_units, name="bottom", **self.dense_options)
        return bottom(x, scenario_weights)[0]  # z_t = x^L, (batch, units)
