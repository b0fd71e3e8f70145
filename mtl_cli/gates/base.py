"""The base class of gates."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from mtl_cli.core.options import Options, Units

if TYPE_CHECKING:
    from mtl_cli.layers import Routing


class Gate(Options):
    """A kind of gates: how the gates of a model weigh its experts.

    A subclass declares the keys of `model.*` that only its gates have.
    """

    def check(self, gate_units: Units) -> None:
        """Raises ValueError if the gates cannot have hidden layers of these widths."""

    @abstractmethod
    def layer(self, num: int, num_experts: int, **kwargs: Any) -> "Routing":
        """Builds a layer of gates. See `layers.Gates` for the arguments."""
