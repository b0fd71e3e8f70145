"""Measures how the gates of a network use its experts."""

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Table
from mtl_cli.network.network import Network
from mtl_cli.scoring.gate_records import GateUsage
from mtl_cli.scoring.gate_usage import summarize_gates
from mtl_cli.scoring.gate_weights import measure_gate_weights


def measure_gate_usage(
    network: Network, config: Config, table: Table
) -> GateUsage | None:
    """Returns how the gates weigh the experts; None for a network without gates."""
    weights = measure_gate_weights(network, list(config.chosen_tasks), table)
    return None if weights is None else summarize_gates(weights)
