"""The names of the predictions that say how far an ensemble's members disagree."""

from mtl_cli.heads.base import Output

SUFFIX = "_std"


def spread_name(output: str) -> str:
    """Returns the name of the standard deviation of an output over the members."""
    return f"{output}{SUFFIX}"


def predicted_names(outputs: list[Output], num_members: int) -> dict[str, Output]:
    """Returns {prediction of a network: its output}; the spreads come last.

    Args:
        outputs: the outputs of the model.
        num_members: the key `model.members`.
    """
    by_name = {output.name: output for output in outputs}
    if num_members == 1:
        return by_name
    return by_name | {spread_name(name): o for name, o in by_name.items()}
