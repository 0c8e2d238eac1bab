#!/usr/bin/env bash
# What `make train` does: PRESET=... DATA=... VALID=... OUT=... PROCESSES=... tools/train.sh [flags of job]
# Trains in the container of Dockerfile.train where there is an NVIDIA GPU, Docker and NVIDIA's toolkit for
# it, else in .venv; DOCKER=0 always takes .venv. Paths among the flags must lie in data/raw or artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "train: $*" >&2; }

why_not() { # prints why the container cannot be taken, if so
  if [ "${DOCKER:-1}" = 0 ]; then echo "DOCKER=0"
  elif ! nvidia-smi -L >/dev/null 2>&1; then echo "no NVIDIA GPU"
  elif ! docker info >/dev/null 2>&1; then echo "no Docker"
  elif ! docker info --format '{{json .Runtimes}}' | grep nvidia >/dev/null; then echo "no NVIDIA toolkit for Docker"
  fi
}

# A path of this machine stands at the same place in the container, whose working folder is /app.
inside() { case $1 in /*) echo "$1" ;; *) echo "/app/$1" ;; esac; }

reason=$(why_not)
if [ -n "$reason" ]; then
  say "in the local environment, .venv ($reason)"
  "${PYTHON:-python3}" tools/setup.py train
  run() { .venv/bin/python -m "$@"; }
else
  say "in the container of Dockerfile.train"
  docker build -q -f Dockerfile.train -t cold-open-train ${TORCH_BACKEND:+--build-arg TORCH_BACKEND} . >&2 || {
    say "the image could not be built; DOCKER=0 trains without it"
    exit 1
  }
  mkdir -p data/raw artifacts ${OUT:+"$OUT"}
  mounts=(-v "$PWD/data/raw:/data" -v "$PWD/artifacts:/artifacts")
  for file in "${DATA:-}" "${VALID:-}"; do
    [ -n "$file" ] || continue
    [ -e "$file" ] || { say "$file: there is no such file"; exit 2; } # Docker would make a folder of it
    mounts+=(-v "$(realpath "$file"):$(inside "$file"):ro")
  done
  [ -z "${OUT:-}" ] || mounts+=(-v "$(realpath "$OUT"):$(inside "$OUT")")
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
