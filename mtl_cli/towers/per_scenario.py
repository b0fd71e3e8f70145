"""A tower for each task and scenario: a row gets the logits of its own scenario."""

from collections.abc import Sequence
from typing import Any, ClassVar

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Specs, Towers


class PerScenario(Towers):
    """Each pair of a task and a scenario has a tower of its own.

    For a row of scenario s, z_t is the hidden vector and y_t the logits of task t. The
    tower of task t for scenario s has L hidden layers, and v_ts^l is the input of layer
    l. relu stands for `model.activation`.

        v_ts^1     = z_t
        v_ts^{l+1} = relu(layer norm(W_ts^l v_ts^l + b_ts^l))    for l = 1 ... L
        y_t        = W_ts^{L+1} v_ts^{L+1} + b_ts^{L+1}

    A row of an unknown scenario gets the mean of the logits over all scenarios. All
    towers are computed for all rows, so the cost grows with the number of scenarios.

    Reference: Zhang et al., "M3oE", SIGIR 2024, see `models/m3oe.py`.
    """

    reads_scenario: ClassVar[bool] = True

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import ParallelMLP
        from mtl_cli.layers.star import mean_over_scenarios
        from mtl_cli.layers.towers import (
            connect_by_widths,
            connect_last_layers,
            layer_name,
            select_tasks,
        )

        scenario_weights: Tensor = encodings.scenario_weights
        num_scenarios = scenario_weights.shape[-1]

        def connect_equal_towers(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
            *units, num_logits = widths
            # The towers of all scenarios for the first task come first.
            num_towers = len(tasks) * num_scenarios
            mlp = ParallelMLP(
                num_towers,
                units,
                layer_norm=True,
                num_scenarios=num_scenarios,
                name=layer_name(tasks),
                **dense_options,
            )
            v = mlp(select_tasks(hidden, tasks))  # v_ts^{L+1}
            # (num_towers, batch, num_logits)
            y = connect_last_layers(
                v,
                num_towers=num_towers,
                num_logits=num_logits,
                name=layer_name(tasks, "logits"),
                num_members=encodings.num_members,
                num_scenarios=num_scenarios,
                **dense_options,
            )
            by_scenario = ops.reshape(y, (len(tasks), num_scenarios, -1, num_logits))
            return mean_over_scenarios(by_scenario, scenario_weights)

        return connect_by_widths(
            [tower.widths for tower in towers], connect_equal_towers
        )
