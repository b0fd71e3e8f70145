"""Text that a user should convert: the first kind that describes a cell."""

import pyarrow as pa
import pytest

from mtl_cli.init.convertible_text import CONVERTIBLE_TEXT
from mtl_cli.init.value_kinds import matches


@pytest.mark.parametrize("kind", CONVERTIBLE_TEXT, ids=lambda kind: kind.examples[0])
def test_first_matching_kind_of_an_example_is_its_own(kind):
    for example in kind.examples:
        matching = [
            other
            for other in CONVERTIBLE_TEXT
            if matches(pa.array([example]), other.pattern).all()
        ]
        assert matching[0] == kind, example
