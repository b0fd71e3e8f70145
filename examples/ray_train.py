"""Trains one run on several workers of a Ray cluster, with Ray Train.

    python ray_train.py 2 model=mmoe hydra.run.dir=/runs/mmoe

The first argument is the number of workers; the others are settings of `mtl-train`.
`hydra.run.dir` is a folder that all machines share. The same command again resumes the
run, or shows the finished run.
"""

import sys

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer


def train_loop_per_worker(config: dict[str, list[str]]) -> None:
    """Runs `mtl-train` in a child process, which reads the `TF_CONFIG` of Ray Train.

    If Ray ends this worker, the child process writes a checkpoint and ends, too.
    """
    import mtl_cli

    mtl_cli.train("trainer.strategy=multi_worker", *config["settings"])


def main(num_workers: int, settings: list[str]) -> None:
    """Trains, and starts all workers again up to three times if one of them is lost."""
    ray.init()
    trainer = TensorflowTrainer(
        train_loop_per_worker,
        train_loop_config={"settings": settings},
        # With GPUs: use_gpu=True.
        scaling_config=ScalingConfig(num_workers=num_workers),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=3)),
    )
    trainer.fit()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
