"""A configuration of somebody else reads no YAML file beside its own folder."""

import os
import re
from pathlib import Path

import pytest
from helpers.commands import refused
from helpers.crafted_files import RERUN, saved_run, write
from helpers.slow import slow_except

SECRET = "hunter2"
CREDENTIALS = {"private/creds.yaml": f"password: {SECRET}\n"}
GLOBAL = "# @package _global_\n"
READ = ["experiment=mine", "--cfg", "job"]
UP = "../../../private/creds"


def experiment(text: str) -> dict[str, str]:
    """Files of an experiment, and of a secret outside of the folder of configs."""
    return {"work/conf/experiment/mine.yaml": GLOBAL + text}


def sweep(values: str) -> dict[str, str]:
    return {
        "work/conf/sweep/mine.yaml": f"{GLOBAL}hydra: {{mode: MULTIRUN, sweeper: "
        f"{{params: {{{values}}}}}}}\n"
    }


def run_in_work(**changes: object) -> dict[str, str]:
    return {f"work/{path}": text for path, text in saved_run(**changes).items()}


LEADS_OUT = r"the config '[^']+' leads out of the folders of configs; "
# Each: files, arguments, what is said.
ATTACKS = {
    "search_space": (
        experiment(f"defaults: [{UP}@hydra.sweeper.params]\n"),
        READ,
        r"experiment/mine\.yaml: the defaults list places a config in hydra\.sweeper",
    ),
    "any_key": (experiment(f"defaults: [{UP}@zzz]\n"), READ, LEADS_OUT),
    "data_set": (experiment(f"defaults: [{UP}@dataset.groups]\n"), READ, LEADS_OUT),
    "optional_config": (
        experiment(f"defaults: [optional {UP[:-6]}@zzz: creds]\n"),
        READ,
        LEADS_OUT,
    ),
    "absolute_path": (
        experiment("defaults: [/{folder}/private/creds@zzz]\n"),
        READ,
        LEADS_OUT,
    ),
    "overridden_group": (
        experiment(f"defaults: [{{override /model: ../{UP}}}]\n"),
        READ,
        LEADS_OUT,
    ),
    "choice_by_interpolation": (
        experiment(f"defaults: [{{/model@zzz: '${{experiment}}/../{UP}'}}]\n"),
        READ,
        LEADS_OUT,
    ),
    "list_of_choices": (
        experiment(f"defaults: [{{/model@zzz: [../{UP}]}}]\n"),
        READ,
        LEADS_OUT,
    ),
    "saved_configuration": (
        run_in_work(defaults=["../../private/creds@zzz", "_self_"]),
        [*RERUN, "--cfg", "job"],
        LEADS_OUT,
    ),
    "swept_choice": (
        sweep(f"experiment: ../{UP}"),
        ["sweep=mine", "check_only=true"],
        LEADS_OUT,
    ),
    "config_within_the_folder_as_a_search_space": (
        experiment("defaults: [/zzz/a@hydra.sweeper.params]\n")
        | {"work/conf/zzz/a.yaml": "seed: 1\n"},
        READ,
        "remove the entry, or write the keys of hydra into this file",
    ),
}


@pytest.mark.parametrize(
    "name",
    slow_except(
        [x for x in ATTACKS if x not in ("search_space", "swept_choice")], ATTACKS
    ),
)
def test_no_file_outside_of_the_folder_of_configs_is_read(
    name: str, tmp_path: Path
) -> None:
    files, arguments, expected = ATTACKS[name]
    files = {
        path: text.replace("{folder}", str(tmp_path)) for path, text in files.items()
    }
    write(tmp_path, files | CREDENTIALS)
    work = tmp_path / "work"
    code, out, err, _ = refused(work, *(a.format(folder=work) for a in arguments))
    assert code == 2, (out, err)
    assert re.search(expected, err), err
    assert err.startswith("mtl-train: error: ") and err.count("\n") == 1
    assert SECRET not in out + err
    for path in (path for path in work.rglob("*") if path.is_file()):
        assert SECRET not in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("link", "target", "setting"),
    [
        ("conf/model/creds.yaml", "private/creds.yaml", "model=creds"),
        pytest.param("conf/model", "private", "model=creds", marks=pytest.mark.slow),
        pytest.param("conf", "private", "model=creds", marks=pytest.mark.slow),
    ],
)
def test_link_out_of_the_folder_of_configs_is_not_followed(
    link: str, target: str, setting: str, tmp_path: Path
) -> None:
    write(tmp_path, CREDENTIALS | {"private/model/creds.yaml": f"name: {SECRET}\n"})
    path = tmp_path / "work" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / target)
    code, out, err, _ = refused(path.parents[link.count("/")], setting, "--cfg", "job")
    assert code == 2, (out, err)
    assert "conf/model/creds.yaml is a link to a file outside of the folders" in err
    assert err.count("\n") == 1
    assert SECRET not in out + err
    # The link is followed once its target is a folder of the command line.
    place = ["--config-dir", str(tmp_path / "private")]
    code, out, err, _ = refused(tmp_path / "work", *place, setting, "--cfg", "job")
    assert (code, err) == (0, "")
    assert SECRET in out


@pytest.mark.slow
def test_folder_that_is_typed_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"others/experiment/mine.yaml": f"{GLOBAL}seed: 77\n"})
    os.symlink(tmp_path / "others", tmp_path / "link")
    (tmp_path / "work").mkdir()
    for folder in ("../link", str(tmp_path / "link"), "../others"):
        place = ["--config-dir", folder]
        code, out, err, _ = refused(tmp_path / "work", *place, *READ)
        assert (code, err) == (0, "")
        assert "seed: 77" in out
