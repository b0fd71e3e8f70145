"""The connection of the towers of several tasks."""

import keras
import pytest

from mtl_cli.towers._side_by_side import connect_towers
from mtl_cli.towers.base import TowerSpec


def test_towers_refuse_hidden_vectors_of_another_number_of_tasks() -> None:
    hidden = keras.Input(batch_shape=(2, 8, 6))
    towers = [TowerSpec(f"task {t}", (), 1, True) for t in range(4)]
    with pytest.raises(ValueError, match="for 2 tasks, but there are 4 towers"):
        connect_towers(hidden, towers, num_members=1)
