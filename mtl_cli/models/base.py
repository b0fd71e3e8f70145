"""The base classes of sharing schemes: the keys and methods that every scheme has.

A sharing scheme is the part of a network between the encoder and the towers. Each file
of the package `models` holds the class of one scheme, a subclass of `Sharing`. The key
`model` of a configuration names this file, because papers call a whole network by its
sharing scheme: `model=mmoe`. The keys of the scheme are in the section `model` too.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.option_classes import (
    build_option,
    keys_of_options,
    option_name_validator,
    without_keys_of_other_options,
)
from mtl_cli.core.options import FractionBelowOne, NotNegative, NumParts, Options, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads, Tasks
from mtl_cli.models._json_schema import with_keys_of_options
from mtl_cli.towers.base import Towers, TowerSpec

if TYPE_CHECKING:
    from mtl_cli.layers import ParallelMLP, Route, Routing

Activation = Literal[
    "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "tanh"
]
Initializer = Literal[
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"
]


class Sharing(Options):
    """The base class of sharing schemes. The fields are keys of `conf/model/*.yaml`.

    A sharing scheme connects the encodings of a row to one hidden vector per task. The
    equations of all schemes use the same letters:

        x    the encoding of a row: an output of the encoder, an input of `share`
        t    a task, one of the T tasks
        f    an expert or a bottom network
        g    a gate
        z_t  the hidden vector of task t: an output of `share`
        h_t  the tower of task t: every scheme has towers, see `layers/towers.py`
        y_t  the logits of task t: y_t = h_t(z_t)

    If the paper of a scheme writes other letters, the scheme's docstring lists them.
    [a; b] is a list or vector that holds the elements of a, then the elements of b. A
    relu in an equation is the activation function that the key `activation` chooses.
    The heads turn the logits of all tasks into the logits of all outputs.

    Attributes:
        gate_keys: names of the keys on which the meaning of the gates' weights depends:
            with another value, a run cannot go on with the weights of an earlier run.
        reads_scenario: whether `share` reads the scenario of a row. If so, the data set
            needs the key `scenario`.
        name: name of the scheme's module.
        tower_units: hidden widths of each task's tower. A task's own `tower_units`
            takes precedence.
        activation: activation of every hidden layer.
        dropout: fraction of the hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on dense kernels.
        initializer: Keras initializer of the dense kernels.
        heads: name of the heads' file in `mtl_cli/heads`: `independent`; `esmm`, where
            pCTCVR = pCTR x pCVR; `escm2`: `esmm` with an added loss of pCVR; `funnel`:
            `esmm` for any number of steps; or `ordered`, with a penalty on rows where a
            task is predicted above the task before it. The keys of the heads are keys
            of `model` too.
        towers: name of the towers' file in `mtl_cli/towers`: `independent`, or towers
            that read each other, single features or the scenario. The keys of the
            towers are keys of `model` too.
        members: number of members, the networks that a run trains side by side. The
            members share most weights. Each member has its own vector that scales the
            encoding, its own last layer in each tower, and its own loss. A prediction
            is the mean over the members, see `layers/members.py`.
    """

    model_config = ConfigDict(extra="allow")  # the keys of heads, gates and towers

    gate_keys: ClassVar[tuple[str, ...]] = ()
    reads_scenario: ClassVar[bool] = False

    name: str
    tower_units: Units
    activation: Activation
    dropout: FractionBelowOne
    batch_norm: bool
    l2: NotNegative
    initializer: Initializer
    heads: Annotated[str, option_name_validator("heads")]
    towers: Annotated[str, option_name_validator("towers")] = "independent"
    members: NumParts = 1

    def num_encodings(self, num_tasks: int) -> int:
        """Returns the number of encodings that `share` reads.

        Each encoding has embeddings of its own.
        """
        return 1

    def named_features(self) -> dict[str, list[str]]:
        """Returns the features that keys of `model` name: {key: the features}.

        If the data set lacks one of these features, the user gets an error.
        """
        return {}

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the scheme's keys do not fit the tasks of the run."""

    @abstractmethod
    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        """Connects the encodings to the hidden vectors that the towers read.

        Args:
            encodings: `encodings.outputs` holds the encodings x, `num_encodings`
                tensors `(batch, dim)`. A scheme may also read the vectors of single
                features, `encodings.of_features`, and the scenario of each row,
                `encodings.scenario_weights`.
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

    def networks(
        self, num: int, units: Sequence[int], name: str, **options: Any
    ) -> "ParallelMLP":
        """Builds `num` networks side by side; `options` override `dense_options`."""
        from mtl_cli.layers import ParallelMLP

        return ParallelMLP(num, units, name=name, **self.dense_options | options)

    def tower_specs(self, tasks: Tasks) -> list[TowerSpec]:
        """Returns the description of each task's tower."""
        return [
            TowerSpec(
                name,
                tuple(self.tower_units if t.tower_units is None else t.tower_units),
                t.num_logits,
                is_binary=t.BINARY_LABELS,
            )
            for name, t in tasks.items()
        ]

    @cached_property
    def heads_option(self) -> Heads:
        """The heads that the key `heads` names, validated with their keys."""
        # `model_extra` holds all keys that are no fields: the keys of heads, gates and
        # towers. An unknown key is passed to the heads, and the heads refuse it.
        others = self._keys_of("gates", Gate) | self._keys_of("towers", Towers)
        extra = self.model_extra or {}
        keys = {key: value for key, value in extra.items() if key not in others}
        return build_option("heads", self.heads, Heads, keys, "model.heads")

    @cached_property
    def towers_option(self) -> Towers:
        """The towers that the key `towers` names, validated with their keys."""
        keys = self._keys_of("towers", Towers)
        return build_option("towers", self.towers, Towers, keys, "model.towers")

    @model_validator(mode="after")
    def _check_heads_towers_and_gates(self) -> "Sharing":
        _ = self.towers_option, self.heads_option  # raises an error if a key is wrong
        self._check_gates()
        return self

    def _check_gates(self) -> None:
        """Raises an error if a key of gates differs from its default.

        The key would have no effect, because this scheme has no gates.
        """
        keys = self._keys_of("gates", Gate)
        without_keys_of_other_options(keys, type(self), "gates", Gate, "model.gate")

    def _keys_of(self, axis: str, base: type[Options]) -> dict[str, Any]:
        """Selects the keys in `model` that some class in the folder `axis` declares."""
        keys, extra = keys_of_options(axis, base), self.model_extra or {}
        return {key: value for key, value in extra.items() if key in keys}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the schema of all keys, with the keys of heads, gates and towers."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        schema = handler.resolve_ref_schema(schema)
        return with_keys_of_options(schema)


