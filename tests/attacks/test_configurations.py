"""A configuration of somebody else runs no code and writes nowhere else.

Each attack would make a canary, a file or folder that must not exist afterwards.
"""

import json
import pickle
import re
from pathlib import Path

import pytest
import yaml
from helpers.commands import refused
from helpers.crafted_files import CALL, CANARY, RERUN, TASKS, dataset, saved_run, write
from helpers.planted_data import values
from helpers.slow import slow_except
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path

from mtl_cli.cli.folder_guard import FOLDER_KEYS
from mtl_cli.cli.hydra_section_guard import PLUGIN_GROUPS, trusted_section
from mtl_cli.core.option_classes import option_names
from mtl_cli.core.paths import conf_folder


class Canary:
    """An object that would run code if it were unpickled."""

    def __reduce__(self):
        return (Path(CANARY).mkdir, ())


MINE = ["dataset=mine", "check_only=true", "trainer.patience=null"]
SWEEP = [*RERUN, "-m", "seed=1,2"]
MKDIR = f"import os; os.mkdir('{CANARY}')\n"
A = {"a": {"kind": "sparse"}}


def section(**keys):
    return saved_run(hydra=keys)


def package(text):
    """Files of an option `model=mine` that places values in Hydra's section."""
    return {"conf/model/mine.yaml": text}


def search(sampler):
    """Files of a search `sweep=mine` with a sampler."""
    keys = {"params": {"seed": "choice(1,2)"}, "sampler": sampler}
    text = "# @package _global_\ndefaults:\n  - override /hydra/sweeper: optuna\n"
    text += "  - override /hydra/sweeper/sampler: grid\n"
    return {"conf/sweep/mine.yaml": text + yaml.safe_dump({"hydra": {"sweeper": keys}})}


def search_space(key, values):
    """Files of a sweep `sweep=mine` over the values of a key."""
    keys = {"mode": "MULTIRUN", "sweeper": {"params": {key: values}}}
    text = "# @package _global_\n" + yaml.safe_dump({"hydra": keys})
    return {"conf/sweep/mine.yaml": text}


def folder_beside(keys):
    """Files of a folder for `--config-dir`, whose experiment sets keys of Hydra."""
    text = "# @package _global_\n" + yaml.safe_dump({"hydra": keys})
    return {"others/experiment/mine.yaml": text}


BESIDE = ["--config-dir", "others", "experiment=mine", *MINE[1:]]
PRELOAD = {"job": {"env_set": {"LD_PRELOAD": "x.so"}}}

