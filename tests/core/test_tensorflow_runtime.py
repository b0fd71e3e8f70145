"""TensorFlow starts without its messages."""

import os

import pytest

from mtl_cli.core.signals import Stopped
from mtl_cli.core.tensorflow_runtime import quiet_stderr


@pytest.mark.parametrize(
    ("end", "printed"), [(ImportError("no such file"), "noise"), (Stopped(143), "")]
)
def test_dropped_messages_are_printed_for_errors_but_not_for_signals(
    end, printed, capfd
):
    with pytest.raises(type(end)), quiet_stderr():
        os.write(2, b"noise")
        raise end
    assert capfd.readouterr().err == printed
