"""The base class of sharing schemes: the keys and methods that every scheme has."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

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
    """The keys of `conf/model/*.yaml`, and the layers that they describe.

    The equations of all schemes use the same letters:

        x    the encoding of a row: the output of the encoder, the input of `share`
        t    a task, one of T
        f    an expert or a bottom network
        g    a gate
        z_t  the hidden vector of task t: an output of `share`
        h_t  the tower of task t, which every scheme has: see `layers/towers.py`
        y_t  the logits of task t: y_t = h_t(z_t)

    From the logits of all tasks, the heads make the logits of all outputs.

    Attributes:
        name: name of the scheme's module.
        tower_units: hidden widths of each task's tower. A task's own `tower_units`
            takes precedence.
        activation: activation of every hidden layer.
        dropout: share of hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on dense kernels.
        initializer: Keras initializer of the dense kernels.
        heads: the heads, named by their file in `mtl_cli/heads`: `independent`, or
            `esmm`, pCTCVR = pCTR x pCVR. The keys of the heads are keys of `model` too.
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
        _ = self.heads_option  # raises an error if a key is wrong
        return self

    @cached_property
    def heads_option(self) -> Heads:
        """The heads that the key `heads` names, with their keys."""
        return heads_named(self.heads, self.model_extra or {})

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the JSON schema of the scheme's keys and the keys of all heads."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["properties"]["heads"]["enum"] = option_names("heads")
        for name in option_names("heads"):
            heads = option_class("heads", name, Heads)
            schema["properties"] |= heads.model_json_schema().get("properties", {})
        return schema | {"additionalProperties": False}

    def num_encodings(self, num_tasks: int) -> int:
        """Returns the number of encodings that `share` reads.

        Each encoding has embeddings of its own.
        """
        return 1

    @abstractmethod
    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        """Connects the encodings to the hidden vectors, which the towers read.

        Args:
            encodings: the encodings x, `num_encodings` tensors of shape `(batch, dim)`.
            tasks: the names of the T tasks, in order.

        Returns: the hidden vectors z_t, `(T, batch, units)`, or `(batch, units)` if
            all tasks have the same hidden vector.
        """

    @property
    def dense_options(self) -> dict[str, Any]:
        """The arguments of `ParallelMLP` that all hidden layers have in common."""
        return {
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "l2": self.l2,
            "initializer": self.initializer,
        }
