"""Progressive layered extraction: several levels of CGC."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NumParts
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.cgc import CGC


class PLE(CGC):
    """Each level computes one vector x_t per task t, and one shared vector x_s.

        x_t^0 = x_s^0 = x
        E_t^j = specific experts of task t (x_t^{j-1})     for each level j = 1 ... J
        E_s^j = shared experts (x_s^{j-1})
        S_t^j = [E_t^j; E_s^j]
        S_s^j = [E_1^j; ...; E_T^j; E_s^j]
        x_t^j = sum_i g_t^j(x_t^{j-1})_i S_ti^j
        x_s^j = sum_i g_s^j(x_s^{j-1})_i S_si^j            for each level j < J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    `Sharing` explains x, h_t and y_t. E and S are lists of experts' outputs, and S_ti^j
    is one output. Each gate is g(v) = softmax(W v), with a W of its own. `CGC` computes
    a level, and lists the letters of the paper. For several levels, the paper writes N
    for J, w^{k,j} for g_t^j, S^{k,j} for S_t^j, and g^{k,j} for x_t^j, with k = t.

    Attributes:
        num_levels: number of levels, J. With one level, PLE is CGC.

    Reference: Tang et al., RecSys 2020, equations 6 and 7, see `CGC`.
    """

    num_levels: NumParts

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        x_tasks = x_shared = x  # x_t^0, x_s^0
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units); x_s^J is None
            x_tasks, x_shared = self.connect_level(
                x_tasks,
                x_shared,
                len(tasks),
                f"level_{level}",
                is_last=level == self.num_levels,
            )
        return x_tasks  # z_t = x_t^J, (tasks, batch, units)
