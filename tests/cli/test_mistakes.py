"""Every mistake on the command line is reported in one line, without TensorFlow."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.commands import refused
from helpers.slow import slow_except
from hydra.errors import ConfigCompositionException, MissingConfigException

from mtl_cli.cli.hydra_errors import explain

# The command line, and what the line on stderr must hold: what, expected, fix.
MISTAKES = {
    "trainer.epoch=3": "unknown key 'trainer.epoch'; did you mean trainer.epochs?",
    "+trainer.epoch=3": "unknown key 'trainer.epoch'; did you mean trainer.epochs?",
    "++trainer.epoch=3": "unknown key 'trainer.epoch'; did you mean trainer.epochs?",
    "model.num_experts=8": "? num_experts is a key of model=mmoe, omoe, poso",
    "optimizer.momentum=1": "'optimizer.momentum'; momentum is a key of optimizer=sgd",
    "lr=3": "unknown key 'lr'; did you mean optimizer.learning_rate?",
    "optimizer.lr=3": "did you mean optimizer.learning_rate?",
    "trainer.bs=3": "did you mean trainer.batch_size?",
    "epochs=3": "unknown key 'epochs'; did you mean trainer.epochs?",
    "datset=adult": "unknown key 'datset'; did you mean dataset?",
    "model=mmoe model.num_expert=3": "did you mean model.num_experts?",
    "model=mmoe model.num_level=3": "unknown key 'model.num_level'; known keys of mod",
    "foo.seeed=3": "unknown key 'foo.seeed'; did you mean seed?\n",
    "encoder.embedding_l2=1": "unknown key 'encoder.embedding_l2'; did you mean enc",
    "model.sub.dropout=1": "'model.sub.dropout'; did you mean model.dropout?\n",
    "dataset.num_users=1": "; num_users is a key of dataset.generator=funnel",
    "dataset.name=funnel dataset.num_users=1": "'dataset.num_users'; num_users is",
    "trainer.monitor=auto.auc": "'auto.auc' should be one of auto, mean, income, ",
    "dataset.features.age.num_bucket=3": "did you mean dataset.features.age.num_b",
    "'dataset.features.age={kind: sparse}'": "num_buckets is a key of kind bucketized, "
    "cross, hashed, piecewise_linear: to change the kind on the command line, add "
    "'~dataset.features.age.num_buckets'\n",
    "trainer.epochs 3": "'trainer.epochs' has no '='; settings are given as key=value",
    "epochs": "'epochs' has no '='",
    "x" * 5000: "xxx...",
    "--epochs=3": "there is no flag '--epochs=3'; settings are given without dashes, "
    "as in trainer.epochs=3\n",
    "trainer.batch-size=3": "did you mean trainer.batch_size?",
    r"dataset.name=it\'s": "quote a value that has special characters: 'KEY=",
    "-x": "no flag '-x'",
    "--config-path": "argument --config-path/-cp: expected one argument; see mtl-train",
    "--cfg nothing": "argument --cfg/-c: invalid choice: 'nothing' (choose from",
    "-m --cfg job": "Only one of --run, --multirun, --cfg",
    "-m 'hydra.sweeper.params={seed: 1}'": "hydra.sweeper.params",
    "-m hydra.sweeper.params.seed=1": "Unexpected type for root",
    "-m dataset.features.age.separator=,": "cannot read 'dataset.features.age.sep",
    "dataset.features.age.kind=a,b": "argument 'dataset.features.age.kind=a,b': add -m",
    "seed=1,2": "Ambiguous value for argument 'seed=1,2': add -m "
    "to run every value, or write a list as [A,B]",
    "trainer.epochs=abc": "trainer.epochs: 'abc' should be 'auto' or a valid integer",
    "trainer.epochs=3.5": "trainer.epochs: 3.5 should be 'auto' or a valid integer",
    "trainer.epochs=true": "trainer.epochs: true should be 'auto' or a valid integer",
    "'trainer.epochs=${model}'": 'epochs: {"tower_units": [32], "activation": "relu", ',
    "'seed=${seed}'": "seed: Recursive interpolation detected",
    "'seed=${nothing:1}'": "seed: Unsupported interpolation type nothing",
    "'seed=${oc.env:MTL_NOTHING}'": "seed: KeyError raised while resolving interp",
    "'+dataset.tasks={1: {}}'": "dataset.tasks.1: the name 1 should be a valid string",
    "trainer.epochs=0": "epochs: 0 should be 'auto' or greater than or equal to 1",
    "trainer.compile=maybe": "'maybe' should be 'auto' or a valid boolean",
    "seed=-1": "seed: -1 should be greater than or equal to 0",
    "seed=null": "seed: null should be a valid integer",
    "optimizer.learning_rate=-1": "-1 should be greater than 0",
    "model.l2=1e-46": "model.l2: 1e-46 should be from 1e-30 to 1e30: networks",
    "optimizer.beta_2=0.999999999999": "should be smaller: networks round it to 1",
    "optimizer.learning_rate=nan": "should be a finite number",
    "model.dropout=1.5": "model.dropout: 1.5 should be less than 1",
    "model.expert_units=[]": "model.expert_units: [] should have at least 1 item",
    "model.expert_units=[64,-1]": "-1 should be greater than or equal to 1",
    "model.tower_units=64": "64 should be a valid list; write [64]",
    "'model.tower_units=\"[64]\"'": "'[64]' should be a valid list; write [64]",
    f"model.tower_units={'a' * 300}": "...' should be a valid list",
    f"model.tower_units={'[' * 300}{']' * 300}": "the settings are nested too deeply",
    f"trainer.epochs={'1' * 5000}": "Exceeds the limit",
    f"+dataset.features.{'a' * 300}.kind=sparse": "File name too long",
    "model=home '+model.groups={shared: [income]}'": "and the name shared\n",
    "model.num_shared_experts=0": "0 should be greater than or equal to 1",
    "model=mmoe model.num_experts=99999999": "should be less than or equal to 1000",
    "model=cgc model.num_specific_experts=1001": "model.num_specific_experts: 1001 "
    "should be less than or equal to 1000",
    "model=mmoe model.num_experts=0": "0 should be greater than or equal to 1",
    "encoder=xdeepfm encoder.cin_units=[3,2]": "encoder.cin_units: [3, 2] "
    "should have even widths except for the last, because the maps are halved\n",
    "optimizer=rowwise_adagrad optimizer.lazy=false": "optimizer.lazy: false should be "
    "auto or true, because rowwise_adagrad updates embedding tables of every size",
    "-m hydra.sweep.dir=a,b": "Sweeping over Hydra's configuration is not supported : "
    "'hydra.sweep.dir=a,b'\n",
    "hydra.run.dir=null": "error: hydra.run.dir: field 'hydra.run.dir' is not Optional",
    "hydra.job.chdir=true": "hydra.job.chdir: paths are relative to the folder in ",
    "hydra.callbacks.x=a": "error: unknown key 'hydra.callbacks.x'; known keys of hydr",
    "-m seed=interval(1,9)": "error: an interval of values is searched, not swept; ",
    "-m seed=1,2 hydra.sweep.subdir=a": "hydra.sweep.subdir: each job names its own",
    "-m seed=1,2 hydra.run.dir=a": "hydra.run.dir: this command starts several runs, ",
    "repeats=2 hydra.run.dir=a": "name the sweep's folder by hydra.sweep.dir",
    "~model.num_levels": "missing key 'model.num_levels'; add it to the YAML file",
    "~model.num_levels ~trainer.epochs": "missing keys 'model.num_levels', "
    "'trainer.epochs'; add them to the YAML file",
    "~dataset.features.ag": "Could not delete from config. 'dataset.features.ag' does",
    "hydra/launcher=joblibb": "the group 'hydra/launcher' has no option 'joblibb'; "
    "known: basic, joblib, submitit_local, submitit_slurm, ray; did you mean joblib?\n",
    "hydra/sweeper=nosuch": "the group 'hydra/sweeper' has no option 'nosuch'; known: "
    "basic, optuna, list\n",
    "balancing=3": "the group 'balancing' has no option '3'; known: cagrad, dwa, fixed",
    "hydra/launcher=null": "Config group override must be a string",
    "-m '~tracker' seed=1,2 model=null,ple": "the group 'model' has no option 'null'",
    "model=plee": "the group 'model' has no option 'plee'; known: adatt, aitm, "
    "cgc, cross_stitch, dbmtl, esmm, home, m3oe, mmoe, omoe, pepnet, ple, poso, "
    "shared_bottom, single_task, snr, star, stem; did you mean ple?",
    "model=mmoo": "; did you mean mmoe?\n",
    "model=mymodel": "stem; a plugin needs --plugins FOLDER or its package",
    "dataset=mymodel": "synthetic_ple\n",
    "--config-name mine": "error: Cannot find primary config 'mine'",
    "model.name=mymodel": "stem; a plugin needs --plugins FOLDER or its package",
    "model.name=plee": "model.name: 'plee' is not one of: adatt,",
    "encoder=deepfmm": "did you mean deepfm?",
    "optimizer=adamm": "did you mean adam?",
    "dataset=adlt": "did you mean adult?",
    "experiment=source/adult_pl": "did you mean source/adult_ple?",
    "tasks=[incom]": "no task 'incom' in dataset adult, which has income, "
    "never_married; did you mean income?",
    "dataset=conf/dataset/adult.yaml": "the group 'dataset' has no option "
    "'conf/dataset/adult.yaml'; known: adult, ",
    "experiment=adult_mmoe": "did you mean source/adult_mmoe?",
    "optimizer.name=sgd": "add them to the YAML file, choose optimizer=sgd, or write",
    "model.name=mmoe": "choose model=mmoe, or write +model.num_experts=VALUE",
    "dataset.csv.null_values=[NA,-1]": "null_values.1: -1 should be a valid string; "
    "quote it",
    "loss_weights=[1,2]": "did you mean dataset.tasks.NAME.weight?",
    "seeds=[1,2]": "unknown key 'seeds'; did you mean repeats?",
    "output_dir=here": "did you mean hydra.run.dir?",
    "trainer.early_stopping=false": "did you mean trainer.patience?",
    "dataset.tasks=[income]": "set one key at a time: dataset.tasks.KEY=VALUE",
    "tasks=[]": "tasks: [] should have at least 1 item",
    "tasks=income": "should be a valid list; write [income]",
    "tasks=[income,income]": "names a task twice",
    "model.heads=esm": "'esm' is not one of: escm2, esmm, funnel, independent, "
    "ordered; did you mean esmm?",
    "model=esmm tasks=[income]": "model.heads=esmm needs two tasks",
    "model=esmm model.click_task=incom": "model.click_task: no task 'incom'",
    "model=esmm model.click_task=never_married": "model.click_task, "
    "model.conversion_task: the steps never_married, never_married name a task twice",
    "model.heads=funnel tasks=[income]": "model.heads=funnel needs two steps",
    "model.click_task=income": "model.click_task: only model.heads=escm2 or "
    "esmm uses it; choose model.heads=escm2 or esmm, or leave it out",
    "trainer.monitor=incom": "'incom' should be one of auto, mean, income, "
    "never_married; all but auto may be followed by a metric, as in mean.log_loss; did "
    "you mean income?",
    "trainer.monitor=mean.aucc": "did you mean auc?",
    "trainer.monitor=income.pcoc": "task income cannot be monitored by 'pcoc'",
    "dataset.tasks.income.metrics=[pcoc]": "'pcoc'; add one of auc, pr_auc, log_loss,",
    "dataset.valid_fraction=0": "trainer.patience: early stopping needs valid",
    "dataset.valid_fraction=1.5": "should be less than 1",
    "dataset.valid_fraction=0.1 dataset.valid=v.csv": "dataset.valid_fraction: ",
    "+dataset.features.income.kind=sparse": "dataset.features.income: the column "
    "income is the label of task income, so the model would see the answer;",
    "dataset.features.age.kind=spars": "dataset.features.age.kind: 'spars' is not one "
    "of: bucketized, calendar, cross, dense, hashed, piecewise_linear, sequence, "
    "sparse, vector; did you mean sparse?",
    "dataset.tasks.income.loss=mse": "income.loss: 'mse' should be 'bce' or 'focal'",
    "dataset.tasks.income.kind=regression": "dataset.tasks.income.positive: only "
    "kind=binary uses it; choose kind=binary, or leave it out",
    "dataset.tasks.income.label=incom": "no column 'incom' in data/adult/train.parquet",
    "dataset.train=[]": "dataset.train: [] should be a valid string or should have at "
    "least 1 item",
    "dataset.train=[data/adult/train.parquet,b.csv]": "dataset.train: no file 'b.csv'",
    "dataset.train=nowhere.parquet": "dataset.train: no file 'nowhere.parquet'",
    "dataset.test=a=b.csv": "quote a value that has special characters",
    "model.expert_units=[64": "cannot read 'model.expert_units=[64'",
    "'+dataset.tasks.mean={label: income, kind: binary}'": "the name 'mean' is taken",
    "'+dataset.tasks.row={label: income, kind: binary}'": "the name 'row' is taken",
    "dataset.group_column=age '+dataset.tasks.group={label: income, kind: binary}'": ""
    "the name 'group' is taken",
    "dataset.scenario=race '+dataset.tasks.scenario={label: income, kind: binary}'": ""
    "the name 'scenario' is taken",
    "'+dataset.tasks.income_row_weight={label: income, kind: binary}'": "the name "
    "'income_row_weight' is taken",
    "dataset.tasks.income.tower_unit=[8]": "mean dataset.tasks.income.tower_units?",
    "dataset.tasks.income.metrics=[auk]": "income.metrics: 'auk' is not one of: auc",
    "dataset.tasks.income.metrics=[gauc]": "gauc needs dataset.group_column",
    "dataset.tasks.income.positive=true": "quote it, as YAML reads yes",
    "dataset.split_by=group": "dataset.split_column: split_by=group needs a column",
    "dataset.group=income": "dataset.group: no group 'income' in the data set, which "
    "has none",
    "dataset.valid_from=tset": "should be 'train' or 'test'",
    "dataset.test_fraction=0.1": "dataset.test_fraction: dataset.test names the test "
    "rows; set test_fraction to 0 or dataset.test to null\n",
    "dataset.test_fraction=0.1 dataset.split_by=time dataset.split_column=age": "or "
    "dataset.test to null, and split_by=random split_column=null for a random split\n",
    "seed=5000000000": "seed: 5000000000 should be less than 4294967296",
    "-m seed=1,2 hydra.launcher=joblib": "hydra.launcher: 'joblib' is not a group of "
    "keys; choose the launcher by hydra/launcher=joblib",
    "-m seed=1,2 hydra.sweeper=optuna": "choose the sweeper by hydra/sweeper=optuna",
    "-m seed=range(1,20000001)": "the sweep has more than 100,000 jobs; give fewer",
    "-m seed=range(0,1000) model.dropout=range(0,1,0.005)": "more than 100,000 jobs",
    "repeats=20000000": "the sweep has more than 100,000 jobs",
    "hydra.run.dir=/proc/nowhere": "/proc/nowhere: No such file or "
    "directory; mend that, or name another path",
    "-m sweep=grid_small hydra.sweeper.params.seed=null": "is not Optional; correct",
    "--config-path /nowhere": "--config-path: there is no folder /nowhere; name the",
    "--cfg job --package nosuch": "package 'nosuch' not found in config; name a "
    "section, as in --package model",
}

# Settings of a search, and the end of the line on stderr.
MISTAKES_OF_SEARCHES = {
    "hydra.sweeper.n_trials=ten": "hydra.sweeper.n_trials: Value 'ten' of type 'str' "
    "could not be converted to Integer; correct this setting",
    "hydra.sweeper.n_trails=5": "unknown key 'hydra.sweeper.n_trails'; known keys of "
    "hydra.sweeper: sampler, direction, storage, study_name, n_trials, n_jobs, "
    "max_failure_rate, search_space, params, custom_search_space; did you mean "
    "n_trials?",
    "hydra.sweeper.pruner=x": "unknown key 'hydra.sweeper.pruner'; known keys of "
    "hydra.sweeper: sampler, direction, storage, study_name, n_trials, n_jobs, "
    "max_failure_rate, search_space, params, custom_search_space",
    "+hydra.sweeper.pruner=x": "hydra.sweeper: OptunaSweeper.__init__() got an "
    "unexpected keyword argument 'pruner'; correct its settings",
    "hydra.sweeper.max_failure_rate=2": "hydra.sweeper: AssertionError; correct its "
    "settings",
    "hydra.sweeper.n_trials=0": "hydra.sweeper.n_trials: 0 should be 1 or more",
    "hydra.sweeper.n_jobs=-1": "hydra.sweeper.n_jobs: -1 should be 1 or more",
    "++dataset.x=range(5,2)": "cannot search dataset.x=range(5,2): The `low` value "
    "must be smaller than or equal to the `high` value (low=5, high=2).",
    "model.dropout=interval(0.0,0.5) hydra/sweeper/sampler=grid": "cannot search "
    "model.dropout=interval(0.0,0.5): a grid needs choice(...) or range(...)",
}


@pytest.mark.parametrize(
    "setting", slow_except([*MISTAKES_OF_SEARCHES][::7], MISTAKES_OF_SEARCHES)
)
def test_mistake_in_a_search_is_told_with_the_key(setting: str, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="extra hpo")
    code, out, err, _ = refused(
        tmp_path, "-m", "hydra/sweeper=optuna", *setting.split()
    )
    expected = f"mtl-train: error: {MISTAKES_OF_SEARCHES[setting]}\n"
    assert (code, out, err) == (2, "", expected)


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["[minimize, maximize]", "minimize"])
def test_direction_of_a_search_in_a_file_is_refused(
    direction: str, tmp_path: Path
) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="extra hpo")
    (tmp_path / "conf" / "sweep").mkdir(parents=True)
    (tmp_path / "conf" / "sweep" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [override /hydra/sweeper: optuna]\n"
        f"hydra: {{mode: MULTIRUN, sweeper: {{direction: {direction}}}}}\n"
    )
    code, out, err, _ = refused(tmp_path, "sweep=mine", "seed=range(1,3)")
    assert (code, out) == (2, "")
    assert err == (
        "mtl-train: error: hydra.sweeper.direction: a search takes the best "
        "trainer.monitor, also of a metric for which less is better; leave the setting "
        "out\n"
    )


@pytest.mark.slow
def test_wrong_value_of_a_key_of_hydra_in_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "conf" / "sweep").mkdir(parents=True)
    (tmp_path / "conf" / "sweep" / "mine.yaml").write_text(
        "# @package _global_\nhydra: {sweeper: {max_batch_size: ten}}\n"
    )
    code, _, err, _ = refused(tmp_path, "sweep=mine")
    assert code == 2
    assert err.startswith("mtl-train: error: hydra.sweeper.max_batch_size: ")
    assert err.endswith(
        "Value 'ten' of type 'str' could not be converted to Integer; correct this "
        "setting\n"
    )


# The default suite makes every fifteenth mistake.
@pytest.mark.parametrize("command", slow_except([*MISTAKES][::15], MISTAKES))
def test_mistake_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    code, out, err, tensorflow = refused(tmp_path, *shlex.split(command))
    assert code == 2
    assert err.startswith("mtl-train: error: ")
    assert MISTAKES[command] in err
    assert err.count("\n") == 1
    assert out == ""
    assert not tensorflow


@pytest.mark.slow
@pytest.mark.parametrize("values", ["1", "1,2"])
def test_key_that_only_some_of_a_sweeps_models_have_is_told_with_the_other(
    values: str, tmp_path: Path
) -> None:
    code, _, err, _ = refused(
        tmp_path, "-m", "model=ple,mmoe", f"model.num_levels={values}"
    )
    assert code == 2
    assert err.startswith(
        "mtl-train: error: model=mmoe: unknown key 'model.num_levels'; "
        "num_levels is a key of model=adatt, ple, snr, stem\n"
    )
    assert err.count("\n") == 1


def test_syntax_error_in_a_users_yaml_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("name: [ple\nx: 1\n")
    code, _, err, _ = refused(tmp_path, "model=mine")
    assert code == 2
    assert "conf/model/mine.yaml:2:" in err
    assert err.count("\n") == 1


def test_yaml_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    file = tmp_path / "conf" / "model" / "mine.yaml"
    file.write_text("name: mmoe\n", "utf-16")  # as PowerShell's `>` writes text
    code, _, err, _ = refused(tmp_path, "model=mine")
    assert (code, err) == (
        2,
        f"mtl-train: error: {file} is not UTF-8; save the file as UTF-8\n",
    )


def test_option_with_a_name_that_is_read_as_a_number_needs_quotes(
    tmp_path: Path,
) -> None:
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "2024.yaml").write_text("nam: x\n")
    code, _, err, _ = refused(tmp_path, "dataset=2024")
    assert (code, err) == (
        2,
        "mtl-train: error: dataset=2024: Hydra reads 2024 as a value, not as a name; "
        "write 'dataset=\"2024\"'\n",
    )
    code, _, err, _ = refused(tmp_path, 'dataset="2024"')
    assert code == 2 and "missing key 'dataset.name'" in err


def test_folder_named_as_a_config_is_no_option(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model" / "folder.yaml").mkdir(parents=True)
    code, _, err, _ = refused(tmp_path, "model=folder")
    assert code == 2
    assert "the group 'model' has no option 'folder'; known: adatt" in err
    assert err.count("folder") == 1 and "ple" in err


@pytest.mark.slow
def test_unknown_key_in_a_users_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(
        "defaults: [ple, _self_]\nnum_level: 3\n"
    )
    code, _, err, _ = refused(tmp_path, "model=mine")
    assert code == 2
    assert "'model.num_level'; did you mean model.num_levels?" in err
    assert err.count("\n") == 1


def test_key_of_an_option_that_its_yaml_does_not_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("name: mmoe\n")
    code, _, err, _ = refused(tmp_path, "model=mine", "model.num_experts=4")
    assert (code, err) == (
        2,
        "mtl-train: error: model.num_experts: the chosen YAML file of conf/model does "
        "not set this key; add the key to the file, or write "
        "+model.num_experts=VALUE\n",
    )


SLOW_IMPORTS = ("tensorflow", "keras", "pandas", "numpy", "pyarrow", "pydantic")


QUESTIONS = [
    ("train", "--help", "num_levels: 2"),
    ("train", "--help num_levels", "number of"),
    ("train", "--cfg job", "num_levels: 2"),
    ("init", "--help", "--task"),
    ("compare", "--help", "--baseline"),
    ("predict", "--help", "--keep"),
    ("evaluate", "--help", "RUN"),
    ("export", "--help", "RUN"),
    ("doctor", "--help", "mtl-doctor"),
]

ASK = f"""
import importlib, sys
for command, flags, expected in {QUESTIONS}:
    main = importlib.import_module(f"mtl_cli.cli.{{command}}").main
    sys.argv = [f"mtl-{{command}}", *flags.split()]
    print("asked", command, flags)
    try:
        code = main(*[] if command == "train" else [sys.argv[1:]])
    except SystemExit as stop:
        code = stop.code
    loaded = set({SLOW_IMPORTS}) & set(sys.modules)
    if code or loaded:
        sys.exit(f"{{command}} {{flags}} ended with {{code}} and loaded {{loaded}}")
