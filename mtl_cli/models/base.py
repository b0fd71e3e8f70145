"""What every sharing scheme has in common."""

from abc import abstractmethod
from typing import Any, Literal

from mtl_cli.core.options import NotNegative, Options, Share, Units

Activation = Literal[
    "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "tanh"
]
Initializer = Literal[
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"
]


class Sharing(Options):
    """The keys of `conf/model/*.yaml`, and the network that they describe.

    A scheme turns the encoder's output into one hidden vector a task. Towers, which
    every scheme has, turn those into one logit a task; heads turn logits into
    predictions.

    Attributes:
        name: the module that holds the scheme.
        tower_units: widths of each task's tower, unless the task has its own.
        activation: of every hidden layer.
        dropout: share of hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on dense kernels.
        initializer: of dense kernels.
        heads: `independent`, or `esmm`: pCTCVR = pCTR x pCVR.
        click_task: ESMM's click task; null is the first.
        conversion_task: ESMM's click-and-conversion task; null is the second.
    """

    name: str
    tower_units: Units
    activation: Activation
    dropout: Share
    batch_norm: bool
    l2: NotNegative
    initializer: Initializer
    heads: Literal["independent", "esmm"]
    click_task: str | None
    conversion_task: str | None

    def num_encodings(self, num_tasks: int) -> int:
        """Returns how many encodings, each with its own embeddings, it reads."""
        return 1

    @abstractmethod
    def share(self, encodings: list[Any], num_tasks: int) -> Any:
        """Connects encodings to the towers.

        Args:
            encodings: `num_encodings` tensors of shape `(batch, dim)`.
            num_tasks: how many tasks, T.

        Returns: what the towers read: `(T, batch, units)`, or `(batch, units)` if
            it is the same for all tasks.
        """

    @property
    def dense_options(self) -> dict[str, Any]:
        """The options that every hidden layer of the model takes."""
        return {
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "l2": self.l2,
            "initializer": self.initializer,
        }
