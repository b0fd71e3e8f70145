"""PPNet: gates that scale what each layer of a tower reads, by prior features."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import TowerOf, Towers


class PPNet(Towers):
    """Towers whose layers read hidden vectors scaled by a gate.

        u        = [embeddings of the prior features; sg(x)]
        d_t^l    = 2 sigmoid(V_t^l relu(U^l u + c^l) + e_t^l)     for l = 1 ... L + 1
        h_t^1    = z_t
        h_t^l+1  = relu(W_t^l (d_t^l * h_t^l) + b_t^l)            for l = 1 ... L
        y_t      = W_t^L+1 (d_t^L+1 * h_t^L+1) + b_t^L+1

    sg stops gradients: a gate does not train the encoding x that it reads, but trains
    the embeddings of the prior features. * is the element-wise product. If each task
    has an encoding x_t of its own, its gate reads x_t, and has a U_t^l and c_t^l.

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023, equations 6 to 9.
    """

    prior_features: Annotated[
        list[str],
        Field(
            description="features of the user, the item and its author, by which the "
            "gates scale; an empty list is all features with embeddings"
        ),
    ] = Field(default_factory=list)
    prior_gate_units: Annotated[
        SomeUnits, Field(description="hidden widths of the gates")
    ] = Field(default_factory=lambda: [64])

    def named_features(self) -> dict[str, list[str]]:
        return {"prior_features": self.prior_features}

    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerOf],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers.towers import alike, of_sets, of_tasks

        priors = encodings.of_features(self.prior_features)
        pairs = zip(priors, encodings.outputs, strict=True)
        read = [ops.concatenate([p, ops.stop_gradient(x)], axis=-1) for p, x in pairs]
        u = of_sets(read, len(towers))
        names = encodings.columns if hidden is encodings.outputs[0] else []
        logits: dict[int, Tensor] = {}
        for (units, num_logits), tasks in alike(
            [(t.units, t.num_logits) for t in towers]
        ):
            logits |= self._connect_alike(
                of_tasks(hidden, tasks, len(towers)),
                of_tasks(u, tasks, len(towers)),
                tasks,
                (units, num_logits),
                names,
                **dense_options,
            )
        return [logits[t] for t in range(len(towers))]

    def _connect_alike(
        self,
        h: Tensor,
        u: Tensor,
        tasks: Sequence[int],
        shape: tuple[Sequence[int], int],
        names: Sequence[str],
        **dense_options: Any,
    ) -> dict[int, Tensor]:
        """Returns {task: logits} of towers of one shape.

        Args:
            h: the hidden vectors z_t, `(tasks, batch, dim)` or `(batch, dim)`.
            u: what the gates read, `(tasks, batch, dim)` or `(batch, dim)`.
            tasks: the numbers of the tasks.
            shape: the widths of the hidden layers, and the number of logits.
            names: the feature of each unit of h; empty if h does not hold features.
            **dense_options: arguments of the hidden layers.
        """
        from mtl_cli.layers import ParallelMLP, Route
        from mtl_cli.layers.gate_nu import GateNU, columns_of, units_of
        from mtl_cli.layers.towers import layer_name, logits_of

        units, num_logits = shape
        for layer in range(1, len(units) + 2):
            has_names = layer == 1 and len(names) == h.shape[-1]
            scaled = columns_of(names) if has_names else units_of("", h.shape[-1])
            gates = GateNU(
                len(tasks),
                h.shape[-1],
                self.prior_gate_units,
                num_hidden=1 if len(u.shape) == 2 else len(tasks),
                routes=[Route(t, scaled) for t in tasks],
                name=layer_name(tasks, f"layer_{layer}_priors"),
                **dense_options,
            )
            h = gates(u) * h  # d_t^l * h_t^l, (tasks, B, dim)
            if layer <= len(units):
                h = ParallelMLP(
                    len(tasks),
                    [units[layer - 1]],
                    name=layer_name(tasks, f"layer_{layer}"),
                    **dense_options,
                )(h)
        return logits_of(h, tasks, num_logits, dense_options)