class GatedSharing(Sharing):
    """The base class of sharing schemes with gates.

    Attributes:
        gate_units: hidden widths of each gate; empty for linear gates.
        gate: name of the gates' file in `mtl_cli/gates`, such as `softmax`. The keys of
            the gates are keys of `model` too.
    """

    gate_units: Units
    gate: Annotated[str, option_name_validator("gates")] = "softmax"

    @cached_property
    def gate_option(self) -> Gate:
        """The gates that the key `gate` names, validated with their keys."""
        keys = self._keys_of("gates", Gate)
        return build_option("gates", self.gate, Gate, keys, "model.gate")

    def gates(self, routes: Sequence["Route"], name: str) -> "Routing":
        """Builds one gate for each route. All routes have equally many experts."""
        return self.gate_option.layer(
            len(routes),
            len(routes[0].experts),
            units=self.gate_units,
            routes=routes,
            name=name,
            **self.dense_options,
        )

    def _check_gates(self) -> None:
        self.gate_option.check(self.gate_units)


# Keys of `model` that have the same meaning for every sharing scheme. The single-task
# twin of a run (the run's configuration, for one task) keeps the values of these keys.
# The twin has neither the heads nor the towers of the run, as these may link tasks.
COMMON_KEYS = frozenset(Sharing.model_fields) - {"name", "heads", "towers"}
