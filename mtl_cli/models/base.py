"""The base class of sharing schemes: the keys and methods that every scheme has."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mtl_cli.core.options import (
    NotNegative,
    NumParts,
    Options,
    Share,
    Units,
    keys_of_options,
    option_class,
    option_name,
    option_names,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import Gate, gates_named
from mtl_cli.heads.base import Heads, Tasks, heads_named
from mtl_cli.towers.base import TowerOf, Towers, towers_named

Activation = Literal[
    "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "tanh"
]
Initializer = Literal[
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"
]


class Sharing(Options):
    """The base class of sharing schemes. The fields are keys of `conf/model/*.yaml`.

    A sharing scheme connects the encodings of a row to one hidden vector per task. A
    scheme with gates has the keys `gate_units` and `gate`, and takes its gates from
    `gate_option`.

    The equations of all schemes use the same letters:

        x    the encoding of a row: the output of the encoder, the input of `share`
        t    a task, one of the T tasks
        f    an expert or a bottom network
        g    a gate
        z_t  the hidden vector of task t: an output of `share`
        h_t  the tower of task t: every scheme has towers, see `layers/towers.py`
        y_t  the logits of task t: y_t = h_t(z_t)

    A scheme's docstring says which letters its paper writes. [a; b] is the list or
    vector a, followed by b. relu stands for `activation`. The heads compute the logits
    of all outputs from the logits of all tasks.

    Attributes:
        reads_scenario: whether `share` reads the scenario of a row. The data set then
            needs a scenario.
        name: name of the scheme's module.
        tower_units: hidden widths of each task's tower. A task's own `tower_units`
            takes precedence.
        activation: activation of every hidden layer.
        dropout: fraction of the hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on dense kernels.
        initializer: Keras initializer of the dense kernels.
        heads: name of the heads' file in `mtl_cli/heads`: `independent`; `esmm`, where
            pCTCVR = pCTR x pCVR; or `ordered`, with a penalty if a task is predicted
            above the task before it. The keys of the heads are keys of `model` too.
        towers: name of the towers' file in `mtl_cli/towers`: `independent`, or towers
            that read each other or single features. The keys of the towers are keys of
            `model` too.
        members: number of members of an ensemble; 1 is no ensemble. The members share
            one network, but each member scales the encoding by a vector of its own, has
            the last layer of each tower for itself, and has its own loss. A prediction
            is the mean over the members, see `layers/ensemble.py`.
    """

    model_config = ConfigDict(extra="allow")  # the keys of heads, gates and towers

    reads_scenario: ClassVar[bool] = False

    name: str
    tower_units: Units
    activation: Activation
    dropout: Share
    batch_norm: bool
    l2: NotNegative
    initializer: Initializer
    heads: Annotated[str, option_name("heads")]
    towers: Annotated[str, option_name("towers")] = "independent"
    members: NumParts = 1

    @model_validator(mode="after")
    def _check_keys_of_other_axes(self) -> "Sharing":
        _ = self.towers_option, self.heads_option  # raises an error if a key is wrong
        self.gate_option.check(getattr(self, "gate_units", []))
        return self

    @cached_property
    def heads_option(self) -> Heads:
        """The heads that the key `heads` names, validated with their keys."""
        keys = set(self.model_extra or {})
        keys -= keys_of_options("gates", Gate) | keys_of_options("towers", Towers)
        return heads_named(self.heads, self._extra(keys))

    @cached_property
    def towers_option(self) -> Towers:
        """The towers that the key `towers` names, validated with their keys."""
        return towers_named(self.towers, self._extra(keys_of_options("towers", Towers)))

    def towers_of(self, tasks: Tasks) -> list[TowerOf]:
        """Returns the description of each task's tower."""
        return [
            TowerOf(
                name,
                tuple(self.tower_units if t.tower_units is None else t.tower_units),
                t.num_logits,
                t.BINARY_LABELS,
            )
            for name, t in tasks.items()
        ]

    @cached_property
    def gate_option(self) -> Gate:
        """The gates that the key `gate` names, validated with their keys.

        A scheme without gates returns softmax gates but does not use them. The keys of
        other gates must then have their defaults.
        """
        keys = self._extra(keys_of_options("gates", Gate))
        return gates_named(getattr(self, "gate", "softmax"), keys)

    def _extra(self, keys: set[str]) -> dict[str, Any]:
        """Selects the values of some keys that the scheme itself does not declare."""
        return {k: v for k, v in (self.model_extra or {}).items() if k in keys}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the schema of all keys, with the keys of heads, gates and towers."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        axes: list[tuple[str, str, type[Options]]] = [
            ("heads", "heads", Heads),
            ("gate", "gates", Gate),
            ("towers", "towers", Towers),
        ]
        for selector, axis, base in axes:
            if selector not in schema["properties"]:
                continue
            schema["properties"][selector]["enum"] = option_names(axis)
            for name in option_names(axis):
                keys = option_class(axis, name, base).model_json_schema()
                schema["properties"] |= keys.get("properties", {})
        return schema | {"additionalProperties": False}

    def num_encodings(self, num_tasks: int) -> int:
        """Returns the number of encodings that `share` reads.

        Each encoding has embeddings of its own.
        """
        return 1

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the scheme's keys do not fit the tasks of the run."""

    def named_features(self) -> dict[str, list[str]]:
        """Returns the keys that name features, {key: the features}.

        For each key, `share` gets the vectors of the key's features after the
        encodings.
        """
        return {}

    @abstractmethod
    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        """Connects the encodings to the hidden vectors that the towers read.

        Args:
            encodings: a list of tensors. First come the encodings x, `num_encodings`
                tensors `(batch, dim)`. For each key of `named_features`, a tensor with
                the embeddings and dense values of the key's features follows, `(batch,
                columns)`. If the scheme reads the scenario, the last tensor is the
                weight of each scenario in each row, `(batch, scenarios)`: 1 for the
                scenario of the row, or equal weights if the scenario is unknown.
            tasks: the names of the T tasks, in order.

        Returns: the hidden vectors z_t, `(T, batch, units)`, or `(batch, units)` if
            all tasks have the same hidden vector.
        """

    @property
    def dense_options(self) -> dict[str, Any]:
        """The arguments of `ParallelMLP` that are the same for all hidden layers."""
        return {
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "l2": self.l2,
            "initializer": self.initializer,
        }


# The keys of `model` that mean the same for all models. Heads and towers may link
# tasks, and they have keys of their own.
COMMON_KEYS = frozenset(Sharing.model_fields) - {"name", "heads", "towers"}
