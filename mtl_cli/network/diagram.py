"""Lists the nodes of a network, from inputs to outputs, for a drawing."""

import itertools
from collections.abc import Sequence

import keras

from mtl_cli.layers import FusedEmbedding, Mix, ParallelDense, ParallelMLP, Routing
from mtl_cli.network.parts import parse_layer_name
from mtl_cli.pages.network_chart import Node

# More outputs than this share one node. A title names the tasks if there are fewer than
# this, and otherwise gives their number.
MAX_NAMES = 4


def nodes_of(model: keras.Model, tasks: Sequence[str]) -> list[Node]:
    """Returns the nodes of a functional model that returns {output: logits}.

    Each node comes after the nodes that it reads. Layers with weights, gates, mixtures
    of experts, inputs and outputs become nodes. Other operations, such as a
    concatenation, become lines between nodes. A sum of mixtures is one node; the
    mixtures that it sums have no nodes.
    """
    nodes: list[Node] = []
    sums = [op for op in model.operations if is_sum_of_mixtures(op)]
    summands = {source for op in sums for source in inputs_of(op)}
    # The nodes that each operation's result comes from: the operation's own node or, if
    # the operation has no node, the nodes that it reads.
    origins: dict[keras.Operation, list[int]] = {}
    for operation in model.operations:
        sources_of_inputs = [origins[op] for op in inputs_of(operation)]
        sources = list(dict.fromkeys(itertools.chain(*sources_of_inputs)))
        has_weights = isinstance(operation, keras.Layer) and bool(operation.weights)
        is_node = (
            operation in sums
            or has_weights
            or isinstance(operation, keras.layers.InputLayer | Mix | Routing)
        )
        if is_node and operation not in summands:
            nodes.append(node_of(operation, tasks, sources))
            sources = [len(nodes) - 1]
        origins[operation] = sources
    outputs = {
        name: origins[tensor._keras_history.operation]
        for name, tensor in model.output.items()
    }
    if len(outputs) > MAX_NAMES:
        sources_of_all = list(dict.fromkeys(itertools.chain(*outputs.values())))
        outputs = {f"{len(outputs)} outputs": sources_of_all}
    nodes += [Node(name, "", "output", sources) for name, sources in outputs.items()]
    return nodes


def inputs_of(operation: keras.Operation) -> list[keras.Operation]:
    """Returns the operations whose results an operation reads, without repetitions."""
    tensors = keras.tree.flatten(operation.input) if operation._inbound_nodes else []
    sources = [tensor._keras_history.operation for tensor in tensors]
    return list(dict.fromkeys(op for op in sources if op is not operation))


def is_sum_of_mixtures(operation: keras.Operation) -> bool:
    """Whether an operation adds mixtures, such as PLE's specific and shared experts."""
    sources = inputs_of(operation)
    is_addition = type(operation).__name__ == "Add" and len(sources) > 1
    return is_addition and all(
        isinstance(source, Mix) or is_sum_of_mixtures(source) for source in sources
    )


def node_of(
    operation: keras.Operation, tasks: Sequence[str], sources: list[int]
) -> Node:
    """Describes an operation as a node; `sources` are the nodes that it reads."""
    title = title_of(operation.name, tasks)
    if isinstance(operation, keras.layers.InputLayer):
        return Node(title, f"{operation.output.shape[-1]} columns", "input", sources)
    if isinstance(operation, Mix) or not isinstance(operation, keras.Layer):
        return Node("Σ", "", "sum", sources)  # a mixture, or a sum of mixtures
    if isinstance(operation, Routing):
        sizes = f"over {operation.output.shape[-1]} {operation.experts_noun}"
        return Node(title, sizes, "gate", sources)
    if isinstance(operation, FusedEmbedding):
        num_rows = sum(operation.vocabulary_sizes)
        sizes = f"{num_rows:,} rows of {operation.embedding_dim * operation.num_sets}"
    elif isinstance(operation, ParallelMLP):
        widths = " → ".join(map(str, operation.units)) or "no hidden layer"
        sizes = f"{operation.num} networks of {widths}"
    elif isinstance(operation, ParallelDense):
        sizes = f"{operation.num} layers of {operation.units}"
    else:
        sizes = f"{operation.count_params():,} weights"
    return Node(title, sizes, "layer", sources)


def title_of(layer_name: str, tasks: Sequence[str]) -> str:
    """Returns the title of a node, such as `towers of click, buy`."""
    name = parse_layer_name(layer_name, tasks)
    if name is None:
        return layer_name.replace("_", " ")
    owners = f"{len(name.tasks)} tasks"
    if len(name.tasks) < MAX_NAMES:
        owners = ", ".join(name.tasks)
    return f"{(name.suffix or name.kind).replace('_', ' ')} of {owners}"
