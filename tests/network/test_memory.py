"""A network whose weights do not fit the memory is refused before they are made."""

import pytest
from helpers.networks import network
from helpers.slow import slow_except

from mtl_cli.core.errors import ConfigError
from mtl_cli.network import build


@pytest.mark.parametrize(
    "model", slow_except(["model=mmoe"], ["model=mmoe", "model=ple", "encoder=dcn"])
)
def test_network_needs_twice_the_bytes_of_its_weights(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = network(model).predictions.weights
    num_bytes = sum(4 * weight.shape.num_elements() for weight in weights)
    # Layers without `add_weight`, such as dropout, hold a few bytes.
    monkeypatch.setattr(build, "memory_bytes", lambda: 2 * num_bytes)
    network(model)
    monkeypatch.setattr(build, "memory_bytes", lambda: 2 * num_bytes - 1000)
    with pytest.raises(ConfigError, match="model: the weights need more than 0 GiB, "):
        network(model)


def test_weights_above_the_memory_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="half of the memory of this machine; take"):
        network("model.tower_units=[100000,3000000]")