# Each: files of the folder that the command starts in, arguments, what is said.
CODE = {
    "other_defaults_of_hydra": (
        {"conf/hydra/config.yaml": yaml.safe_dump(PRELOAD)},
        MINE,
        "conf/hydra/config.yaml takes the place of Hydra's own file; remove this",
    ),
    "other_defaults_of_hydra_in_a_config_dir": (
        {"others/hydra/config.yaml": "run: {dir: x}"},
        ["--config-dir", "others", *MINE],
        "others/hydra/config.yaml takes the place of Hydra's own file; remove this",
    ),
    "file_that_includes_itself": (
        {"conf/model/mmoe.yaml": "defaults: [mmoe]"},
        [*MINE[1:], "model=mmoe"],
        "the files of the configuration include each other without end",
    ),
    "control_character": (
        {"conf/model/mmoe.yaml": "name: mmoe\n\x1b[31m"},
        [*MINE[1:], "model=mmoe"],
        'conf/model/mmoe.yaml", position 11',
    ),
    "library_of_a_config_dir": (
        folder_beside(PRELOAD),
        BESIDE,
        "hydra.job.env_set.LD_PRELOAD: a file may not set this key",
    ),
    "library_of_a_typed_search_path": (
        folder_beside(PRELOAD),
        ["hydra.searchpath=[file://others]", "experiment=mine", *MINE[1:]],
        "hydra.job.env_set.LD_PRELOAD: a file may not set this key",
    ),
    "setup_of_a_launcher_in_a_config_dir": (
        folder_beside({"launcher": {"setup": [f"mkdir {CANARY}"]}}),
        [*BESIDE, "hydra/launcher=submitit_slurm"],
        "hydra.launcher.setup: a file may not set this key",
    ),
    "url_of_a_database_in_the_name_of_a_folder": (
        saved_run(hydra={"sweep": {"dir": "x/file:%2Ftmp%2Fcanary.db?uri=true&y="}}),
        SWEEP,
        "holds 'file:', which is special in the URL of a d",
    ),
    "target_of_a_sampler": (
        search({"_target_": "os.abort", "_partial_": False}),
        ["sweep=mine", "check_only=true"],
        "hydra.sweeper.sampler._target_: a file may not set this key",
    ),
    "partial_call_of_a_sampler": (
        search({"_partial_": False}),
        ["sweep=mine", "check_only=true"],
        "hydra.sweeper.sampler._partial_: a file may not set this key",
    ),
    "target_in_the_model": (saved_run(model=CALL), RERUN, "key 'model._target_'"),
    "file_of_a_list": (
        {"conf/model/mmoe.yaml": "- name\n"},
        ["model=mmoe"],
        "conf/model/mmoe.yaml holds a list; expected keys with values",
    ),
    "file_in_utf_16": (
        {"conf/model/mmoe.yaml": "name: mmoe\n".encode("utf-16")},
        ["model=mmoe"],
        "conf/model/mmoe.yaml is not UTF-8; save the file as UTF-8",
    ),
    "file_with_the_key_null": (
        {"conf/model/mmoe.yaml": "null: mmoe\n"},
        ["model=mmoe"],
        "conf/model/mmoe.yaml: Incompatible key type 'NoneType'",
    ),
    "target_at_the_root": (saved_run(attack=CALL), RERUN, "unknown key 'attack'"),
    "target_in_a_data_set": (
        dataset(yaml.safe_dump(values("x.csv", A, TASKS) | CALL)),
        MINE,
        "'dataset._target_'",
    ),
    "target_in_a_feature": (
        dataset(yaml.safe_dump(values("x.csv", {"a": A["a"] | CALL}, TASKS))),
        MINE,
        "unknown key 'dataset.features.a._target_'",
    ),
    "callback": (section(callbacks={"x": CALL}), RERUN, "hydra.callbacks.x._target_"),
    "callback_by_interpolation": (
        saved_run(hydra={"callbacks": "${attack}"}, attack={"x": CALL}),
        RERUN,
        "hydra.callbacks: a file may not set this key",
    ),
    "factory_of_job_logging": (
        section(job_logging={"handlers": {"x": {"()": "os.mkdir"}}}),
        RERUN,
        "hydra.job_logging.handlers.x.(): a file may not",
    ),
    "factory_of_hydra_logging": (
        section(hydra_logging={"handlers": {"x": {"class": "logging.FileHandler"}}}),
        RERUN,
        "hydra.hydra_logging.handlers.x.class: a file may not",
    ),
    "logging_by_a_package": (
        package("# @package hydra.job_logging\nhandlers: {x: {'()': os.mkdir}}\n"),
        ["model=mine"],
        "hydra.job_logging.handlers.x.(): a file may not",
    ),
    "logging_by_a_placed_group": (
        {
            "conf/dataset/evil.yaml": "handlers: {x: {'()': os.mkdir}}\n",
            "conf/experiment/mine.yaml": "# @package _global_\n"
            "defaults: [{/dataset@hydra.job_logging: evil}]\n",
        },
        ["experiment=mine"],
        "mine.yaml: the defaults list places a config in hydra.job_logging",
    ),
    "logging_of_an_own_group": (
        saved_run(defaults=[{"override hydra/job_logging": "evil"}, "_self_"])
        | {"run/hydra/job_logging/evil.yaml": "handlers: {x: {'()': os.mkdir}}\n"},
        RERUN,
        "hydra.job_logging.handlers.x.(): a file may not",
    ),
    "environment_variable": (
        section(job={"env_set": {"LD_PRELOAD": "./evil.so"}}),
        RERUN,
        "hydra.job.env_set.LD_PRELOAD: a file may not",
    ),
    "copied_environment_variable": (
        section(job={"env_copy": ["HOME"]}),
        RERUN,
        "hydra.job.env_",
    ),
    "sweeper": (
        section(sweeper={"_target_": "os.mkdir"}),
        SWEEP,
        "hydra.sweeper._target_: a file may not",
    ),
    "sweeper_of_an_own_group": (
        {
            "conf/hydra/sweeper/evil.yaml": "_target_: os.mkdir\npath: canary\n",
            "conf/sweep/mine.yaml": "# @package _global_\n"
            "defaults: [{override /hydra/sweeper: evil}]\nhydra: {mode: MULTIRUN}\n",
        },
        ["sweep=mine"],
        "Could not find 'hydra/sweeper/evil'",
    ),
    "launcher": (
        section(launcher={"_target_": "os.mkdir"}),
        SWEEP,
        "hydra.launcher._target_: a file may not",
    ),
    "launcher_by_interpolation": (
        saved_run(hydra={"launcher": "${attack}"}, attack=CALL),
        SWEEP,
        "ValidationError raised while composing",
    ),
    "commands_of_a_launcher": (
        {
            "conf/sweep/mine.yaml": "# @package _global_\n"
            "defaults: [{override /hydra/launcher: submitit_slurm}]\n"
            f"hydra: {{mode: MULTIRUN, launcher: {{setup: [mkdir {CANARY}]}}}}\n"
        },
        ["-m", "sweep=mine", "seed=1,2"],
        "hydra.launcher.setup: a file may not",
    ),
    "target_in_a_search_space": (
        section(mode="MULTIRUN", sweeper={"params": {"seed": CALL}}),
        RERUN,
        "hydra.sweeper.params.seed takes a number, a text",
    ),
    "search_space_by_interpolation": (
        saved_run(
            hydra={"mode": "MULTIRUN", "sweeper": {"params": "${attack}"}}, attack=CALL
        ),
        RERUN,
        "hydra.sweeper.params: '_target_' is not a key",
    ),
    "value_of_a_search_space_by_interpolation": (
        saved_run(
            hydra={"mode": "MULTIRUN", "sweeper": {"params": {"seed": "${attack}"}}},
            attack=CALL,
        ),
        RERUN,
        "hydra.sweeper.params.seed: While dereferencing interpolation '${attack}'",
    ),
    "search_space_created_from_text": (
        section(
            mode="MULTIRUN",
            sweeper={"params": "${oc.create:{_target_: os.mkdir, path: canary}}"},
        ),
        RERUN,
        "hydra.sweeper.params: '_target_' is not a key",
    ),
    "sampler_by_interpolation": (
        {
            "conf/sweep/mine.yaml": "# @package _global_\n"
            "defaults: [{override /hydra/sweeper: optuna}]\n"
            "attack: {_target_: os.mkdir, path: canary}\n"
            "hydra: {mode: MULTIRUN, sweeper: {sampler: '${attack}', params: {}}}\n"
        },
        ["sweep=mine"],
        "ValidationError raised while composing",
    ),
    "custom_search_space": (
        {
            "conf/sweep/mine.yaml": "# @package _global_\n"
            "defaults: [{override /hydra/sweeper: optuna}]\n"
            "hydra: {mode: MULTIRUN, sweeper: {custom_search_space: os.mkdir}}\n"
        },
        ["sweep=mine"],
        "hydra.sweeper.custom_search_space: a file may not",
    ),
    "package_of_the_search_path": (
        section(searchpath=["pkg://evil"]) | {"evil/__init__.py": MKDIR},
        RERUN,
        "hydra.searchpath: a file may not",
    ),
    "folder_of_the_search_path": (
        section(searchpath=["file:///etc"]),
        RERUN,
        "hydra.searchpath: a file may not",
    ),
    "search_path_by_a_list_in_yaml": (
        {"run/config.yaml": "hydra:\n  searchpath:\n  - pkg://evil\n"}
        | {"evil.py": MKDIR},
        RERUN,
        "hydra.searchpath: a file may not",
    ),
    "pickled_job": (
        {"job.pickle": pickle.dumps(Canary())},
        ["--experimental-rerun", "job.pickle"],
        "reads a pickle, which can execute code",
    ),
    "python_tag": (
        dataset(f"name: !!python/object/apply:os.mkdir [{CANARY}]\n"),
        MINE,
        "could not determine a constructor for the tag",
    ),
    "resolver_that_nobody_has": (
        dataset('name: ${eval:\'__import__("os").mkdir("canary")\'}\n'),
        MINE,
        "Unsupported interpolation type eval",
    ),
    "resolvers_beside_the_configs": (
        dataset("name: ${evil:x}\n")
        | {
            f"{folder}/{name}.py": MKDIR
            for folder in ("conf", "conf/dataset")
            for name in ("__init__", "evil", "sitecustomize")
        },
        MINE,
        "Unsupported interpolation type evil",
    ),
    "generator_of_another_module": (
        {"evil.py": MKDIR},
        ["+dataset.generator=evil", "check_only=true"],
        "generator: 'evil' is not one of: funnel, synthetic",
    ),
    **{
        f"model_named_{name}": (
            {"evil.py": MKDIR},
            [f"model.name={name}"],
            f"model.name: '{name}' is not one of: adatt, aitm",
        )
        for name in (
            *("../../evil", "evil", "base", "__init__", "__main__"),
            *("ple.os", "..encoders.dcn", ".ple", "/etc/passwd"),
        )
    },
    "launcher_with_the_name_of_the_own_one": (
        {"conf/hydra/launcher/basic.yaml": "_target_: os.system\ncommand: x\n"},
        ["check_only=true"],
        "Key 'command' not in 'BasicLauncherConf'",
    ),
}

