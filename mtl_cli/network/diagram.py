"""Lists the nodes of a network, from inputs to outputs, for a drawing."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import keras

from mtl_cli.core.message_text import counted
from mtl_cli.layers import (
    FusedEmbedding,
    GateNU,
    Mix,
    ParallelDense,
    ParallelMLP,
    Routing,
)
from mtl_cli.network.parts import parse_layer_name
from mtl_cli.pages.network_chart import Node

# Keras' record of one call of an operation; its class is private.
Call = Any

# If a network has more outputs than this, a single node represents all outputs.
MAX_OUTPUTS = 4
# If a layer serves more tasks than this, its title shows how many, not their names.
MAX_TASKS_IN_TITLE = 3


def nodes_of(model: keras.Model, tasks: Sequence[str]) -> list[Node]:
    """Returns the nodes of a functional model that returns {output: logits}.

    Each node comes after the nodes that it reads. Layers with weights, gates, mixtures
    of experts, inputs, outputs and the heads' products of outputs become nodes. Other
    operations, such as a concatenation, become lines between nodes. A sum of mixtures
    is one node; the mixtures that it sums have no nodes. A layer that is connected
    several times becomes one node for each of its calls.
    """
    nodes: list[Node] = []
    calls = calls_of(model)
    call_of = calls_by_output(calls)
    inputs = inputs_of_calls(calls, call_of)
    sums = [call for call in calls if is_sum_of_mixtures(call, inputs)]
    summands = {source for call in sums for source in inputs[call]}
    # {call: where lines from the call's result start}: the node of the call or, if the
    # call has no node, the nodes that the call reads.
    origins: dict[Call, list[int]] = {}
    for call in calls:
        sources = without_repetitions(origins[source] for source in inputs[call])
        is_node = call in sums or becomes_node(call.operation)
        if is_node and call not in summands:
            nodes.append(node_of(call.operation, tasks, sources))
            sources = [len(nodes) - 1]
        origins[call] = sources
    # Several outputs can come from one call, such as the results of `keras.ops.split`.
    output_calls = {name: call_of[id(tensor)] for name, tensor in model.output.items()}
    if len(model.output) > MAX_OUTPUTS:
        sources = without_repetitions(origins[call] for call in output_calls.values())
        return [*nodes, Node(f"{len(model.output)} outputs", "", "output", sources)]
    positions: dict[Call, int] = {}  # the position in `nodes` of a call's first output
    for name in sorted(output_calls, key=lambda name: calls.index(output_calls[name])):
        call = output_calls[name]
        sources = origins[call]
        if factors := factors_of_product(call, inputs, set(output_calls.values())):
            nodes.append(Node("Π", "", "sum", [positions[x] for x in factors]))
            sources = [len(nodes) - 1]
        nodes.append(Node(name, "", "output", sources))
        positions.setdefault(call, len(nodes) - 1)
    return nodes


def factors_of_product(
    call: Call, inputs: dict[Call, list[Call]], output_calls: Collection[Call]
) -> list[Call]:
    """Returns the calls of the outputs that an output is the product of.

    For example, the probability pCTCVR of the heads `esmm` is the product of the
    outputs pCTR and pCVR. The list is empty if the output of `call` is no product.
    """
    factors: list[Call] = []
    is_product = False
    to_visit = [call]
    while to_visit:
        visited = to_visit.pop()
        # The heads compute the logit of a product with this operation, see
        # `heads/_chain.py`.
        is_product |= type(visited.operation).__name__ == "Logsumexp"
        for source in inputs[visited]:
            if source in output_calls:
                factors.append(source)
            elif not becomes_node(source.operation):
                to_visit.append(source)
    return list(dict.fromkeys(factors)) if is_product else []


def calls_by_output(calls: Sequence[Call]) -> dict[int, Call]:
    """Returns {`id` of a tensor: the call that computes the tensor}."""
    # Not `tensor._keras_history`: its call may belong to another model of the same
    # tensors, and `training.step` makes such models.
    return {id(tensor): call for call in calls for tensor in call.output_tensors}


def inputs_of_calls(
    calls: Sequence[Call], call_of: dict[int, Call]
) -> dict[Call, list[Call]]:
    """Returns {call: the calls whose results this call reads, without repetitions}.

    `call_of` comes from `calls_by_output`.
    """
    return {
        call: list(dict.fromkeys(call_of[id(tensor)] for tensor in call.input_tensors))
        for call in calls
    }


def without_repetitions(lists: Iterable[list[int]]) -> list[int]:
    """Joins lists of nodes, and keeps each node once."""
    return list(dict.fromkeys(itertools.chain(*lists)))


def becomes_node(operation: keras.Operation) -> bool:
    """Whether an operation becomes a node, unless a sum of mixtures contains it."""
    has_weights = isinstance(operation, keras.Layer) and bool(operation.weights)
    return has_weights or isinstance(operation, keras.layers.InputLayer | Mix | Routing)


def calls_of(model: keras.Model) -> list[Call]:
    """Returns the calls of a model's operations, each after the calls that it reads.

    A layer that is connected several times, such as a layer that all tasks share, has
    several calls.
    """
    positions = {operation: i for i, operation in enumerate(model.operations)}
    calls: list[Call] = []
    for _, same_depth in sorted(model._nodes_by_depth.items(), reverse=True):
        calls += sorted(same_depth, key=lambda call: positions[call.operation])
    return calls


def is_sum_of_mixtures(call: Call, inputs: dict[Call, list[Call]]) -> bool:
    """Whether a call adds mixtures, such as PLE's specific and shared experts."""
    sources = inputs[call]
    is_addition = type(call.operation).__name__ == "Add" and len(sources) > 1
    return is_addition and all(
        isinstance(source.operation, Mix) or is_sum_of_mixtures(source, inputs)
        for source in sources
    )


