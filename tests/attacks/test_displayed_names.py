"""Names and cells of somebody else's data are text wherever a run shows them."""

import subprocess
import sys
from html import escape

import pytest
from helpers.crafted_files import TASKS
from helpers.planted_data import config, parquet, run_in, values
from helpers.run_pages import run_page

from mtl_cli.comparison import table
from mtl_cli.core.message_text import suggest
from mtl_cli.pages.render import escape_markdown
from mtl_cli.runs.console import Console
from mtl_cli.runs.text_tables import score_tables

HTML = "<script>alert(1)</script>"
ESCAPE = "\x1b]0;title\x07[/bold]"


@pytest.mark.slow
def test_names_of_columns_are_text_in_page_and_console(tmp_path, capsys):
    cells = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1"] * 30
    columns = {HTML: cells, ESCAPE: [*range(120)], "buy": [0, 1] * 60}
    columns["[/x]"] = [1] * 120
    features = {
        HTML: {"kind": "sparse"},
        ESCAPE: {"kind": "dense", "transform": "none"},
    }
    tasks = {"buy": TASKS["buy"] | {"space": "[/x]"}}
    train = parquet(tmp_path, columns)
    run_in(tmp_path / "run", config(values(train, features, tasks)), plots=True)
    run_in(
        tmp_path / "checked", config(values(train, features, tasks), "check_only=true")
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    said = capsys.readouterr().out
    assert "buy ([/x] = 1)" in said
    for text in (said, (tmp_path / "checked" / "train.log").read_text()):
        assert HTML in text
        assert "[/bold]" in text
        assert "\x1b" not in text
    history = (tmp_path / "run" / "history.csv").read_text()
    assert not any(
        cell.startswith(("=", "@", "+", "-"))
        for cell in history.replace("\n", ",").split(",")
    )


def test_score_table_escapes_the_name_of_a_space():
    scores = {"buy": {"auc": 0.5, "rows": 3, "positives": 1, "space": HTML}}
    page = run_page("test", scores={"test": score_tables(scores)})
    assert HTML not in page
    assert escape(HTML) in page


def test_text_of_several_lines_begins_no_heading_in_a_model_card():
    text = escape_markdown("city\r# Approved\n\n- [x] checked")
    assert text == "city # Approved  - \\[x\\] checked"


def test_address_is_no_link_in_a_model_card():
    assert escape_markdown("ftp://a me@b <c>") == r"ftp\://a me@&#8203;b &lt;c&gt;"


def test_page_holds_no_control_characters():
    page = run_page("\u202efdp.exe\x1b\x00\x9b")
    assert all(c.isprintable() or c == "\n" for c in page)
    assert "fdp.exe" in page


def test_log_of_a_run_holds_no_escape_codes(tmp_path):
    console = Console(tmp_path / "train.log")
    console.warn("a \x1b[31mname\nof two lines")
    console.close()
    log = (tmp_path / "train.log").read_text()
    assert "warning: a  [31mname" in log
    assert "\x1b" not in log


def test_warning_is_one_line_without_escape_codes_and_secrets():
    program = (
        "import warnings\n"
        "from mtl_cli.core import errors, secrets\n"
        "secrets.add_secrets({'hunter2hunter2': '${oc.env:SOME_TOKEN}'})\n"
        "errors.warn_in_one_line()\n"
        "warnings.warn('key hunter2hunter2\\x1b[2J\\nmtl-train: done')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True)
    expected = b"warning: key ${oc.env:SOME_TOKEN} [2J mtl-train: done\n"
    assert ended.stderr == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("![x](https://other.example/x.png)", r"![x]\(https\://other.example/x.png)"),
        (r"![x\](https://other.example)", r"![x\\]\(https\://other.example)"),
        ("[x][y]", r"[x]\[y]"),
        ("a|b\r# c<img>", r"a\|b # c&lt;img>"),
        ("`a&b`", r"\`a&amp;b\`"),
        ("[64, 32]", "[64, 32]"),
        ("http://evil.example/x", r"http\://evil.example/x"),
        ("WWW.evil.com", r"WWW\.evil.com"),
        ("me@evil.example", "me@&#8203;evil.example"),
        ("me&#64;evil.example", "me&amp;#64;evil.example"),
    ],
)
def test_name_of_a_run_is_no_link_in_the_table_of_a_comparison(name, expected):
    assert table.escaped(name) == expected


def test_long_names_are_not_compared_for_minutes() -> None:
    long_name = "".join(map(chr, range(0x4E00, 0x9E00)))
    assert suggest(long_name, [long_name[:-1]]) == suggest(long_name, ["city"]) == ""
    assert suggest("cty", [long_name, "city"]) == "; did you mean city?"
