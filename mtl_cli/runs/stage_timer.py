"""Measures the seconds that each stage of a run takes."""

import time


class StageTimer:
    """Adds up the seconds of each stage.

    The first stage is over when the timer is made; its seconds are the CPU time that
    the process has used until then.
    """

    def __init__(self) -> None:
        self.seconds = {"start Python, compose and check": time.process_time()}
        self.stage_began = time.perf_counter()

    def end_stage(self, stage: str) -> None:
        """Ends a stage. The stage began when the stage before it ended."""
        now = time.perf_counter()
        self.add(stage, now - self.stage_began)
        self.stage_began = now

    def add(self, stage: str, seconds: float) -> None:
        """Adds seconds to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def split_off(self, stage: str, inner_stage: str, seconds: float) -> None:
        """Moves seconds from a stage to a stage inside it."""
        self.seconds[stage] -= seconds
        self.add(inner_stage, seconds)

    def table(self) -> list[list[str]]:
        """Returns a header, one row per stage, and the sum: names, seconds, shares."""
        total = sum(self.seconds.values())
        rows = [
            [stage, f"{seconds:.2f}", f"{seconds / total:.0%}"]
            for stage, seconds in self.seconds.items()
        ]
        return [
            ["part of the run", "seconds", "share"],
            *rows,
            ["all", f"{total:.2f}", ""],
        ]
