"""STEM: embeddings of each task beside shared ones, and gates over all experts."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class STEM(GatedSharing):
    """Each task t reads all experts, but trains only its own and the shared experts.

        x_t^0 = the encoding of a row, from the embeddings of task t
        x_s^0 = the encoding of a row, from the shared embeddings
        F_t^j = specific experts of task t (x_t^{j-1})     for each level j = 1 ... J
        F_s^j = shared experts (x_s^{j-1})
        S_t^j = [sg(F_1^j); ...; F_t^j; ...; sg(F_T^j); F_s^j]
        S_s^j = [F_1^j; ...; F_T^j; F_s^j]
        x_t^j = sum_i g_t^j(x_t^{j-1} + x_s^{j-1})_i S_ti^j
        x_s^j = sum_i g_s^j(x_s^{j-1})_i S_si^j            for each level j < J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    `Sharing` explains h_t and y_t. F_t, F_s, S_t and S_s are lists of experts' outputs,
    and S_ti^j is one output. The code never forms the list S_t^j: `mix_specific` sums
    its parts with and without sg. A gate g is a softmax; in the paper, a gate has
    hidden layers. sg stops gradients: the loss of a task does not reach the experts of
    other tasks, nor, with one level, their embeddings.

    Attributes:
        num_levels: number of levels, J.
        num_specific_experts: number of experts of each task in each level.
        num_shared_experts: number of shared experts in each level.
        expert_units: widths of the layers of each expert.

    Reference: Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task
        Recommendation", AAAI 2024.
        Differs from the paper in: the last layer of a softmax gate has no bias.
    """

    num_levels: NumParts
    num_specific_experts: NumParts
    num_shared_experts: NumParts
    expert_units: NonEmptyUnits

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks + 1

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from keras import ops

        *x_by_task, x_shared = encodings.outputs  # one x_t^0 per task, and x_s^0
        x_tasks = ops.stack(x_by_task)  # (tasks, batch, dim)
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units)
            x_tasks, x_shared = self._connect_level(x_tasks, x_shared, level)
        return x_tasks  # z_t, (tasks, batch, units)

    def _connect_level(
        self, x_tasks: Tensor, x_shared: Tensor, level: int
    ) -> tuple[Tensor, Tensor | None]:
        """Connects level j to x_t^{j-1} and x_s^{j-1}; returns x_t^j and x_s^j."""
        from mtl_cli.layers import Mix, Route
        from mtl_cli.layers.gates import mix_tensors
        from mtl_cli.layers.routing import specific_and_shared_experts

        name, units = f"level_{level}", self.expert_units
        num_tasks = x_tasks.shape[0]
        num_specific = num_tasks * self.num_specific_experts  # of all tasks together
        num_shared = self.num_shared_experts
        f = self.networks(num_specific, units, f"{name}_specific_experts")
        f_tasks = f(x_tasks)  # F_1 ... F_T, (num_specific, batch, units)
        f = self.networks(num_shared, units, f"{name}_shared_experts")
        f_shared = f(x_shared)  # F_s, (num_shared, batch, units)
        # The names of the experts, for reports: a list per task, and the shared ones
        specific_names, shared_names = specific_and_shared_experts(
            num_tasks, self.num_specific_experts, num_shared
        )
        names = [*chain(*specific_names), *shared_names]
        # A task trains only its own and the shared experts.
        routes = [
            Route(t, [e._replace(trained=e.owner in (t, SHARED)) for e in names])
            for t in range(num_tasks)
        ]
        # g_t(x_t + x_s), (tasks, batch, experts)
        g_tasks = self.gates(routes, f"{name}_gates")(x_tasks + x_shared)
        y_tasks = mix_specific(g_tasks[..., :num_specific], f_tasks)
        y_tasks += Mix()(g_tasks[..., num_specific:], f_shared)
        if level == self.num_levels:
            return y_tasks, None  # nothing reads x_s^J

        # g_s(x_s), (1, batch, experts)
        g_shared = self.gates([Route(None, names)], f"{name}_shared_gate")(x_shared)
        return y_tasks, mix_tensors(g_shared, [f_tasks, f_shared])[0]


def mix_specific(weights: Tensor, outputs: Tensor) -> Tensor:
    """Sums the outputs of the specific experts of all tasks with each task's weights.

    The gradient of a task's sum reaches only the task's own experts. The weights are
    `(T, batch, experts)`, the outputs `(experts, batch, units)`.
    """
    from keras import ops

    from mtl_cli.layers import Mix

    num_tasks = weights.shape[0]
    num_specific, _, units = outputs.shape
    n = num_specific // num_tasks  # number of specific experts of each task
    # Slices cost less than a mask, with which each task would multiply all experts.
    own_weights = ops.stack(
        [weights[t, :, t * n : (t + 1) * n] for t in range(num_tasks)]
    )  # (T, batch, n)
    own_outputs = ops.reshape(outputs, (num_tasks, n, -1, units))
    own_sum = Mix()(own_weights, own_outputs)
    # is_own[t, i]: 1 if expert i belongs to task t, otherwise 0
    is_own = np.kron(np.eye(num_tasks), np.ones(n))  # (T, num_specific)
    is_other = (1 - is_own)[:, None].astype("float32")
    return own_sum + Mix()(weights * is_other, ops.stop_gradient(outputs))
