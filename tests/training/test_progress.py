"""What a training's history says of its epochs."""

import math

from helpers.epochs import epoch

from mtl_cli.training.progress import History


def test_best_epoch_has_the_highest_value_so_far() -> None:
    history = History()
    best = [(history.best_epoch, history.best_value)]
    scores = ((0.1, True), (0.5, True), (0.4, False), (None, False), (0.7, True))
    for number, (value, is_best) in enumerate(scores, 1):
        history.epochs.append(epoch(number, monitored=value, best=is_best))
        best.append((history.best_epoch, history.best_value))
    assert best == [(0, -math.inf), (1, 0.1), (2, 0.5), (2, 0.5), (2, 0.5), (5, 0.7)]
