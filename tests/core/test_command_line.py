"""The parser of the commands names flags that may have been meant."""

import pytest

from mtl_cli.core.command_line import Parser
from mtl_cli.core.errors import ConfigError


@pytest.mark.parametrize("flag", ["--baseline", "--json", "--csv"])
def test_flag_of_a_group_is_suggested_as_any_other(flag: str) -> None:
    parser = Parser(prog="mtl-some")
    parser.add_argument("--baseline")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true")
    group.add_argument("--csv", action="store_true")
    with pytest.raises(ConfigError, match=rf"did you mean {flag}\?; see mtl-some"):
        parser.parse_args([f"{flag}s"])