UP = f"../../{CANARY}"
FOLDERS = {
    "absolute": (section(run={"dir": "/tmp/mtl-cli-canary"}), RERUN, "is not below"),
    "above": (section(run={"dir": f"outputs/{UP}"}), RERUN, "hydra.run.dir: 'outputs/"),
    "variable": (
        section(run={"dir": f"${{oc.env:HOME}}/{CANARY}"}),
        RERUN,
        "hydra.run.dir: ",
    ),
    "time_that_is_a_path": (
        section(run={"dir": "${now:/tmp/mtl-cli-canary}"}),
        RERUN,
        "hydra.run.dir: '/tmp/mtl-cli-canary' is not below",
    ),
    "nul": (
        section(run={"dir": "outputs/a\0b"}),
        RERUN,
        r"hydra.run.dir: 'outputs/a\x00b' begins with '~', or its whole path holds",
    ),
    "home_that_no_shell_has_replaced": (
        section(run={"dir": "~/x"}),
        RERUN,
        "hydra.run.dir: '~/x' begins with '~', or its whole path holds '${' or NUL;",
    ),
    "typed_home_that_no_shell_has_replaced": (
        {},
        ["hydra.sweep.dir='~x'", "check_only=true"],
        "hydra.sweep.dir: '~x' begins with '~'",
    ),
    "time_that_leads_up": (
        section(run={"dir": f"outputs/${{now:../{UP}}}"}),
        RERUN,
        "hydra.run.dir: 'outputs/../../../canary' is not below",
    ),
    "value_of_the_configuration": (
        saved_run(hydra={"run": {"dir": "${dataset.name}"}}, dataset={"name": UP}),
        RERUN,
        f"hydra.run.dir: '{UP}' is not below",
    ),
    "decoded_text": (
        section(run={"dir": "${oc.decode:/tmp/mtl-cli-canary}"}),
        RERUN,
        "is not below",
    ),
    "separator_of_overrides": (
        section(
            run={"dir": "outputs/${hydra:job.override_dirname}"},
            job={"config": {"override_dirname": {"kv_sep": f"/../{UP}/"}}},
        ),
        [*RERUN, "seed=3"],
        "hydra.job.config.override_dirname.kv_sep: a file may not",
    ),
    "choice_of_an_option": (
        section(
            run={"dir": "outputs/${hydra:runtime.choices.model}"},
            runtime={"choices": {"model": f"../{UP}"}},
        ),
        RERUN,
        "hydra.run.dir: 'outputs/../../../canary' is not below",
    ),
    "sweep_above": (section(sweep={"dir": UP}), SWEEP, "hydra.sweep.dir: "),
    "job_above": (
        section(sweep={"dir": "x", "subdir": UP}),
        SWEEP,
        "hydra.sweep.subdir: a file may not",
    ),
    "sweep_in_a_search_space": (
        section(mode="MULTIRUN", sweeper={"params": {"hydra.sweep.dir": UP}}),
        RERUN,
        "hydra.sweeper.params: 'hydra.sweep.dir' is not a key of the configuration",
    ),
    "forced_sweep_in_a_search_space": (
        section(mode="MULTIRUN", sweeper={"params": {"++hydra.sweep.dir": UP}}),
        RERUN,
        "is not a key of the configuration",
    ),
    "swept_name_in_the_sweeps_folder": (
        section(
            mode="MULTIRUN",
            sweep={"dir": "x/${dataset.name}"},
            sweeper={"params": {"dataset.name": f"a,../{UP}"}},
        ),
        RERUN,
        "dataset.name: '../",
    ),
    "overrides_of_hydra": (
        section(
            overrides={"hydra": ["hydra.sweep.dir=/tmp/mtl-cli-canary"]},
            mode="MULTIRUN",
            sweeper={"params": {"seed": "1,2"}},
        ),
        RERUN,
        "hydra.overrides",
    ),
    "output_subdir": (
        section(output_subdir=f"../{UP}"),
        RERUN,
        "hydra.output_subdir: a file may not",
    ),
    "working_folder": (
        section(job={"chdir": True}),
        RERUN,
        "hydra.job.chdir: a file may not",
    ),
    "storage_of_a_search": (
        {
            "conf/sweep/mine.yaml": "# @package _global_\n"
            "defaults: [{override /hydra/sweeper: optuna}]\n"
            "hydra: {mode: MULTIRUN, sweeper: {storage: 'sqlite:///../canary'}}\n"
        },
        ["sweep=mine"],
        "hydra.sweeper.storage: 'sqlite:///../canary' is not in the sweep's folder",
    ),
    "typed_folder_that_a_later_setting_replaces": (
        saved_run(dataset={"name": UP}),
        [*RERUN, "hydra.run.dir=/tmp/a", "hydra.run.dir=${{dataset.name}}"],
        f"hydra.run.dir: '{UP}' is not below",
    ),
    "typed_folder_that_a_later_section_replaces": (
        saved_run(dataset={"name": UP}),
        [*RERUN, "hydra.run.dir=/tmp/a", "hydra.run={{dir: '${{dataset.name}}'}}"],
        f"hydra.run.dir: '{UP}' is not below",
    ),
    "the_current_folder": (section(run={"dir": "."}), RERUN, "'.' is not below"),
    "data_set_named_out": ({}, [f"dataset.name=../{UP}/x"], "is not below"),
    "folder_that_is_resolved_twice": (
        section(run={"dir": r"x/\${dataset.train}"}),
        RERUN,
        "hydra.run.dir: 'x/${dataset.train}' holds '${', which Hydra would resolve",
    ),
    "data_set_whose_name_is_resolved_twice": (
        {},
        [r"dataset.name='x\${{dataset.train}}'"],
        "or its whole path holds '${' or NUL; write another path",
    ),
    "swept_value_that_is_resolved_twice": (
        {
            "conf/sweep/mine.yaml": "# @package _global_\nhydra: {mode: MULTIRUN, "
            r"sweeper: {params: {trainer.monitor: 'a,\${oc.env:HOME}'}}}"
        },
        ["sweep=mine"],
        "hydra.sweeper.params.trainer.monitor: 'a,${oc.env:HOME}' holds '${'",
    ),
}

