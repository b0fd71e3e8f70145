"""What every sharing scheme answers."""

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

    A scheme turns the encoder's output into one hidden vector for each task. Every
    scheme has towers, which turn the vectors into logits, and heads, which turn the
    logits into predictions.

    Attributes:
        name: name of the scheme's module.
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
        """Returns how many encodings the scheme reads, each with its own embeddings."""
        return 1

    @abstractmethod
    def share(self, encodings: list[Any], num_tasks: int) -> Any:
        """Connects encodings to the towers.

        Args:
            encodings: `num_encodings` tensors of shape `(batch, dim)`.
            num_tasks: number of tasks, T.

        Returns: the hidden vectors `(T, batch, units)`, or `(batch, units)` if the
            towers of all tasks read the same vector.
        """

    @property
    def dense_options(self) -> dict[str, Any]:
        """The arguments of every hidden layer of the model."""
        return {
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "l2": self.l2,
            "initializer": self.initializer,
        }
