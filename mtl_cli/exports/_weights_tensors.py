"""Names and describes the tensors of weights, for the export format `weights`."""

import re
from itertools import cycle
from typing import TYPE_CHECKING, Any

from mtl_cli.data.scenarios import network_scenario_names
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    from mtl_cli.layers.lookup import TableGroup
    from mtl_cli.network.network import Network


def describe_tensors(model: TrainedModel) -> dict[str, dict[str, Any]]:
    """Describes each tensor of weights: {name of the tensor: description}.

    The keys of a description:

    - `shape` and `dtype`.
    - `layer`: the class of the layer.
    - `purpose`: the first line of the docstring of that class.
    - `tables` and `sets`, only for embeddings, see `embedding_tables`.
    - `tasks`, only for towers and calibrations: their tasks.
    - `features`, only for factors of features: their names, in the order of the last
      axis.
    - `slices` and `experts`, only for networks that are computed side by side, such as
      experts, gates and towers, see `network_slices`.
    """
    from mtl_cli.network.parts import parse_layer_name

    networks = model.network.runs or [model.network]
    layers: dict[int, Any] = {}
    groups: dict[int, TableGroup] = {}
    for network in networks:
        layers |= layers_by_weight(network)
        groups |= groups_by_layer(network, model)
    calibrated_tasks = {
        id(layer): task
        for network in networks
        for task, layer in network.calibrations.items()
    }
    all_tasks = list(model.config.chosen_tasks)
    scenario_names = network_scenario_names(model.config.dataset, model.features)
    tensors = {}
    for name, weight in named_weights(model.network).items():
        layer = layers[id(weight)]
        description = {
            "shape": list(weight.shape),
            "dtype": str(weight.dtype),
            "layer": type(layer).__name__,
            "purpose": (type(layer).__doc__ or "").strip().partition("\n")[0],
        }
        if features := getattr(weight, "features", None):
            description["features"] = features
        part = parse_layer_name(layer.name, all_tasks)
        if id(layer) in calibrated_tasks:
            description["tasks"] = [calibrated_tasks[id(layer)]]
        elif part and part.kind == "towers":
            description["tasks"] = part.tasks
        tensors[name] = (
            description
            | embedding_tables(layer, groups, model)
            | network_slices(weight, layer, all_tasks, scenario_names)
        )
    return tensors


