"""Towers in the star topology of STAR: shared weights times those of the scenario."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import TowerOf, Towers


class Star(Towers):
    """Towers all of whose layers have factors of each scenario.

        h_t^1    = z_t
        h_t^l+1  = relu(h_t^l (W_t^l * W_ts^l) + b_t^l + b_ts^l)    for l = 1 ... L
        y_t      = h_t^L+1 (W_t^L+1 * W_ts^L+1) + b_t^L+1 + b_ts^L+1 + a_t(x)

    s is the scenario of the row, and * the element-wise product. a_t is the auxiliary
    network of the task. It reads the embeddings and numbers of all features, those of
    the scenario too, and tells at once how the scenarios differ.

    Reference: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender
        for Multi-Domain CTR Prediction", CIKM 2021, sections 3.4 and 3.5.
    """

    reads_scenario: ClassVar[bool] = True

    auxiliary_units: Annotated[
        Units,
        Field(
            description="hidden widths of each task's auxiliary network; empty for no "
            "such network"
        ),
    ] = Field(default_factory=lambda: [32])

    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerOf],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        from mtl_cli.layers.parallel import kernel_options
        from mtl_cli.layers.star import StarDense, StarMLP
        from mtl_cli.layers.towers import alike, layer_name, of_tasks

        scenario = encodings.scenario
        logits: dict[int, Tensor] = {}
        for (units, width), tasks in alike([(t.units, t.num_logits) for t in towers]):
            h, num = of_tasks(hidden, tasks, len(towers)), len(tasks)
            if units:
                mlp = StarMLP(num, units, name=layer_name(tasks), **dense_options)
                h = mlp(h, scenario)
            y = StarDense(
                num,
                width,
                name=layer_name(tasks, "logits"),
                dtype="float32",
                **kernel_options(dense_options),
            )(h, scenario)
            logits |= {t: y[i] for i, t in enumerate(tasks)}
        if not self.auxiliary_units:
            return [logits[t] for t in range(len(towers))]
        added = self._auxiliary(towers, encodings.x, dense_options)
        return [logits[t] + added[t] for t in range(len(towers))]

    def _auxiliary(
        self,
        towers: Sequence[TowerOf],
        xs: list[Tensor],
        dense_options: dict[str, Any],
    ) -> dict[int, Tensor]:
        """Returns {task: logits of its auxiliary network a_t}.

        Args:
            towers: the tower of each task.
            xs: the embeddings and numbers of the rows, of one set of embeddings, or of
                one set for each task.
            dense_options: arguments of the hidden layers.
        """
        from keras import ops

        from mtl_cli.layers import ParallelDense, ParallelMLP
        from mtl_cli.layers.parallel import kernel_options
        from mtl_cli.layers.towers import alike, layer_name, of_tasks

        x = xs[0] if len(xs) < len(towers) else ops.stack(xs[: len(towers)])
        x = x[0] if len(xs) == 1 == len(towers) else x
        added: dict[int, Tensor] = {}
        for width, tasks in alike([t.num_logits for t in towers]):
            num, name = len(tasks), layer_name(tasks, "auxiliary")
            mlp = ParallelMLP(num, self.auxiliary_units, name=name, **dense_options)
            y = ParallelDense(
                num,
                width,
                name=f"{name}_logits",
                dtype="float32",
                **kernel_options(dense_options),
            )(mlp(of_tasks(x, tasks, len(towers))))
            added |= {t: y[i] for i, t in enumerate(tasks)}
        return added
