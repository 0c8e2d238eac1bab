#!/usr/bin/env bash
# Implements `make train`: PRESET=... DATA=... VALID=... OUT=... PROCESSES=... tools/train.sh [flags of job]
# Trains in the container of Dockerfile.train if the machine has an NVIDIA GPU, Docker and the NVIDIA Container
# Toolkit, otherwise in .venv. DOCKER=0 always trains in .venv. In the container, paths among the flags must be
# inside data/raw or artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "train: $*" >&2; }

why_not_docker() { # prints the reason if the container is not used
  if [ "${DOCKER:-1}" = 0 ]; then echo "DOCKER=0"
  elif ! nvidia-smi -L >/dev/null 2>&1; then echo "no NVIDIA GPU"
  elif ! docker info >/dev/null 2>&1; then echo "no Docker"
  elif ! docker info --format '{{json .Runtimes}}' | grep nvidia >/dev/null; then echo "no NVIDIA Container Toolkit"
  fi
}

# Each path of the host has the same name in the container. The working directory there is /app.
in_container() { case $1 in /*) echo "$1" ;; *) echo "/app/$1" ;; esac; }

reason=$(why_not_docker)
if [ -n "$reason" ]; then
  say "training in .venv ($reason)"
  "${PYTHON:-python3}" tools/setup.py train
  run() { .venv/bin/python -m "$@"; }
else
  say "training in the container of Dockerfile.train"
  docker build -q -f Dockerfile.train -t cold-open-train ${TORCH_BACKEND:+--build-arg TORCH_BACKEND} . >&2 || {
    say "the image could not be built; DOCKER=0 trains without a container"
    exit 1
  }
  mkdir -p data/raw artifacts ${OUT:+"$OUT"}
  mounts=(-v "$PWD/data/raw:/data" -v "$PWD/artifacts:/artifacts")
  for file in "${DATA:-}" "${VALID:-}"; do
    [ -n "$file" ] || continue
    [ -e "$file" ] || { say "$file: no such file"; exit 2; } # Docker would create a directory
    mounts+=(-v "$(realpath "$file"):$(in_container "$file"):ro")
  done
  [ -z "${OUT:-}" ] || mounts+=(-v "$(realpath "$OUT"):$(in_container "$OUT")")
  while IFS= read -r name; do mounts+=(-e "$name"); done < <(compgen -e COLD_OPEN_)
  run() {
    docker run --rm --gpus all --read-only --tmpfs /tmp:exec --shm-size 1g --cap-drop ALL \
      --user "$(id -u):$(id -g)" "${mounts[@]}" cold-open-train "$@"
  }
fi

if [ "${PRESET:=seinfeld}${DATA:-}" = seinfeld ] && [ ! -f data/raw/Seinfeld_Scripts.txt ]; then
  run data fetch seinfeld
fi
launch=(${PROCESSES:+job.engine.launch --nproc-per-node "$PROCESSES" --max-restarts 3 -m})
run "${launch[@]}" job --preset "$PRESET" ${DATA:+--data "$DATA"} ${VALID:+--valid "$VALID"} ${OUT:+--out "$OUT"} "$@"
