"""`mtl-init`: proposes a data set for a table, and writes its YAML."""

import sys
from typing import NoReturn

from mtl_cli.core.errors import MtlError, fail, line_and_code
from mtl_cli.init.arguments import parse


def main() -> NoReturn:
    """Runs `mtl-init` and exits: 0 done, 2 wrong input, 130 interrupted."""
    try:
        options = parse(sys.argv[1:])
        # Imported late, so that `--help` need not wait for pyarrow and pydantic.
        from mtl_cli.init.write_dataset import write_dataset

        sys.stdout.write(write_dataset(options))
    except (MtlError, OSError) as error:
        sys.exit(fail("mtl-init", *line_and_code(error)))
    except KeyboardInterrupt:
        sys.exit(fail("mtl-init", "interrupted", 130))
    sys.exit(0)


if __name__ == "__main__":
    main()
