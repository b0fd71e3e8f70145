"""Lists the nodes of a network, from inputs to outputs, for a drawing."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from mtl_cli.core.message_text import comma_list, counted
from mtl_cli.layers import FusedEmbedding, Mix, ParallelDense, ParallelMLP, Routing
from mtl_cli.network.parts import parse_layer_name
from mtl_cli.pages.network_chart import Node

# Keras' record of one call of an operation; its class is private.
Call = Any

# If a network has more outputs than this, a single node represents all outputs.
MAX_OUTPUTS = 4


def nodes_of(model: keras.Model, tasks: Sequence[str]) -> list[Node]:
    """Returns the nodes of a functional model that returns {output: logits}.

    Each node comes after the nodes that it reads. Layers with weights, gates, mixtures
    of experts, inputs, outputs and the heads' products of predictions become nodes.
    Other operations, such as a concatenation, become lines between nodes. A sum of
    mixtures is one node; the mixtures that it sums have no nodes. A layer that is
    connected several times becomes one node for each of its calls.
    """
    nodes: list[Node] = []
    calls = calls_of(model)
    # Not `tensor._keras_history`: its call may belong to another model of the same
    # tensors, and `training.step` makes such models.
    call_of = {id(tensor): call for call in calls for tensor in call.output_tensors}
    inputs = {  # {call: the calls whose results this call reads}
        call: list(dict.fromkeys(call_of[id(x)] for x in call.input_tensors))
        for call in calls
    }
    sums = [call for call in calls if is_sum_of_mixtures(call, inputs)]
    summands = {source for call in sums for source in inputs[call]}
    # Several outputs can come from one call, such as the results of `keras.ops.split`.
    outputs: dict[Call, list[str]] = defaultdict(list)
    for name, tensor in model.output.items():
        outputs[call_of[id(tensor)]].append(name)
    # {call: where lines from the call's result start}: the output that it computes, or
    # the node of the call or, if the call has no node, the nodes that the call reads.
    origins: dict[Call, list[int]] = {}
    for call in calls:
        sources = without_repetitions(origins[source] for source in inputs[call])
        is_node = call in sums or becomes_node(call.operation)
        if is_node and call not in summands:
            nodes.append(node_of(call.operation, tasks, sources))
            sources = [len(nodes) - 1]
        origins[call] = sources
        if len(model.output) <= MAX_OUTPUTS and call in outputs:
            origins[call] = [len(nodes)]
            nodes += [Node(name, "", "output", sources) for name in outputs[call]]
    if len(model.output) > MAX_OUTPUTS:
        sources = without_repetitions(origins[call] for call in outputs)
        nodes.append(Node(f"{len(model.output)} outputs", "", "output", sources))
    return nodes


def without_repetitions(lists: Iterable[list[int]]) -> list[int]:
    return list(dict.fromkeys(itertools.chain(*lists)))


def becomes_node(operation: keras.Operation) -> bool:
    """Whether an operation becomes a node, unless a sum of mixtures contains it."""
    has_weights = isinstance(operation, keras.Layer) and bool(operation.weights)
    is_kind = isinstance(operation, keras.layers.InputLayer | Mix | Routing)
    return has_weights or is_kind or is_product(operation)


def is_product(operation: keras.Operation) -> bool:
    """Whether heads compute the logit of a product with it, see `heads/_chain.py`."""
    return type(operation).__name__ == "Logsumexp"


def calls_of(model: keras.Model) -> list[Call]:
    """Returns the calls of a model's operations, each after the calls that it reads."""
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
        # A product of predictions, a mixture, or a sum of mixtures
        return Node("Π" if is_product(operation) else "Σ", "", "sum", sources)
    if isinstance(operation, Routing):
        noun = "unit" if operation.reports_owners else "expert"
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
    kind = (name.suffix or name.kind).replace("_", " ")
    return f"{kind} of {comma_list(name.tasks, max_items=3)}"
