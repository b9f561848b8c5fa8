#!/usr/bin/env bash
# usage: tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [arguments of tools/test.py]
# Several nodes: set NNODES, NODE_RANK, MASTER_ADDR and PORT, as for MMPose's script.
set -eu
if [ $# -lt 3 ] || [[ $3 == *[!0-9]* ]]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi

tools=$(dirname "$0")
# torchrun gives several processes one thread each; one gets the same, for the same last digits.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" LAUNCHER_PID=$$
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$3" \
    "$tools/test.py" "$1" "$2" --launcher pytorch "${@:4}"
