#!/usr/bin/env bash
# Distil in several processes, one a GPU: tools/dist_train.sh CONFIG PROCESSES [arguments of
# train.py]. On several nodes, run it on each with NNODES, NODE_RANK and MASTER_ADDR set.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: [NNODES=2 NODE_RANK=0 MASTER_ADDR=HOST [PORT=29500]]" \
        "$0 CONFIG PROCESSES_PER_NODE [arguments of tools/train.py]" >&2
    exit 2
fi
config=$1
processes=$2
shift 2
if [ "${NNODES:-1}" = 1 ]; then
    meeting=(--standalone) # at a free port, so that several runs fit on one machine
else
    meeting=(--nnodes="$NNODES" --node_rank="${NODE_RANK:?set it to 0 ... NNODES-1}"
        --master_addr="${MASTER_ADDR:?set it to the address of node 0}"
        --master_port="${PORT:-29500}")
fi
exec python -m torch.distributed.run "${meeting[@]}" --nproc_per_node="$processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
