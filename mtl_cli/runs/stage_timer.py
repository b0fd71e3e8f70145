"""Measures the seconds that each stage of a run takes."""

import time


class StageTimer:
    """Measures the seconds of each stage.

    The first stage ends when the timer is created. The seconds of this stage are the
    CPU time that the process has used until then.
    """

    def __init__(self) -> None:
        self.seconds = {"start Python, compose and check": time.process_time()}
        self.stage_began = time.perf_counter()

    def end_stage(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self.stage_began
        self.stage_began = now

    def split_off(self, stage: str, inner_stage: str, seconds: float) -> None:
        """Turns a part of a stage into a separate stage, with `seconds` of its time."""
        self.seconds[stage] -= seconds
        self.seconds[inner_stage] = seconds

    def table(self) -> list[list[str]]:
        total = sum(self.seconds.values())
        rows = [
            [stage, f"{seconds:.2f}", f"{seconds / total:.0%}"]
            for stage, seconds in self.seconds.items()
        ]
        header = ["part of the run", "seconds", "share"]
        return [header, *rows, ["all", f"{total:.2f}", ""]]
