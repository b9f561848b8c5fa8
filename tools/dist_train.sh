#!/usr/bin/env bash
# usage: tools/dist_train.sh CONFIG NUM_PROCESSES [arguments of tools/train.py]
# Several nodes: set NNODES, NODE_RANK, MASTER_ADDR and PORT, as for MMPose's script.
set -eu
if [ $# -lt 2 ] || [[ $2 == *[!0-9]* ]]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi

tools=$(dirname "$0")
export LAUNCHER_PID=$$ PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$2" \
    "$tools/train.py" "$1" --launcher pytorch "${@:3}"