"""


def test_asking_loads_no_slow_package(tmp_path: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    answers = completed.stdout.split("asked ")[1:]
    for (command, flags, expected), answer in zip(QUESTIONS, answers, strict=True):
        assert answer.startswith(f"{command} {flags}\n")
        assert expected in answer


def test_every_command_is_asked() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    scripts = tomllib.loads(pyproject.read_text())["project"]["scripts"]
    assert set(scripts) == {f"mtl-{command}" for command, *_ in QUESTIONS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "In 'a': Error raised while composing config:\nBad value",
            " composing: Bad value",
        ),
        ("In 'a': Error raised while composing config:", "while composing config:"),
        ("Sweeping over Hydra's configuration is not supported", "is not supported"),
    ],
)
def test_shorter_text_of_hydra_is_explained_too(text: str, expected: str) -> None:
    assert explain(ConfigCompositionException(text), []).endswith(expected)


def test_unknown_launcher_is_told_with_those_that_can_be_installed() -> None:
    message = "In 'hydra/config': Could not find 'hydra/launcher/submitit'"
    error = MissingConfigException(message, "hydra/launcher/submitit")
    told = explain(error, ["hydra/launcher=submitit"])
    assert told.startswith("the group 'hydra/launcher' has no option 'submitit'; known")
    assert told.endswith("did you mean submitit_slurm?")
    assert ": basic, joblib, submitit_local, submitit_slurm, ray;" in told
