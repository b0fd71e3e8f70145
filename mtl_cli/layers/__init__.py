"""The Keras layers of the models. You can use them in models of your own.

Each layer works in any functional Keras model, and Keras can save and load it: Keras
builds `get_config` from the arguments of the constructor. Importing this package
imports TensorFlow.
"""

from mtl_cli.layers.attention import Attention
from mtl_cli.layers.balanced_weights import BalancedWeights
from mtl_cli.layers.dselect_k import DSelectKGates
from mtl_cli.layers.embedding import FusedEmbedding
from mtl_cli.layers.extraction import extract
from mtl_cli.layers.feature_gate import FeatureGate
from mtl_cli.layers.gate_nu import GateNU
from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.hard_concrete import HardConcrete
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP
from mtl_cli.layers.partitioned_norm import PartitionedNorm
from mtl_cli.layers.routing import Expert, Route, Routing, experts_of
from mtl_cli.layers.scenario_gates import ScenarioGates
from mtl_cli.layers.star import StarDense, StarMLP
from mtl_cli.layers.static_weights import StaticWeights
from mtl_cli.layers.target_attention import TargetAttention
from mtl_cli.layers.top_k import TopKGates
from mtl_cli.layers.towers import connect_towers

__all__ = [
    "Attention",
    "BalancedWeights",
    "DSelectKGates",
    "Expert",
    "FeatureGate",
    "FusedEmbedding",
    "GateNU",
    "Gates",
    "HardConcrete",
    "Mix",
    "ParallelDense",
    "ParallelMLP",
    "PartitionedNorm",
    "Route",
    "Routing",
    "ScenarioGates",
    "StarDense",
    "StarMLP",
    "StaticWeights",
    "TargetAttention",
    "TopKGates",
    "connect_towers",
    "experts_of",
    "extract",
]
