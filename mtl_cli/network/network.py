"""The network of a run, for training and for predicting.

Letters in shapes: B is the number of rows in a batch, D the width of an encoding, T the
number of tasks and H the width of a hidden vector.
"""

from dataclasses import dataclass, field
from functools import cached_property

import keras

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.calibration import Calibration
from mtl_cli.network.predictor import Predictor
from mtl_cli.network.transfer import EarlierOptimizer
from mtl_cli.tasks.base import Statistics


@dataclass(frozen=True)
class Network:
    """A network as two Keras models that share their layers and weights.

    Both models read the inputs that `connect_inputs` makes, and return
    {output: (B, 1)}, or {output: (B, classes)} for an output with several classes.

    Attributes:
        logits: the model that returns logits, for training.
        predictions: the model that returns probabilities or values, for predicting.
        label_statistics: {task: statistics of its labels}, for tasks that use any.
        x: what the encoder reads: the embeddings and dense features side by side, one
            tensor (B, columns) per set of embeddings.
        encodings: the outputs of the encoder, (B, D) each.
        hidden: the output of the sharing scheme: (T, B, H), or (B, H) if all tasks
            share one hidden vector.
        calibrations: {task: the layer that calibrates the logits of its tower}, for
            tasks that predict probabilities or mean amounts. Only `predictions` has
            these layers.
        earlier_optimizer: the state of an earlier run's optimizer to start from, if
            any.
        runs: the networks that an ensemble averages; empty for the network of one run.
    """

    logits: keras.Model
    predictions: keras.Model
    label_statistics: dict[str, Statistics] = field(default_factory=dict)
    x: list[Tensor] = field(default_factory=list)
    encodings: list[Tensor] = field(default_factory=list)
    hidden: Tensor = None
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    earlier_optimizer: EarlierOptimizer | None = None
    runs: "list[Network]" = field(default_factory=list)

    @cached_property
    def predict(self) -> Predictor:
        """A function that predicts the rows of a table; TensorFlow traces it once."""
        return Predictor(self.predictions)
