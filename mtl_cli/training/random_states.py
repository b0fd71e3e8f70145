"""Sets the random states of layers, so that a resumed run draws the same values."""

import keras
import numpy as np


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the random state of every layer that draws random values, such as dropout.

    Without this function, the dropout masks would depend on the number of steps since
    the process began. A resumed run would then draw other masks (keras #19796).

    Args:
        model: the network.
        seeds: the numbers that determine the random states.
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        state = np.random.SeedSequence([*seeds, i]).generate_state(2)
        generator.state.assign(state.astype("int64") % 2**31)
