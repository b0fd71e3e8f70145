"""The order of the jobs in the last table of a sweep: the best job first."""

from mtl_cli.runs.job_records import JobRecord


def best_first(records: list[JobRecord]) -> list[JobRecord]:
    """Sorts jobs: the greatest objective first, jobs without an objective last.

    Only jobs with the same monitor and the same validation rows are sorted together.
    The jobs with the monitor and the rows of the first job come first.

    Jobs that train fewer tasks come after the jobs that train all tasks. An objective
    is often a mean over the tasks, so the objectives of different tasks are not
    comparable.
    """
    measures = measures_of(records)

    def key(record: JobRecord) -> tuple[bool, int, int, float]:
        if record.objective is None:
            return True, 0, 0, 0.0
        measure = measures.index(record.measure)
        return False, measure, -len(record.scores), -record.objective

    return sorted(records, key=key)


def measures_of(records: list[JobRecord]) -> list[str]:
    """Returns the different measures of the jobs with an objective."""
    scored = [record for record in records if record.objective is not None]
    return list(dict.fromkeys(record.measure for record in scored))


def order_of_table(records: list[JobRecord]) -> str:
    """Returns the line that says how `best_first` sorts; "" without objectives."""
    measures = measures_of(records)
    if not measures:
        return ""
    line = "best first, by trainer.monitor on the validation rows"
    if len(measures) == 1:
        return line
    return f"{line}; jobs with another monitor or other validation rows come after"
