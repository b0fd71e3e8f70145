"""Keras layers that the models are made of. Importing this imports TensorFlow."""

from mtl_cli.layers.embedding import FusedEmbedding
from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP

__all__ = ["FusedEmbedding", "Gates", "Mix", "ParallelDense", "ParallelMLP"]
