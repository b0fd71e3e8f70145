"""The keys of a run that starts from an earlier run."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from mtl_cli.core.options import Options

# The parts of a network. `network/parts.py` assigns each weight to a part.
Part = Literal["embeddings", "encoder", "experts", "gates", "towers"]
PARTS: tuple[Part, ...] = get_args(Part)


class StartFrom(Options):
    """An earlier run to start from, and what is frozen, reset or refitted.

    Attributes:
        run: folder of the finished run to start from. Training starts with the weights
            of that run, the vocabularies and scales of its features, and the state of
            its optimizer; null starts from nothing.
        freeze: parts of the network whose weights stay fixed in training:
            `embeddings`, `encoder`, `experts`, `gates`, `towers`.
        reset: parts of the network that start with random weights.
        refit: features that learn their vocabulary, scale or buckets from this run's
            training rows alone; their embeddings start with random weights.
    """

    run: Annotated[str, Field(min_length=1)] | None = None
    freeze: list[Part] = Field(default_factory=list)
    reset: list[Part] = Field(default_factory=list)
    refit: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> "StartFrom":
        for key in ("freeze", "reset", "refit"):
            if getattr(self, key) and self.run is None:
                raise ValueError(
                    f"{key}: without an earlier run there is nothing to {key}; add "
                    "start_from=RUN, or leave the key out"
                )
        for part in self.reset:
            if part in self.freeze:
                raise ValueError(
                    f"reset: {part} would stay at random weights, because "
                    f"start_from.freeze names it too; name {part} in one key only"
                )
        if set(self.freeze) == set(PARTS):
            raise ValueError(
                f"freeze: no part is left to train; remove one of {', '.join(PARTS)}"
            )
        return self
