"""Independent towers: the tower of a task reads only the task's hidden vector."""

from typing import Any

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Specs, Towers


class Independent(Towers):
    """Each tower is a multi-layer perceptron h_t that reads only its task's vector.

        y_t = h_t(z_t)

    z_t is the hidden vector and y_t the logits of task t.
    """

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from mtl_cli.layers.towers import connect_towers

        return connect_towers(
            hidden,
            [tower.widths for tower in towers],
            encodings.num_members,
            **dense_options,
        )
