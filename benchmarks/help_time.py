"""Seconds of `mtl-train --help`, and of NextRec, the only peer with a command."""

from alternate import MTL_TRAIN, OURS, Contender, Result, alternate, arguments
from report import compare, save


def empty_result(*_: object) -> Result:
    """Returns no figures, since only the seconds of the process are compared."""
    return {}


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__)
    parser.set_defaults(repeats=5)
    options = parser.parse_args()
    nextrec = str(options.peers.resolve() / "nextrec" / "bin" / "nextrec")
    commands = {OURS: [MTL_TRAIN, "--help"], "NextRec": [nextrec, "--help"]}
    contenders = [
        Contender(name, command, empty_result) for name, command in commands.items()
    ]
    results = alternate(contenders, options.repeats)
    rows = compare(
        "--help: seconds of the process",
        results,
        lambda run: run["wall_seconds"],
        {},
        seconds=True,
    )
    save("help_time", results, rows)


if __name__ == "__main__":
    main()