def network_slices(
    weight: Any, layer: Any, all_tasks: list[str], scenario_names: list[str]
) -> dict[str, Any]:
    """Names the networks whose weights lie side by side in one weight.

    A layer may compute several networks at once, such as the towers of all tasks. Each
    network has an entry of the weight's first axis. But networks that read the same
    vector share an entry: their weights lie side by side in its last axis.

    Returns: {} if all networks share the weight; otherwise the keys

        - `slices`: the names of the networks, in the order of the first axis, and then
          of the last axis: `click 2` is the second network of the task click, for
          instance the second member, and `click for scenario app` its network for a
          scenario.
        - `experts`, only for gates: {name of the gate: the experts that the columns of
          its last axis are for}, with the experts' names in `gates.json`.
    """
    from mtl_cli.layers import Routing
    from mtl_cli.network.owner_names import network_owners, network_scenarios
    from mtl_cli.network.parallel_networks import (
        ALL_NETWORKS,
        LAYERS_OF_NETWORKS,
        pieces_of,
    )
    from mtl_cli.network.parts import parse_layer_name

    if not isinstance(layer, (Routing, *LAYERS_OF_NETWORKS)):
        return {}
    part = parse_layer_name(layer.name, all_tasks)
    own_tasks = part.tasks if part else []
    owners = network_owners(layer, all_tasks, own_tasks)
    scenarios = network_scenarios(layer, len(owners), own_tasks)
    slices = []
    experts = {}
    for piece in pieces_of(layer):
        if piece.variable is not weight or piece.network == ALL_NETWORKS:
            continue
        name, scenario = owners[piece.network], scenarios[piece.network]
        if scenario is not None:
            name = f"{name} for scenario {scenario_names[scenario]}"
        slices.append(name)
        is_gate = isinstance(layer, Routing) and not layer.reports_owners
        if is_gate and piece.name in layer.variables_by_expert:
            route = layer.routes[piece.network // layer.networks_per_route]
            experts[name] = [expert.name(all_tasks) for expert in route.experts]
    keys = {"slices": slices, "experts": experts}
    return {key: names for key, names in keys.items() if names}


def named_weights(network: "Network") -> dict[str, Any]:
    """Returns {name: weight}, with the same names in every process.

    Keras names a layer without a name of its own after its class, and numbers all such
    layers of a process: `cross_net`, `cross_net_1`. These numbers are removed. If two
    weights then have the same name, the second ends in `_2`, the third in `_3`.

    In an ensemble of runs, the names of a run's weights begin with `run_1/`, `run_2/`.
    """
    if network.runs:
        return {
            f"run_{number}/{name}": weight
            for number, run in enumerate(network.runs, 1)
            for name, weight in named_weights(run).items()
        }
    layers = layers_by_weight(network)
    weights: dict[str, Any] = {}
    for weight in network.predictions.weights:
        layer = layers[id(weight)]
        layer_name = re.sub(r"_\d+$", "", layer.name)
        if layer_name.replace("_", "") != type(layer).__name__.lower():
            layer_name = layer.name  # the layer has a name of its own: `towers_0_1`
        inner_path = weight.path.removeprefix(layer.name)
        base = layer_name + re.sub(r"_\d+(?=/|$)", "", inner_path)
        name, number = base, 1
        while name in weights:
            number += 1
            name = f"{base}_{number}"
        weights[name] = weight
    return weights


def layers_by_weight(network: "Network") -> dict[int, Any]:
    """Returns {id of a weight: its layer} for the network of one run."""
    return {
        id(weight): layer
        for layer in network.predictions.layers
        for weight in layer.weights
    }


def groups_by_layer(network: "Network", model: TrainedModel) -> "dict[int, TableGroup]":
    """Returns {id of an embedding layer: its tables} for the network of one run.

    Encoders such as `deepfm` look up first-order weights too: vectors of length 1, in
    layers without names of their own. The encoder makes such a layer for each group of
    tables, for one set of embeddings after another.
    """
    from mtl_cli.layers import FusedEmbedding
    from mtl_cli.layers.lookup import table_groups
    from mtl_cli.network.parts import in_order_of_creation

    layout = model.features.layout
    dim = model.config.encoder.embedding_dim
    by_name = {group.layer: group for group in table_groups(layout, dim)}
    layers = [x for x in network.predictions.layers if isinstance(x, FusedEmbedding)]
    first_order = in_order_of_creation(x for x in layers if x.name not in by_name)
    groups = {id(x): by_name[x.name] for x in layers if x.name in by_name}
    return groups | {
        id(layer): group
        for layer, group in zip(first_order, cycle(table_groups(layout, 1)))
    }


def embedding_tables(
    layer: Any, groups: "dict[int, TableGroup]", model: TrainedModel
) -> dict[str, Any]:
    """Describes the tensor of an embedding layer; {} for any other layer.

    `groups` is the result of `groups_by_layer`. The keys of the description:

    - `tables`: {feature: [first row, row after the last]}, since one tensor holds the
      tables of several features, one below the other.
    - `sets`, only if tasks have embeddings of their own: the tasks and `shared`, in the
      order in which their vectors lie side by side in the last axis.
    """
    from mtl_cli.network.owner_names import embedding_owners

    if id(layer) not in groups:
        return {}
    rows_by_table = groups[id(layer)].rows_by_table
    tables = {name: [rows.start, rows.stop] for name, rows in rows_by_table.items()}
    if layer.num_sets == 1:
        return {"tables": tables}
    return {"tables": tables, "sets": embedding_owners(model.config)}
