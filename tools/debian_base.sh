#!/usr/bin/env bash
# A base image with Python from Debian's packages, for a machine that reaches no image registry:
#   tools/debian_base.sh && make images-check ENGINE=podman BASE_IMAGE=localhost/python:3.11-bookworm
# Needs root, podman and debootstrap. The image stands for python:3.11-slim-bookworm in tests; it is about 100 MB
# larger, and its Python is Debian's.
set -euo pipefail

tag=${1:-localhost/python:3.11-bookworm}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm "$root" >&2
ln -s python3 "$root/usr/bin/python"
rm -rf "$root"/usr/lib/python3*/EXTERNALLY-MANAGED "$root"/var/cache/apt/archives/*.deb
tar -C "$root" -c . | podman import --quiet - "$tag"