def node_of(
    operation: keras.Operation, tasks: Sequence[str], sources: list[int]
) -> Node:
    """Describes an operation as a node; `sources` are the nodes that it reads."""
    title = title_of(operation.name, tasks)
    if isinstance(operation, keras.layers.InputLayer):
        sizes = counted(operation.output.shape[-1], "column")
        return Node(title, sizes, "input", sources)
    if isinstance(operation, Mix) or not isinstance(operation, keras.Layer):
        return Node("Σ", "", "sum", sources)  # a mixture, or a sum of mixtures
    if isinstance(operation, Routing):
        noun = operation.expert_noun
        if isinstance(operation, GateNU) and not operation.reports_owners:
            noun = "expert"  # such as POSO's gate of experts
        sizes = f"over {counted(operation.output.shape[-1], noun)}"
        return Node(title, sizes, "gate", sources)
    if isinstance(operation, FusedEmbedding):
        num_rows = counted(sum(operation.vocabulary_sizes), "row")
        sizes = f"{num_rows} of {operation.embedding_dim * operation.num_sets}"
    elif isinstance(operation, ParallelMLP):
        widths = " → ".join(map(str, operation.units)) or "no hidden layer"
        sizes = f"{counted(operation.num, 'network')} of {widths}"
    elif isinstance(operation, ParallelDense):
        sizes = f"{counted(operation.num, 'layer')} of {operation.units}"
    else:
        sizes = counted(operation.count_params(), "weight")
    return Node(title, sizes, "layer", sources)


def title_of(layer_name: str, tasks: Sequence[str]) -> str:
    """Returns the title of a node, such as `towers of click, buy`."""
    name = parse_layer_name(layer_name, tasks)
    if name is None:
        return layer_name.replace("_", " ")
    owners = f"{len(name.tasks)} tasks"
    if len(name.tasks) <= MAX_TASKS_IN_TITLE:
        owners = ", ".join(name.tasks)
    return f"{(name.suffix or name.kind).replace('_', ' ')} of {owners}"
