"""STAR's towers: shared weights are multiplied by factors of the row's scenario."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from mtl_cli.columns.encodings import Encodings, sets_of_tasks
from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Specs, Towers


class Star(Towers):
    """Towers whose layers have shared weights, and factors for each scenario.

        v_t^1     = z_t
        v_t^{l+1} = relu(v_t^l (W_t^l * W_ts^l) + b_t^l + b_ts^l)     for l = 1 ... L
        y_t       = v_t^{L+1} (W_t^{L+1} * W_ts^{L+1}) + b_t^{L+1} + b_ts^{L+1} + a_t(x)

    z_t is the hidden vector and y_t the logits of task t. v_t^l is the input of layer l
    of the tower. A tower has L hidden layers. s is the scenario of the row, and * the
    element-wise product. relu stands for `model.activation`. The auxiliary network a_t
    of task t reads x, the embeddings and dense values of all features, the scenario
    among them. The paper writes s_a for a_t(x), and s_m for y_t - a_t(x).

    Attributes:
        auxiliary_units: hidden widths of each task's auxiliary network; empty for no
            auxiliary networks.

    Reference: Sheng et al., CIKM 2021, sections 3.4 and 3.5, see `models/star.py`.
    """

    reads_scenario: ClassVar[bool] = True

    auxiliary_units: Units = Field(default_factory=lambda: [32])

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import StarDense, StarMLP
        from mtl_cli.layers.members import split_by_member
        from mtl_cli.layers.parallel import kernel_options
        from mtl_cli.layers.towers import (
            connect_by_widths,
            connect_towers,
            inputs_of_members,
            layer_name,
            select_tasks,
        )

        scenario_weights: Tensor = encodings.scenario_weights
        num_members = encodings.num_members

        def connect_stars(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
            *units, num_logits = widths
            num_towers = len(tasks)
            v = select_tasks(hidden, tasks)
            if units:
                name = layer_name(tasks)
                mlp = StarMLP(num_towers, units, name=name, **dense_options)
                v = mlp(v, scenario_weights)  # v_t^{L+1}, (tasks, batch, units)
            last_layers = StarDense(
                num_towers * num_members,
                num_logits,
                name=layer_name(tasks, "logits"),
                dtype="float32",
                **kernel_options(dense_options),
            )
            inputs = inputs_of_members(v, num_towers, num_members)
            # All members read the same rows.
            weights_of_member = split_by_member(scenario_weights, num_members)[0]
            # (num_towers * num_members, rows of a member, num_logits)
            y = last_layers(inputs, weights_of_member)
            return ops.reshape(y, (num_towers, -1, num_logits))

        y = connect_by_widths([tower.widths for tower in towers], connect_stars)
        if not self.auxiliary_units:
            return y
        auxiliary = connect_towers(
            sets_of_tasks(encodings.x, len(towers)),
            [(*self.auxiliary_units, tower.num_logits) for tower in towers],
            num_members,
            suffix="auxiliary",
            **dense_options,
        )
        return [y_t + a_t for y_t, a_t in zip(y, auxiliary, strict=True)]
