"""Where the seconds of a run go."""

import time


class Laps:
    """Seconds between marks; the first lap is what this process computed before."""

    def __init__(self) -> None:
        self.seconds = {"start Python, compose and check": time.process_time()}
        self.last = time.perf_counter()

    def mark(self, name: str) -> None:
        """Ends a lap."""
        now = time.perf_counter()
        self.add(name, now - self.last)
        self.last = now

    def add(self, name: str, seconds: float) -> None:
        """Adds seconds to a lap."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def move(self, name: str, part: str, seconds: float) -> None:
        """Shows a part of a lap as a lap of its own."""
        self.seconds[name] -= seconds
        self.add(part, seconds)

    def table(self) -> list[list[str]]:
        """Returns head and rows: each lap, its seconds and its share."""
        total = sum(self.seconds.values())
        rows = [
            [name, f"{seconds:.2f}", f"{seconds / total:.0%}"]
            for name, seconds in self.seconds.items()
        ]
        return [
            ["part of the run", "seconds", "share"],
            *rows,
            ["all", f"{total:.2f}", ""],
        ]
