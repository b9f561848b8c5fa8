#!/usr/bin/env bash
# All that needs a GPU, within minutes: the tests of tests/test_gpu.py, speed, and a training at the
# paper's size. What each command prints, and the run files, go to OUT.
#
#     tools/benchmarks/on_gpu.sh OUT MINUTES [DATA]
#
# MHHN_DEVICE=cpu tries it without a GPU, with tiny models.
set -uo pipefail
out=$(realpath -m "${1:?OUT is missing}") minutes=${2:?MINUTES are missing}
data=$(realpath -m "${3:-data/300w}")
export MHHN_DEVICE=${MHHN_DEVICE:-cuda}
mkdir -p "$out"
cd "$(dirname "$0")/../.."

run() {  # NAME SECONDS COMMAND...: a command that may fail, or take too long, without the others
    echo "== $1, at most $(($2 * patience)) s"
    timeout "$(($2 * patience))" python -W ignore "${@:3}" 2>&1 | tee "$out/$1.txt" || echo "== $1: exit status $?"
}

models=(--models mhhn hgs hourglass hrnetv2-w18-dark)
here=(--device "$MHHN_DEVICE") tiny=() speed=(--batch 32 --amp --channels-last) patience=1
if [ "$MHHN_DEVICE" = cpu ]; then
    here+=(--repeats 1) tiny=(--tiny) speed=(--tiny --batch 2) patience=10
    models=(--models mhhn hgs hrnetv2-w18-dark)  # HourglassNet needs 7 GB
fi
run correct 70 -m pytest -q -o addopts= -o junit_family=xunit1 -p no:cacheprovider \
    --junitxml="$out/correct.xml" tests/test_gpu.py
run decoding 30 tools/benchmarks/decoding.py "${here[@]}"
run training 60 tools/benchmarks/model_speed.py training "${models[@]}" "${speed[@]}" "${here[@]}"
run graph 30 tools/benchmarks/model_speed.py graph --models mhhn hgs "${speed[@]}" "${here[@]}"
run inference 40 tools/benchmarks/model_speed.py inference "${models[@]}" "${speed[@]}" "${here[@]}"
left=$((60 * minutes - SECONDS))
[ "$left" -ge 120 ] || { echo "== paper-size: no time left"; exit 1; }
run paper-size "$left" tools/benchmarks/train_series.py "$out" paper-size --data "$data" \
    --minutes "$(awk "BEGIN { print ($left - 75) / 60 }")" --device "$MHHN_DEVICE" "${tiny[@]}"
