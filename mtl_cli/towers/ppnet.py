"""PPNet: gates that read prior features scale the input of each layer of a tower."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mtl_cli.columns.encodings import Encodings, sets_of_tasks
from mtl_cli.core.options import NonEmptyUnits
from mtl_cli.core.owners import HIDDEN
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Specs, Towers

if TYPE_CHECKING:
    from mtl_cli.layers import Expert


class PPNet(Towers):
    """Towers with a gate before each layer: its factors d scale the layer's input.

        u         = [embeddings of the prior features; sg(x)]
        d_t^l     = 2 sigmoid(V_t^l relu(U^l u + c^l) + c'_t^l)   for l = 1 ... L + 1
        v_t^1     = z_t
        v_t^{l+1} = relu(W_t^l (d_t^l * v_t^l) + b_t^l)           for l = 1 ... L
        y_t       = W_t^{L+1} (d_t^{L+1} * v_t^{L+1}) + b_t^{L+1}

    z_t is the hidden vector and y_t the logits of task t. v_t^l is the input of layer l
    of the tower. A tower has L hidden layers. x is the encoding of the row, and * the
    element-wise product. relu stands for `model.activation`. sg stops gradients: a gate
    does not train the encoding that it reads. U^l and c^l are shared by the tasks whose
    towers have the same widths, unless each task has an encoding x_t of its own.

    The paper writes O_prior for the embeddings of the prior features, O_ep for x, a
    crossed circle for sg, delta_task for d, H^(l) for v^l, O_pp^(l) for d^l * v^l, and
    gamma for the factor 2. In `layers/gate_nu.py`, W, b, W' and b' stand for U, c, V
    and c'.

    Attributes:
        prior_features: features that the gates read, such as the features of the user,
            the item and its author; empty for all features with embeddings.
        prior_gate_units: hidden widths of the gates.

    Reference: Chang et al., "PEPNet", KDD 2023, equations 7 to 9.
    """

    prior_features: list[str] = Field(default_factory=list)
    prior_gate_units: NonEmptyUnits = Field(default_factory=lambda: [64])

    def named_features(self) -> dict[str, list[str]]:
        return {"prior_features": self.prior_features}

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from mtl_cli.layers import ParallelMLP, experts_of
        from mtl_cli.layers.towers import (
            connect_by_widths,
            connect_last_layers,
            layer_name,
            select_tasks,
        )

        u_of_tasks = self._gate_inputs(encodings, num_tasks=len(towers))

        def connect_equal_towers(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
            *hidden_widths, num_logits = widths
            u = select_tasks(u_of_tasks, tasks)
            v = select_tasks(hidden, tasks)  # v_t^1
            units = names_of_input_units(hidden, encodings)
            for layer, width in enumerate(hidden_widths, start=1):
                d = self._factors(u, tasks, layer=layer, units=units, **dense_options)
                name = layer_name(tasks, f"layer_{layer}")
                mlp = ParallelMLP(len(tasks), [width], name=name, **dense_options)
                v = mlp(d * v)  # v_t^{l+1}, (tasks, batch, width)
                units = experts_of(HIDDEN, width)
            last = len(widths)  # L + 1
            d = self._factors(u, tasks, layer=last, units=units, **dense_options)
            return connect_last_layers(
                d * v,
                num_towers=len(tasks),
                num_logits=num_logits,
                name=layer_name(tasks, "logits"),
                num_members=encodings.num_members,
                **dense_options,
            )

        return connect_by_widths(
            [tower.widths for tower in towers], connect_equal_towers
        )

    def _gate_inputs(self, encodings: Encodings, num_tasks: int) -> Tensor:
        """Connects u, `(T, batch, dim)`, or `(batch, dim)` if the tasks share one x."""
        from keras import ops

        priors = encodings.of_features(self.prior_features)
        u = [
            ops.concatenate([prior, ops.stop_gradient(x)], axis=-1)
            for prior, x in zip(priors, encodings.outputs, strict=True)
        ]
        return sets_of_tasks(u, num_tasks)

    def _factors(
        self,
        u: Tensor,
        tasks: Sequence[int],
        layer: int,
        units: Sequence["Expert"],
        **dense_options: Any,
    ) -> Tensor:
        """Computes d_t^l of some tasks' towers, `(tasks, batch, units)`.

        u is `(tasks, batch, dim)` or `(batch, dim)`. `units` are the names of the units
        that the factors scale, for reports.
        """
        from mtl_cli.layers import GateNU, Route
        from mtl_cli.layers.towers import layer_name

        tasks_share_u = len(u.shape) == 2
        gates = GateNU(  # U^l, c^l: its hidden layer; V_t^l, c'_t^l: its last layer
            num=len(tasks),
            units=len(units),
            hidden_units=self.prior_gate_units,
            num_hidden=1 if tasks_share_u else len(tasks),
            routes=[Route(t, units) for t in tasks],
            name=layer_name(tasks, f"layer_{layer}_priors"),
            **dense_options,
        )
        return gates(u)


def names_of_input_units(hidden: Tensor, encodings: Encodings) -> "Sequence[Expert]":
    """Returns the names of the units of v_t^1, for reports.

    A unit has the name of its feature if the towers read x itself.
    """
    from mtl_cli.layers import experts_of
    from mtl_cli.layers.gate_nu import feature_units

    if encodings.outputs_are_x and hidden is encodings.outputs[0]:
        return feature_units(encodings.columns)
    return experts_of(HIDDEN, hidden.shape[-1])
