"""The base class of gates, and the key `model.gate` that names the kind of gates."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mtl_cli.core.options import (
    Options,
    Units,
    drop_keys_of_others,
    option_class,
    option_name,
)

if TYPE_CHECKING:
    from mtl_cli.layers import Routing

AXIS = "gates"
GateName = Annotated[
    str,
    option_name(AXIS),
    Field(
        description="the kind of gates, named by its file in `mtl_cli/gates`. The keys "
        "of the gates are keys of `model` too"
    ),
]


class Gate(Options):
    """A kind of gates: how the gates of a model weigh its experts.

    A subclass declares the keys of `model.*` that only its gates have.
    """

    def check(self, gate_units: Units) -> None:
        """Raises ValueError if the gates cannot have these hidden layers.

        Args:
            gate_units: widths of each gate's hidden layers.
        """

    @abstractmethod
    def layer(
        self, num: int, num_experts: int, units: Units, **kwargs: Any
    ) -> "Routing":
        """Builds a layer of gates from the arguments of `layers.Gates`.

        Args:
            num: number of gates.
            num_experts: number of experts that each gate weighs.
            units: widths of each gate's hidden layers.
            **kwargs: the other arguments of `layers.Gates`.
        """


def gates_named(name: str, keys: dict[str, Any]) -> Gate:
    """Builds the gates that `model.gate` names.

    Args:
        name: the value of `model.gate`: the name of a file in this folder.
        keys: {key: value} for all keys of `model.*` that any kind of gates declares.

    Raises:
        ValueError: if the value of a key of other gates is not its default, or if a
            value is wrong.
    """
    gate = option_class(AXIS, name, Gate)
    own_keys = drop_keys_of_others(keys, gate, AXIS, Gate, "model.gate")
    return gate.model_validate(own_keys)
