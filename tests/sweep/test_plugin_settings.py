"""Settings of sweepers that a file holds."""

from omegaconf import OmegaConf

from mtl_cli.sweep.plugin_settings import prefix_new_keys, remove_replaced_params


def test_file_may_sweep_a_key_of_the_data_set_that_no_other_file_sets() -> None:
    values = {
        "dataset": {"features": {"user": {"kind": "sparse"}}},
        "model": {"name": "mmoe"},
        "hydra": {
            "sweeper": {
                "params": {
                    "dataset.features.user.embedding_dim": "4,8",
                    "dataset.features.user.kind": "sparse,hashed",
                    "compare.single_task": True,
                    "model.num_expert": "2,4",  # no open section: a mistake stays one
                },
                "list_params": {"dataset.features.user.min_count": [1, 2]},
                "grid_params": None,
            }
        },
    }
    config = OmegaConf.create(values)
    prefix_new_keys(config)
    sweeper = config.hydra.sweeper
    assert OmegaConf.to_container(sweeper) == {
        "params": {
            "++dataset.features.user.embedding_dim": "4,8",
            "dataset.features.user.kind": "sparse,hashed",
            "++compare.single_task": True,
            "model.num_expert": "2,4",
        },
        "list_params": {"++dataset.features.user.min_count": [1, 2]},
        "grid_params": None,
    }


def test_command_line_replaces_keys_that_a_file_sweeps_or_fixes() -> None:
    params = {"seed": "choice(0,1,2)", "++dataset.x": 1, "model.y": "${hydra:job.num}"}
    settings = ["seed=1", "dataset.x=choice(1,2)", "trainer.z=${hydra:job.num}"]
    grid = {"seed": [1, 2], "model.y": [3, 4]}
    sweeper = {"params": params, "grid_params": grid}
    hydra = {"sweeper": sweeper, "overrides": {"task": settings}}
    config = OmegaConf.create({"hydra": hydra})
    remove_replaced_params(config)
    assert OmegaConf.to_container(config.hydra.sweeper) == {
        "params": {"model.y": "${hydra:job.num}"},
        "grid_params": {"model.y": [3, 4]},
    }
