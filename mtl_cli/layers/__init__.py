"""The Keras layers of the models, which your own models can use too.

Each layer works in any functional Keras model, and Keras can save and load it: Keras
builds `get_config` from the arguments of the constructor. Importing this package
imports TensorFlow.
"""

from mtl_cli.layers.embedding import FusedEmbedding
from mtl_cli.layers.extraction import extract
from mtl_cli.layers.gates import Expert, Gates, Mix, Route, experts_of
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP
from mtl_cli.layers.towers import connect_towers

__all__ = [
    "Expert",
    "FusedEmbedding",
    "Gates",
    "Mix",
    "ParallelDense",
    "ParallelMLP",
    "Route",
    "connect_towers",
    "experts_of",
    "extract",
]
