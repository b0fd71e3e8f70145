"""How gates weigh experts, as a part of the page."""

from typing import Any

from mtl_cli.compare.charts import escape
from mtl_cli.compare.comparison import Comparison
from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.markup import cards, head, section, text

MOST = 8


def gate_section(result: Comparison) -> str:
    """Returns each configuration's gates; "" if no run has any."""
    parts = [text for one in result.configurations if (text := gates_of(one))]
    if not parts:
        return ""
    about = (
        "Mean weight of each expert in percent, in the lowest seed: experts of other "
        "seeds are others. Spread is the entropy of the mean weight, doubt the mean "
        "entropy of a row's weights; 100 % is all experts alike."
    )
    if len(parts) > MOST:
        about += f" The first {MOST} of {len(parts)} configurations."
    return section("Gates", about, cards(parts[:MOST]))


def gates_of(one: Configuration) -> str:
    """Returns a configuration's table of gates, or "" if it has none or is damaged."""
    found = {s: g for s, run in one.runs.items() if (g := run.gates()) is not None}
    if not found:
        return ""
    try:
        seed = min(found)
        rows = "".join(gate_row(gate) for gate in found[seed]["gates"])
        flags = concerns(found)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
    heads = head("gate of", "text") + head("spread") + head("doubt")
    heads += head("experts", "text", 99)
    flagged = f'<figcaption class="flag">{escape(flags)}</figcaption>' if flags else ""
    return (
        f"<h3>{escape(one.name)}, seed {seed}</h3>"
        f'<div class="scroll"><table class="heat"><tr>{heads}</tr>{rows}</table></div>'
        f"{flagged}"
    )


def gate_row(gate: dict[str, Any]) -> str:
    """Returns a gate's row: a cell an expert, the darker the heavier."""
    who = f"{gate['level']} {gate['task'] or 'all tasks'}".replace("_", " ").strip()
    row = text(who)
    row += f"<td>{percent(gate.get('entropy_of_mean'))}</td>"
    row += f"<td>{percent(gate.get('mean_entropy'))}</td>"
    for name, weight in gate["weights"].items():
        share = f"{100 * float(weight):.0f}"
        style = f'class="cell" style="--w:{share}%" title="{escape(name)}"'
        row += f"<td {style}>{share}</td>"
    return f"<tr>{row}</tr>"


def percent(share: object) -> str:
    """Returns a share in percent, or a dash."""
    return f"{100 * share:.0f} %" if isinstance(share, int | float) else "-"


def concerns(found: dict[int, dict[str, Any]]) -> str:
    """Says in how many seeds experts are dead and gates polarised."""
    dead = sum(bool(use["dead"]) for use in found.values())
    polarised = sum(any(g["polarised"] for g in use["gates"]) for use in found.values())
    parts = []
    if dead:
        parts.append(f"a dead expert in {dead} of {len(found)} seeds")
    if polarised:
        parts.append(f"a polarised gate in {polarised} of {len(found)} seeds")
    return "; ".join(parts)
