"""Towers in the star topology of STAR: shared weights times factors of a scenario."""

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

    s is the scenario of the row, and * the element-wise product. The auxiliary network
    a_t of the task reads the embeddings and numbers of all features. These include the
    scenario, so that its effect reaches the logit on a short way.

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
        from mtl_cli.layers.towers import (
            alike,
            connect_towers,
            layer_name,
            of_sets,
            of_tasks,
        )

        scenario = encodings.scenario
        logits: dict[int, Tensor] = {}
        for (units, width), tasks in alike([(t.units, t.num_logits) for t in towers]):
            h, num = of_tasks(hidden, tasks, len(towers)), len(tasks)
            if units:
                mlp = StarMLP(num, units, name=layer_name(tasks), **dense_options)
                h = mlp(h, scenario)
            outputs = StarDense(
                num,
                width,
                name=layer_name(tasks, "logits"),
                dtype="float32",
                **kernel_options(dense_options),
            )(h, scenario)
            logits |= {t: outputs[i] for i, t in enumerate(tasks)}
        y = [logits[t] for t in range(len(towers))]
        if not self.auxiliary_units:
            return y
        auxiliary = connect_towers(
            of_sets(encodings.x, len(towers)),
            [self.auxiliary_units] * len(towers),
            [t.num_logits for t in towers],
            suffix="auxiliary",
            **dense_options,
        )
        return [y_t + a_t for y_t, a_t in zip(y, auxiliary, strict=True)]
