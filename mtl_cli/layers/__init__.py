"""Keras layers that the models are made of, for models of your own too.

Each layer takes explicit arguments, works in any functional model, and is saved and
loaded by Keras: `get_config` is Keras' own, made of the constructor's arguments.
Importing this package imports TensorFlow.
"""

from mtl_cli.layers.embedding import FusedEmbedding
from mtl_cli.layers.extraction import extract
from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP
from mtl_cli.layers.towers import connect_towers

__all__ = [
    "FusedEmbedding",
    "Gates",
    "Mix",
    "ParallelDense",
    "ParallelMLP",
    "connect_towers",
    "extract",
]
