"""What a training's history says of its epochs."""

import math

from mtl_cli.training.progress import Epoch, History


def epoch(seconds: float = 1.0, monitored: float | None = None, best=False) -> Epoch:
    return Epoch(1, {}, {}, monitored, seconds, 100.0, best)


def test_best_value_is_the_highest_so_far() -> None:
    history = History()
    best_values = []
    for value, best in ((0.1, True), (0.5, True), (0.4, False), (0.7, True)):
        best_values.append(history.best_value)
        history.epochs.append(epoch(monitored=value, best=best))
    assert best_values == [-math.inf, 0.1, 0.5, 0.5]
    assert history.best_value == 0.7
