"""What every sharing scheme answers."""

from abc import abstractmethod
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, model_validator

from mtl_cli.core.options import (
    NotNegative,
    Options,
    Share,
    Units,
    option_class,
    option_name,
    option_names,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Heads, heads_named

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
        activation: activation of every hidden layer.
        dropout: share of hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on dense kernels.
        initializer: Keras initializer of the dense kernels.
        heads: the file of `mtl_cli/heads` that holds the heads: `independent`, or
            `esmm`, pCTCVR = pCTR x pCVR. The class of the heads declares their keys.
    """

    model_config = ConfigDict(extra="allow")  # the keys of the heads

    name: str
    tower_units: Units
    activation: Activation
    dropout: Share
    batch_norm: bool
    l2: NotNegative
    initializer: Initializer
    heads: Annotated[str, option_name("heads")]

    @model_validator(mode="after")
    def _check_keys_of_heads(self) -> "Sharing":
        _ = self.heads_option
        return self

    @cached_property
    def heads_option(self) -> Heads:
        """The chosen heads with their keys."""
        return heads_named(self.heads, self.model_extra or {})

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> Any:
        """Returns the schema of the scheme's keys and of the keys of all heads."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["properties"]["heads"]["enum"] = option_names("heads")
        for name in option_names("heads"):
            heads = option_class("heads", name, Heads)
            schema["properties"] |= heads.model_json_schema().get("properties", {})
        return schema | {"additionalProperties": False}

    def num_encodings(self, num_tasks: int) -> int:
        """Returns how many encodings the scheme reads, each with its own embeddings."""
        return 1

    @abstractmethod
    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
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
