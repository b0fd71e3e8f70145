"""M3oE: shared experts, experts of each scenario, and experts of each task."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Count, NonEmptyUnits, NumParts
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class M3oE(GatedSharing):
    """Each task of each scenario weighs three kinds of experts.

        u     = x (W * W_s) + b + b_s
        e     = mlp(u) + mlp'(x)
        F_i   = shared expert i (e)
        C_s   = expert of scenario s (e)
        P_t   = expert of task t (e)
        c_s   = beta_D C_s + (1 - beta_D) / (S - 1) sum_{r != s} C_r
        p_t   = beta_T P_t + (1 - beta_T) / (T - 1) sum_{r != t} P_r
        z_ts  = sum_i g_ts(sg(e))_i F_i + alpha_D c_s + alpha_T p_t
        y_t   = h_ts(z_ts)                 see `mtl_cli/towers/per_scenario.py`

    `Sharing` explains x and y_t. h_ts is the tower and g_ts the gate of task t for
    scenario s. s is the scenario of the row, one of S scenarios: the value of the
    feature that `dataset.scenario` names. For a row of an unknown scenario, every term
    with an index s is the mean over all scenarios. W_s and b_s belong to scenario s. *
    is the element-wise product. sg stops gradients: a gate does not train e. Each layer
    of mlp, mlp' and the experts maps its input v to activation(layer norm(A v + a));
    mlp' has one layer. alpha_D, alpha_T, beta_D and beta_T are sigmoids of four trained
    numbers that all scenarios and tasks share, see `layers/balanced_weights.py`. The
    paper calls a scenario a domain d, and writes h_d for e.

    Attributes:
        star_units: width of u.
        bottom_units: widths of the layers of mlp, from u to e.
        num_shared_experts: number of the shared experts F_i.
        expert_units: widths of each expert.

    Reference: Zhang et al., "M3oE: Multi-Domain Multi-Task Mixture-of-Experts
        Recommendation Framework", SIGIR 2024. The equations follow the authors' code.
        Differs from the paper in: alpha and beta are trained with all other weights,
        where the paper trains them on validation rows; the last layer of a gate has no
        bias; W_s starts at 1, not as a random draw.
    """

    reads_scenario: ClassVar[bool] = True

    star_units: Count
    bottom_units: NonEmptyUnits
    num_shared_experts: NumParts
    expert_units: NonEmptyUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import BalancedWeights, Expert, Mix, Route, experts_of

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        scenario_weights: Tensor = encodings.scenario_weights  # (batch, S)
        num_tasks, num_scenarios = len(tasks), scenario_weights.shape[-1]
        e = self._connect_bottom(x, scenario_weights)  # (batch, units)
        experts = partial(self.networks, units=self.expert_units, layer_norm=True)
        # The outputs of the experts, (experts, batch, units) each
        f_outputs = experts(self.num_shared_experts, name="shared_experts")(e)  # F_i
        c_outputs = experts(
            num_scenarios, name="scenario_experts", num_scenarios=num_scenarios
        )(e)  # C_s
        p_outputs = experts(num_tasks, name="specific_experts")(e)  # P_t
        # z_ts of the row's scenario s, (tasks, batch, units)
        z = self._mix_shared_experts(e, scenario_weights, f_outputs, num_tasks)
        task_experts = [Expert(t) for t in range(num_tasks)]
        routes = [Route(t, task_experts) for t in range(num_tasks)]
        balance = BalancedWeights(routes, "experts of tasks", name="task_weights")
        z += Mix()(balance(e), p_outputs)  # alpha_T p_t
        # All tasks share one reader of the experts of scenarios.
        routes = [Route(None, experts_of("scenario", num_scenarios))]
        balance = BalancedWeights(
            routes, "experts of scenarios", name="scenario_weights"
        )
        z += Mix()(balance(e, scenario_weights), c_outputs)  # alpha_D c_s
        return z

    def _mix_shared_experts(
        self, e: Tensor, scenario_weights: Tensor, outputs: Tensor, num_tasks: int
    ) -> Tensor:
        """Returns sum_i g_ts(sg(e))_i F_i; `outputs` are F_i of all shared experts."""
        from keras import ops

        from mtl_cli.layers import Mix, Route, ScenarioGates, experts_of

        num_scenarios = scenario_weights.shape[-1]
        shared = experts_of(SHARED, self.num_shared_experts)
        # The gates of all scenarios for the first task come first.
        routes = [
            Route(t, shared) for t in range(num_tasks) for _ in range(num_scenarios)
        ]
        gates = self.gates(routes, name="of_scenarios")
        scenario_gates = ScenarioGates(gates, num_scenarios, name="gates")
        # g_ts(sg(e)), (tasks, batch, num_shared_experts)
        weights = scenario_gates(ops.stop_gradient(e), scenario_weights)
        return Mix()(weights, outputs)

    def _connect_bottom(self, x: Tensor, scenario_weights: Tensor) -> Tensor:
        """Connects the layers that compute e, `(batch, units)`."""
        from mtl_cli.layers import StarDense

        star = StarDense(1, self.star_units, self.l2, self.initializer, name="star")
        u = star(x, scenario_weights)  # (1, batch, star_units)
        bottom = self.networks(1, self.bottom_units, "bottom", layer_norm=True)
        skip = self.networks(1, self.bottom_units[-1:], "skip", layer_norm=True)
        return (bottom(u) + skip(x))[0]