# 10 aliases of 10 aliases of ...: a trillion values.
BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 13)
)
ENDLESS = {
    "aliases_in_a_data_set": (dataset(BOMB), MINE, "expands to more than"),
    "aliases_in_a_run": ({"run/config.yaml": BOMB}, RERUN, "expands to more than"),
    "aliases_in_an_experiment": (
        {"conf/experiment/mine.yaml": f"# @package _global_\n{BOMB}"},
        ["experiment=mine"],
        "expands to more than",
    ),
    "alias_of_itself": (dataset("name: &a [*a]\n"), MINE, "contains itself"),
    "nesting": (dataset("name: " + "[" * 100_000), MINE, "nest"),
    "nested_mappings": (
        dataset("".join(f"{' ' * i}a:\n" for i in range(200))),
        MINE,
        "nested more than",
    ),
    "list": (
        dataset(f"name: x\nfeatures:\n  - {list(range(200_000))}\n"),
        MINE,
        "mine.yaml: a list has 200,000 values; at most 5,000 are read",
    ),
    "nested_list_to_sweep": (
        search_space("model.tower_units", f"{'[' * 2000}1{']' * 2000},[2]"),
        ["sweep=mine"],
        "hydra.sweeper.params.model.tower_units: 'model.tower_units=[[[",
    ),
    "huge_file": (dataset("# " + "x" * (5 << 20)), MINE, "at most"),
    "number_of_a_million_parts": (
        dataset(f"name: x\nzz: {':'.join(['1'] * 1_500_000)}\n"),
        MINE,
        "holds a number of",
    ),
    "number_that_python_cannot_write": (
        dataset(f"name: 0x{'f' * 4000}\n"),
        MINE,
        "holds a number of 4,002 digits",
    ),
}
BOMBS = {
    "texts_of_texts": (
        dataset(
            "a0: xxxxxxxxxx\n"
            + "".join(f"a{i}: ${{.a{i - 1}}}${{.a{i - 1}}}\n" for i in range(1, 31))
            + "name: ${.a30}\n"
        ),
        MINE,
        "takes more than",
    ),
    "list_to_sweep": (
        search_space("model.tower_units", f"{[1] * 20_000},[2]"),
        ["sweep=mine"],
        "takes more than",
    ),
}
TEMPLATE = "{{a.__globals__[os].environ[HOME]}}://x"
REFERENCES = json.dumps(
    {"version": 1, "templates": {"a": "{{x}}"}, "refs": {"k": [TEMPLATE]}}
)
READ = {
    "template_of_a_url": (
        dataset(yaml.safe_dump(values("reference::file://r1.json", A, TASKS)))
        | {"r1.json": REFERENCES},
        MINE,
        "the protocol 'reference::file' is not one of",
    ),
    "variables_of_this_process": (
        dataset(yaml.safe_dump(values("/proc/self/environ", A, TASKS, format="csv"))),
        MINE,
        "describes this machine",
    ),
    "variables_of_this_process_by_a_url": (
        dataset(
            yaml.safe_dump(values("file:///proc/self/environ", A, TASKS, format="csv"))
        ),
        MINE,
        "describes this machine",
    ),
    "device_as_a_table": (
        dataset(yaml.safe_dump(values("/dev/zero", A, TASKS, format="csv"))),
        MINE,
        "/dev/zero is not a regular file",
    ),
    "help_of_a_file": (
        section(help={"header": "\x1b]0;title\x07${oc.env:HOME}"}),
        [*RERUN, "--help"],
        "hydra.help.header: a file may not",
    ),
}
ATTACKS = CODE | FOLDERS | ENDLESS | BOMBS | READ
# The default suite tries every fifteenth attack. A bomb uses up the seconds that
# reading may take, and an attack on the names of jobs starts a sweep.
TRIED = {*CODE, *FOLDERS, *ENDLESS, *READ} - {"swept_name_in_the_sweeps_folder"}
QUICK = [name for name in ATTACKS if name in TRIED][::15]


