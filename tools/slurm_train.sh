#!/usr/bin/env bash
# Distil under Slurm: [GPUS=8] tools/slurm_train.sh PARTITION JOB CONFIG [arguments of train.py]
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=4] [SRUN_ARGS=...]" \
        "$0 PARTITION JOB CONFIG [arguments of tools/train.py]" >&2
    echo "GPUS is the number of processes; GPUS_PER_NODE=0 asks for no GPU" >&2
    exit 2
fi
partition=$1
job=$2
config=$3
shift 3
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-8}
if [ "$gpus" -lt "$per_node" ]; then per_node=$gpus; fi
resources=()
if [ "$per_node" -gt 0 ]; then
    resources=(--ntasks-per-node="$per_node" --gres="gpu:$per_node")
fi
# SRUN_ARGS may hold several arguments, so it is split on purpose.
# shellcheck disable=SC2086
exec srun --partition="$partition" --job-name="$job" --ntasks="$gpus" ${resources[@]+"${resources[@]}"} \
    --cpus-per-task="${CPUS_PER_TASK:-4}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$config" --launcher slurm "$@"
