"""PPNet: gates that read prior features scale the input of each layer of a tower."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mtl_cli.columns.encodings import Encodings, sets_of_tasks
from mtl_cli.core.options import SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Towers, TowerSpec


class PPNet(Towers):
    """Towers with a gate before each layer: its factors d scale the layer's input.

        u         = [embeddings of the prior features; sg(x)]
        d_t^l     = 2 sigmoid(V_t^l relu(U^l u + c^l) + c'_t^l)   for l = 1 ... L + 1
        v_t^1     = z_t
        v_t^{l+1} = relu(W_t^l (d_t^l * v_t^l) + b_t^l)           for l = 1 ... L
        y_t       = W_t^{L+1} (d_t^{L+1} * v_t^{L+1}) + b_t^{L+1}

    z_t is the hidden vector of task t, v_t^l the input of layer l of its tower, and y_t
    its logits. The tower has L hidden layers. x is the encoding of the row, and * the
    element-wise product. relu stands for `model.activation`. sg stops gradients: a gate
    does not train the encoding that it reads, but trains the embeddings of the prior
    features. If each task has an encoding x_t of its own, the gates of task t read x_t
    and have their own U_t^l and c_t^l.

    The paper writes O_prior for the embeddings of the prior features, which are those
    of the user F_u, the item F_i and the author F_a. O_ep is x in the paper, a crossed
    circle sg, delta_task d, H^(l) v^l, O_pp^(l) d^l * v^l, and gamma 2. U, c, V and c'
    are W, b, W' and b' in the paper's Gate NU, `layers/gate_nu.py`.

    Attributes:
        prior_features: features that the gates read, such as those of the user, the
            item and its author; empty for all features with embeddings.
        prior_gate_units: hidden widths of the gates.

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023, equations 7 to 9.
    """

    prior_features: list[str] = Field(default_factory=list)
    prior_gate_units: SomeUnits = Field(default_factory=lambda: [64])

    def named_features(self) -> dict[str, list[str]]:
        return {"prior_features": self.prior_features}

    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerSpec],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers.towers import (
            connect_by_widths,
            connect_last_layers,
            layer_name,
            select_tasks,
        )

        priors = encodings.of_features(self.prior_features)
        pairs = zip(priors, encodings.outputs, strict=True)
        gate_inputs = [
            ops.concatenate([prior, ops.stop_gradient(x)], axis=-1)
            for prior, x in pairs
        ]  # u of each encoding, (batch, dim)
        u = sets_of_tasks(gate_inputs, len(towers))
        # If the towers read x, reports can name the inputs of the first layer.
        reads_x = encodings.outputs_are_x and hidden is encodings.outputs[0]
        features = encodings.columns if reads_x else []

        def connect_gated(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
            *units, num_logits = widths
            v = self._connect_hidden(
                select_tasks(hidden, tasks),
                select_tasks(u, tasks),
                tasks,
                units,
                features,
                **dense_options,
            )
            return connect_last_layers(
                v,
                len(tasks),
                num_logits,
                layer_name(tasks, "logits"),
                encodings.num_members,
                **dense_options,
            )

        return connect_by_widths([tower.widths for tower in towers], connect_gated)

    def _connect_hidden(
        self,
        v: Tensor,
        u: Tensor,
        tasks: Sequence[int],
        units: Sequence[int],
        features: Sequence[str],
        **dense_options: Any,
    ) -> Tensor:
        """Connects the gates and hidden layers of towers of equal widths, side by side.

        Args:
            v: the hidden vectors z_t, `(tasks, batch, dim)` or `(batch, dim)`.
            u: the input of the gates, `(tasks, batch, dim)` or `(batch, dim)`.
            tasks: the indices of the tasks.
            units: the widths of the hidden layers.
            features: the feature of each unit of v; empty if v does not hold features.
            **dense_options: arguments of the hidden layers.

        Returns: d_t^{L+1} * v_t^{L+1}, the input of the last layer of each tower,
            `(tasks, batch, dim)`.
        """
        from mtl_cli.layers import ParallelMLP, Route
        from mtl_cli.layers.gate_nu import GateNU, feature_units, unnamed_units
        from mtl_cli.layers.towers import layer_name

        # Layer L + 1 is the last layer. Here, only its input is scaled.
        for layer in range(1, len(units) + 2):
            dim = v.shape[-1]
            reads_features = layer == 1 and bool(features)
            scaled = feature_units(features) if reads_features else unnamed_units(dim)
            gates = GateNU(
                len(tasks),
                dim,
                self.prior_gate_units,
                num_hidden=1 if len(u.shape) == 2 else len(tasks),
                routes=[Route(t, scaled) for t in tasks],
                name=layer_name(tasks, f"layer_{layer}_priors"),
                **dense_options,
            )
            v = gates(u) * v  # d_t^l * v_t^l, (tasks, batch, dim)
            if layer <= len(units):
                v = ParallelMLP(
                    len(tasks),
                    [units[layer - 1]],
                    name=layer_name(tasks, f"layer_{layer}"),
                    **dense_options,
                )(v)
        return v
