"""Builds the network of a run, and sets the weights that do not start at random."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mtl_cli.config.monitor import UNMONITORED
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.network import pretrained
from mtl_cli.runs import provenance
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import EarlierRun
from mtl_cli.training.checkpoint import Checkpoint

if TYPE_CHECKING:  # these modules import TensorFlow
    from mtl_cli.distributed.replicas import Replicas
    from mtl_cli.network.network import Network

# More parameters per training row than this cause a warning.
MAX_PARAMETERS_PER_ROW = 1000
# With `encoder.l2_embedding=auto`, the square of each entry of an embedding table
# counts like the loss of this number of rows: as much as a normal prior with the
# standard deviation .1 would. This hardly changes the vectors of frequent ids, and
# keeps those of rare ids near 0.
PENALTY_ROWS = 50
# Tables of fewer than 5,000 rows have this penalty. A larger one would keep all vectors
# at 0 if the labels depend on combinations of ids alone.
MAX_PENALTY = 0.01


class RunInputs(NamedTuple):
    """All that a run has before its network is built."""

    config: Config
    folder: RunFolder  # locked for this process
    console: Console
    data: Data
    vectors: dict[str, pretrained.PretrainedVectors]  # {embedding table: its vectors}
    unmonitored: list[str]  # the tasks that `trainer.monitor` leaves out
    earlier: EarlierRun | None  # the run `start_from.run`
    checkpoint: Checkpoint | None  # None: train from the beginning

    @property
    def num_training_rows(self) -> int:
        return self.data.splits["train"].num_rows


def connect_and_build(
    inputs: RunInputs,
) -> "tuple[Replicas, Network, dict[str, Any]] | None":
    """Connects the processes of a run, builds its network and writes its environment.

    Returns: the processes, the network and the content of `environment.json`; None if
        the chief has finished the run already.
    """
    from mtl_cli.distributed import cluster
    from mtl_cli.distributed.connect import connect
    from mtl_cli.distributed.replicas import rows_per_process
    from mtl_cli.network.build import build

    config, folder, console = inputs.config, inputs.folder, inputs.console
    environment = provenance.environment(config, inputs.data)
    if hashes := pretrained.file_hashes(config):
        environment[provenance.PRETRAINED] = hashes
    if inputs.earlier is not None:
        environment["start_from"] = inputs.earlier.lineage
    if inputs.unmonitored:
        environment[UNMONITORED] = inputs.unmonitored
    length = config.training_length(inputs.num_training_rows)
    if config.trainer.strategy == "multi_worker":
        workers, rank = cluster.workers_and_rank()
        # Refuses a wrong size now: the user need not wait for the other processes.
        rows_per_process(length.batch_size, inputs.num_training_rows, len(workers))
        others = workers[:rank] + workers[rank + 1 :]
        console.print_line(f"waiting for the other processes: {comma_list(others)}")
    replicas = connect(config.trainer.strategy, folder.path, environment, console.warn)
    if replicas is None:
        return None
    config = with_penalty(config, inputs.num_training_rows)
    network = build(config, inputs.data.features.layout, inputs.data.label_statistics)
    environment |= {
        "l2_embedding": config.encoder.l2_embedding,
        "processes": replicas.size,
        "parameters": network.logits.count_params(),
        "length": length._asdict(),
    }
    if inputs.checkpoint is not None:
        warn_of_changes(inputs.checkpoint, environment, console)
    folder.write_json("environment.json", environment)
    return replicas, network, environment


def with_penalty(config: Config, num_training_rows: int) -> Config:
    """Returns a configuration with a number in place of `encoder.l2_embedding=auto`."""
    if config.encoder.l2_embedding != "auto":
        return config
    # The loss is a mean over rows.
    penalty = min(PENALTY_ROWS / num_training_rows, MAX_PENALTY)
    encoder = config.encoder.model_copy(update={"l2_embedding": penalty})
    return config.model_copy(update={"encoder": encoder})


def warn_of_changes(
    checkpoint: Checkpoint, new: dict[str, Any], console: Console
) -> None:
    """Warns of each change since a checkpoint that may change the results of the run.

    A checkpoint of another configuration and changed data are refused. `new` is the
    content of `environment.json`.
    """
    old = checkpoint.values.environment
    # A run is resumed only with its own configuration, see `reason_not_to_resume`.
    if old.get("config_hash") != new["config_hash"]:
        raise checkpoint.damage_error("its run had another configuration")
    if old.get("data_hash") != new["data_hash"]:
        raise ConfigError(
            "dataset: the data has changed since the run was interrupted; name another "
            "folder in hydra.run.dir, or remove the run's folder"
        )
    for change in provenance.change_messages(old, new):
        console.warn(
            f"{change}: without the interruption, the run might give other numbers"
        )


def write_first_weights(inputs: RunInputs, network: "Network") -> "Network":
    """Sets the weights of a new network that do not start at random values.

    These are the biases of the towers if `trainer.initial_bias` is `labels`, the
    pretrained vectors, and the weights of the earlier run. If a table has both
    pretrained vectors and weights of the earlier run, it takes the weights of the
    earlier run; but a frozen table takes the pretrained vectors. The penalty on
    embeddings pulls vectors that are taken over to what they are now, others to 0.

    Returns: the network, with the optimizer's state of the earlier run if there is one.
    """
    from mtl_cli.layers.embedding import FusedEmbedding
    from mtl_cli.network.initial_bias import set_initial_biases

    if inputs.config.trainer.initial_bias == "labels":
        train = inputs.data.splits["train"]
        set_initial_biases(network, inputs.config, train)
    if inputs.earlier is None and not inputs.vectors:
        return network
    layers = [
        x for x in network.logits.layers if isinstance(x, FusedEmbedding) and x.l2
    ]
    random_tables = [layer.table.numpy() for layer in layers]
    network = take_over_vectors(inputs, network)
    for layer, random in zip(layers, random_tables, strict=True):
        if layer.trainable:
            vectors = layer.table.numpy()
            layer.set_starting_point(np.where(vectors == random, 0, vectors))
    return network


def take_over_vectors(inputs: RunInputs, network: "Network") -> "Network":
    """Writes pretrained vectors and the weights of the earlier run into a network.

    Returns: see `write_first_weights`.
    """
    config, data, earlier = inputs.config, inputs.data, inputs.earlier
    pretrained.write_into_tables(network, config, data.features, inputs.vectors)
    if earlier is None:
        return network
    from mtl_cli.runs.earlier_weights import start_from

    network = start_from(
        network, config, inputs.folder, inputs.console, data.features, earlier
    )
    tables = data.features.layout.tables
    frozen_vectors = {
        name: vectors for name, vectors in inputs.vectors.items() if tables[name].frozen
    }
    pretrained.write_into_tables(network, config, data.features, frozen_vectors)
    return network


def print_size(inputs: RunInputs, environment: dict[str, Any]) -> None:
    """Prints the size of a network, and warns if its training rows are far too few.

    `environment` is the content of `environment.json`.
    """
    config, num_rows = inputs.config, inputs.num_training_rows
    num_parameters: int = environment["parameters"]
    inputs.console.print_line(
        f"{config.model.name} on {config.encoder.name}: {num_parameters:,} parameters, "
        f"batches of {environment['length']['batch_size']} rows, tasks "
        f"{', '.join(config.chosen_tasks)}"
    )
    if num_parameters > MAX_PARAMETERS_PER_ROW * num_rows:
        inputs.console.warn(
            f"{num_parameters:,} parameters for {num_rows:,} training rows: the "
            "network can learn the rows by heart; choose smaller sizes in model and "
            "encoder"
        )
