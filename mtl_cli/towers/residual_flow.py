"""ResFlow: each hidden layer adds the result of the same layer in the tower before."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats
from mtl_cli.towers.base import Specs, Towers


class ResidualFlow(Towers):
    """The towers form a chain, in the order of the tasks t = 1 ... T.

        r_t^0 = z_t
        r_t^l = f_t^l(r_t^{l-1}) + r_{t-1}^l      for each hidden layer l = 1 ... L
        y_t   = W_t r_t^L + b_t + y_{t-1}

    z_t is the hidden vector and y_t the logits of task t. f_t^l is hidden layer l of
    the tower of task t, and r_t^l is the sum of this layer's output and the residual.
    There is no task before the first task, so r_0^l and y_0 are 0. For a binary task t,
    y_{t-1} stands for the logit of the last binary task before t. The logits of other
    tasks do not add y_{t-1}.

    Reference: Fu et al., "Residual Multi-Task Learner for Applied Ranking", KDD 2024.
        Differs from the paper in: tasks that are not binary are allowed; only logits of
        binary tasks are added. The authors' code has PReLU as the activation, and
        normalises the embeddings and the output of each activation by batch
        statistics. Here, `model.batch_norm` normalises before the activation.
    """

    def check(self, towers: Specs) -> None:
        first = towers[0]
        for tower in towers:
            if tower.units != first.units:
                raise ValueError(
                    "model.towers: residual_flow needs towers of equal widths, but "
                    f"task {first.task} has {[*first.units]} and task {tower.task} has "
                    f"{[*tower.units]}; remove tower_units from the tasks"
                )

    def last_biases(self, logits: list[Floats], towers: Specs) -> list[Floats]:
        biases = list(logits)
        for previous, t in binary_pairs(towers):  # the tower adds the previous logit
            biases[t] = logits[t] - logits[previous]
        return biases

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import ParallelMLP
        from mtl_cli.layers.towers import connect_logits, layer_name

        r = hidden  # r_t^0
        tasks = range(len(towers))
        for layer, width in enumerate(towers[0].units, start=1):
            name = layer_name(tasks, f"layer_{layer}")
            f = ParallelMLP(len(tasks), [width], name=name, **dense_options)
            # r_t^l = f_1^l(r_1^{l-1}) + ... + f_t^l(r_t^{l-1}), (T, batch, width)
            r = ops.cumsum(f(r), axis=0)
        logits = connect_logits(
            r,
            [tower.num_logits for tower in towers],
            encodings.num_members,
            **dense_options,
        )
        for previous, t in binary_pairs(towers):
            logits[t] += logits[previous]  # y_t
        return logits


def binary_pairs(towers: Specs) -> Iterator[tuple[int, int]]:
    """Yields (s, t) for each binary task t after s, the last binary task before t."""
    return pairwise(t for t, tower in enumerate(towers) if tower.is_binary)
