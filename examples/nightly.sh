#!/bin/sh
# Trains a day from the day before, and exports the new model unless it is worse.
#
#     sh nightly.sh 2 1 days/3.parquet
#
# trains on days/2.parquet, starts from outputs/nights/1, and writes outputs/nights/2 and
# outputs/serving/2. Both models are compared on days/3.parquet, rows that neither has
# seen. If the new model is worse, the script exits with 1 before the export.
set -eu
day=$1 before=$2 unseen=$3
evaluations=outputs/evaluations/$day

mtl-train dataset=days model=mmoe dataset.train="days/$day.parquet" \
    dataset.test="$unseen" start_from="outputs/nights/$before" trainer.epochs=2 \
    hydra.run.dir="outputs/nights/$day"
mtl-evaluate "outputs/nights/$before" "outputs/nights/$day" "$unseen" -o "$evaluations"
mtl-compare "$evaluations" --baseline "outputs/nights/$before" --fail-if worse
mtl-export "outputs/nights/$day" "outputs/serving/$day"
