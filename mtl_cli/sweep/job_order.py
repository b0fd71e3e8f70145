"""The order of the jobs in the last table of a sweep: the best job first."""

from mtl_cli.runs.job_records import JobRecord


def best_first(records: list[JobRecord]) -> list[JobRecord]:
    """Sorts jobs: the greatest objective first, jobs without an objective last.

    Only jobs with the same monitor and the same rows are sorted together. The jobs of
    the first job's monitor and scenario come first.

    Jobs that train fewer tasks come after the jobs that train all tasks. An objective
    is often a mean over the tasks, so the objectives of different tasks are not
    comparable.
    """
    num_tasks = max((len(record.scores) for record in records), default=0)
    measures = measures_of(records)

    def key(record: JobRecord) -> tuple[bool, int, bool, float]:
        if record.objective is None:
            return True, 0, False, 0.0
        has_fewer_tasks = len(record.scores) < num_tasks
        measure = measures.index((record.monitor, record.scenario))
        return False, measure, has_fewer_tasks, -record.objective

    return sorted(records, key=key)


def measures_of(records: list[JobRecord]) -> list[tuple[str, str | None]]:
    """Returns the different pairs of monitor and scenario of jobs with an objective."""
    pairs = [(r.monitor, r.scenario) for r in records if r.objective is not None]
    return list(dict.fromkeys(pairs))


def order_of_table(records: list[JobRecord]) -> str:
    """Returns the line that says how `best_first` sorts; "" without objectives."""
    measures = measures_of(records)
    if not measures:
        return ""
    line = "best first, by trainer.monitor on the validation rows"
    if len(measures) == 1:
        return line
    names = ("trainer.monitor", "dataset.only_scenario")
    values_by_name = zip(names, zip(*measures, strict=True), strict=True)
    keys = [name for name, values in values_by_name if len(set(values)) > 1]
    return f"{line}; jobs with another {' or '.join(keys)} come after"
