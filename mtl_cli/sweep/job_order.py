"""The order of the jobs in the last table of a sweep: the best job first."""

from mtl_cli.runs.job_records import JobRecord

# `trainer.monitor` and `JobRecord.row_settings`. Two objectives are comparable only if
# these are equal.
Measure = tuple[str, dict[str, str]]


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
        measure = measures.index((record.monitor, record.row_settings))
        return False, measure, -len(record.scores), -record.objective

    return sorted(records, key=key)


def measures_of(records: list[JobRecord]) -> list[Measure]:
    """Returns the different measures of the jobs with an objective."""
    measures: list[Measure] = []
    for record in records:
        measure = record.monitor, record.row_settings
        if record.objective is not None and measure not in measures:
            measures.append(measure)
    return measures


def order_of_table(records: list[JobRecord]) -> str:
    """Returns the line that says how `best_first` sorts; "" without objectives."""
    measures = measures_of(records)
    if not measures:
        return ""
    line = "best first, by trainer.monitor on the validation rows"
    if len(measures) == 1:
        return line
    keys = " or ".join(differing_keys(records))
    return f"{line}; jobs with another {keys} come after"


def differing_keys(records: list[JobRecord]) -> list[str]:
    """Returns the keys in which the measures of jobs with an objective differ.

    A key that chooses no rows of one of two jobs does not count, such as
    `dataset.train` if a file holds the validation rows.

    Data sets of different names can differ in many keys, so `dataset` stands for them.
    """
    scored = [record for record in records if record.objective is not None]
    keys = ["trainer.monitor"] if len({r.monitor for r in scored}) > 1 else []
    first_of_dataset: dict[str, dict[str, str]] = {}
    row_keys = []
    for record in scored:
        settings = record.row_settings
        first = first_of_dataset.setdefault(record.dataset, settings)
        common_keys = [key for key in first if key in settings]
        row_keys += [key for key in common_keys if first[key] != settings[key]]
    firsts = list(first_of_dataset.values())
    if any(settings != firsts[0] for settings in firsts):
        keys.append("dataset")
    return [*keys, *(f"dataset.{key}" for key in dict.fromkeys(row_keys))]
