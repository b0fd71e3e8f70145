"""The base classes of sharing schemes: the keys and methods that every scheme has.

A sharing scheme is the part of a network between the encoder and the towers. Papers
call a whole network by this part, so `model=mmoe` chooses the sharing scheme MMoE.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.option_classes import option_name_validator
from mtl_cli.core.options import FractionBelowOne, NotNegative, NumParts, Options, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads, Tasks
from mtl_cli.models._inner_options import (
    GATES,
    HEADS,
    TOWERS,
    check_keys_are_known,
    with_keys_of_options,
)
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

    The docstrings of all schemes use these letters:

        x    the encoding of a row: an output of the encoder, an input of `share`
        t    a task, one of the T tasks
        f    an expert or a bottom network
        g    a gate
        z_t  the hidden vector of task t: an output of `share`
        h_t  the tower of task t, see `layers/towers.py`
        y_t  the logits of task t: y_t = h_t(z_t)

    [a; b] joins the lists or vectors a and b. relu stands for the function that the key
    `activation` chooses.

    Attributes:
        gate_reset_keys: keys of the scheme that decide what the gates' weights mean. If
            `start_from` names a run with another value of such a key, the gates start
            fresh.
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
        heads: name of a file in `mtl_cli/heads`: `independent`; `esmm`, where pCTCVR =
            pCTR x pCVR; `escm2`: `esmm` with an added loss of pCVR; `funnel`: `esmm`
            for any number of steps; or `ordered`, with a penalty on rows where a task
            is predicted above the task before it. The keys of the heads are keys of
            `model` too.
        towers: name of a file in `mtl_cli/towers`: `independent`, or towers that read
            each other, single features or the scenario. The keys of the towers are keys
            of `model` too.
        feature_factors: whether each network that reads features, such as an expert or
            a gate, multiplies each of them by a factor. The factors start at 1 and are
            trained with ten times the learning rate, so a network drops useless
            features soon. Networks that read interactions of features have no factors.
        members: number of members, the networks that a run trains side by side. The
            members share most weights. Each member has its own vector that scales the
            encoding, its own last layer in each tower, and its own loss. A prediction
            is the mean over the members, see `layers/members.py`.
    """

    model_config = ConfigDict(extra="allow")  # the keys of heads, gates and towers

    gate_reset_keys: ClassVar[tuple[str, ...]] = ()
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
    feature_factors: bool = False
    members: NumParts = 1

    def num_encodings(self, num_tasks: int) -> int:
        """Returns how many encodings `share` reads, each with embeddings of its own."""
        return 1

    def named_features(self) -> dict[str, list[str]]:
        """Returns {key of `model`: features}, for keys whose values name features."""
        return {}

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the scheme's keys do not fit the tasks of the run."""

    @abstractmethod
    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        """Computes the hidden vectors z_t of the T tasks from the encodings.

        `encodings.outputs` holds the encodings x, `num_encodings` tensors `(batch,
        dim)`.

        Returns: z_t, `(T, batch, units)`, or `(batch, units)` if all tasks have the
            same hidden vector.
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
        """Builds a layer of `num` networks; `options` override `dense_options`."""
        from mtl_cli.layers import ParallelMLP

        return ParallelMLP(num, units, name=name, **self.dense_options | options)

    def tower_specs(self, tasks: Tasks) -> list[TowerSpec]:
        specs = []
        for name, task in tasks.items():
            units = self.tower_units if task.tower_units is None else task.tower_units
            specs.append(
                TowerSpec(name, tuple(units), task.num_logits, task.BINARY_LABELS)
            )
        return specs

    @cached_property
    def heads_option(self) -> Heads:
        return HEADS.build(self.heads, self._extra_keys)

    @cached_property
    def towers_option(self) -> Towers:
        return TOWERS.build(self.towers, self._extra_keys)

    def inner_options(self) -> list[Options]:
        """Returns the chosen heads and towers, and the gates if there are any."""
        return [self.heads_option, self.towers_option]

    @model_validator(mode="after")
    def _check_extra_keys(self) -> "Sharing":
        check_keys_are_known(self._extra_keys)
        self.inner_options()  # raises an error if a value is wrong
        self._check_gates()
        return self

    def _check_gates(self) -> None:
        GATES.check_unused(self._extra_keys, type(self))  # this scheme has no gates

    @property
    def _extra_keys(self) -> dict[str, Any]:
        """{key: value} of the keys of heads, towers and gates."""
        return self.model_extra or {}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        schema = handler.resolve_ref_schema(schema)
        return with_keys_of_options(schema)


class GatedSharing(Sharing):
    """The base class of sharing schemes with gates.

    Attributes:
        gate_units: hidden widths of each gate; empty for linear gates.
        gate: name of a file in `mtl_cli/gates`, such as `softmax`. The keys of the
            gates are keys of `model` too.
    """

    gate_units: Units
    gate: Annotated[str, option_name_validator("gates")] = "softmax"

    @cached_property
    def gate_option(self) -> Gate:
        return GATES.build(self.gate, self._extra_keys)

    def inner_options(self) -> list[Options]:
        return [*super().inner_options(), self.gate_option]

    def gates(self, routes: Sequence["Route"], name: str) -> "Routing":
        """Builds a layer with one gate per route. Routes have equally many experts."""
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


# The keys that the single-task twin of a run keeps. Heads and towers may link tasks.
COMMON_KEYS = frozenset(Sharing.model_fields) - {"name", "heads", "towers"}
