"""Gates for each scenario: a row gets the weights of its own scenario's gates."""

from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Routing
from mtl_cli.layers.star import mean_over_scenarios


@register
class ScenarioGates(Routing):
    """Chooses, for each reader, the gate of the row's scenario.

    All gates are computed for all rows. A row of an unknown scenario gets the mean
    weights over all scenarios. If the gates have penalties, a row counts only in the
    penalties of its own scenario's gates. Call the layer as
    `ScenarioGates(...)(x, scenario_weights)`.

    Args:
        gates: the layer that computes all gates. The first `num_scenarios` gates belong
            to the first reader, the next `num_scenarios` to the second, and so on.
        num_scenarios: number of scenarios.

    Input shape: x as the layer `gates` reads it; and the weight of each scenario in
        each row, `(batch, scenarios)`, see `StarDense`.
    Output shape: `(readers, batch, experts)`.

    Example:
        >>> from mtl_cli.layers import Gates
        >>> x = keras.random.normal((5, 7))
        >>> scenario_weights = ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> gates = Gates(num=2 * 3, num_experts=4)
        >>> ScenarioGates(gates, num_scenarios=3)(x, scenario_weights).shape
        TensorShape([2, 5, 4])

    Reference: Zhang et al., "M3oE", SIGIR 2024, see `models/m3oe.py`.
    """

    def __init__(self, gates: Routing, num_scenarios: int, **kwargs: Any) -> None:
        # All gates of a reader have the same route.
        super().__init__(gates.routes[::num_scenarios], **kwargs)
        self.gates = gates
        self.num_scenarios = num_scenarios
        self.networks_per_route = num_scenarios
        self.variables_by_expert = gates.variables_by_expert
        self.reads_rows = gates.reads_rows

    def build(self, x_shape: Shape, scenario_weights_shape: Shape) -> None:
        if not self.gates.built:  # Keras itself builds the gates of a saved layer.
            self.gates.build(x_shape)

    def call(self, x: Tensor, scenario_weights: Tensor) -> Tensor:
        num_readers = len(self.routes)
        options = {}
        if self.gates.has_row_penalties:
            # 1 for the gates of the row's scenario, (readers * scenarios, batch)
            row_weights = ops.tile(ops.transpose(scenario_weights), (num_readers, 1))
            options = {"row_weights": row_weights}
        weights = self.gates(x, **options)  # (readers * scenarios, batch, experts)
        shape = (num_readers, self.num_scenarios, -1, weights.shape[-1])
        return mean_over_scenarios(ops.reshape(weights, shape), scenario_weights)

    def parts(self) -> dict[str, Any]:
        return self.gates.parts()

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        gates = keras.saving.serialize_keras_object(self.gates)
        return config | {"gates": gates, "num_scenarios": self.num_scenarios}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScenarioGates":
        gates = keras.saving.deserialize_keras_object(config["gates"])
        return cls(**config | {"gates": gates})