@pytest.mark.parametrize("name", slow_except(QUICK, ATTACKS))
def test_attack_is_refused_in_one_line_and_leaves_nothing(name, tmp_path):
    files, arguments, expected = ATTACKS[name]
    # Deep enough that a few steps up still end in the test's own folder.
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    write(folder, files)
    command = [a.format(folder=folder) for a in arguments]
    code, out, err, _ = refused(folder, *command)
    assert code == 2, (out, err)
    assert expected in err
    assert err.startswith("mtl-train: error: ") and err.count("\n") == 1
    remaining = {str(p.relative_to(folder)) for p in tmp_path.rglob("*") if p.is_file()}
    own_sweep = {name for name in remaining if name.startswith("x/adult/")}
    assert remaining - own_sweep == set(files)
    assert not list(tmp_path.rglob(CANARY))
    assert not Path("/tmp/mtl-cli-canary").exists()


@pytest.mark.slow
def test_saved_configuration_that_nobody_has_crafted_is_read(tmp_path):
    # Or else the attacks on it would be refused for something else.
    write(tmp_path, saved_run(seed=3))
    code, out, err, _ = refused(tmp_path, *(a.format(folder=tmp_path) for a in RERUN))
    assert (code, err) == (0, "")
    assert "check_only: nothing was trained" in out


def test_trusted_texts_refer_only_to_values_that_no_file_sets_unchecked():
    # Trusted texts are compared before their interpolations are resolved.
    allowed = {f"hydra.help.{key}" for key in ("app_name", "header", "footer")}
    allowed |= {"hydra.job.name", "hydra.sweep.dir"}  # checked
    allowed |= {"hydra.job.num", "hydra.runtime.output_dir", "hydra.runtime.version"}
    loader = ConfigLoaderImpl(create_config_search_path(str(conf_folder())))
    references = set()
    for group in PLUGIN_GROUPS:
        for option in loader.get_group_options(group):
            settings = (f"{group}={option}",)
            if group == "hydra/sweeper/sampler":
                settings = ("hydra/sweeper=optuna", *settings)
            for config_name in ("config", None):
                section = trusted_section(settings, config_name)
                for key, value in section.items():
                    if f"hydra.{key}" not in FOLDER_KEYS:
                        references.update(re.findall(r"\$\{([^{}]*)", str(value)))
    assert "hydra.job.name" in references
    assert references <= allowed


def test_only_modules_of_our_own_packages_have_names():
    for package in ("models", "encoders", "generators"):
        for name in option_names(package):
            assert name.isidentifier()
            assert not name.startswith("_")
