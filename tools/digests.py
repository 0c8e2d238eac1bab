"""Update the digests of base images to the present ones of their tags: python tools/digests.py

Every image of another project is named NAME:TAG@sha256:... in the Dockerfiles, compose files and
Kubernetes manifests. skopeo or docker buildx asks the registry for the manifest of the tag; its
checksum is the digest, which covers all platforms. All files are written, or none.
"""

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

from setup import ROOT

PINNED = re.compile(r"\b([\w./:-]+:[\w.-]+)@sha256:([0-9a-f]{64})")
FILES = ("Dockerfile.*", "compose.yaml", "deploy/**/*.yaml", "deploy/**/*.yml")
PROGRAMS = {
    "skopeo": ("skopeo", "inspect", "--raw", "docker://{}"),
    "docker": ("docker", "buildx", "imagetools", "inspect", "--raw", "{}"),
}


class DigestError(Exception):
    """Why no digest is updated, in one line."""


def find_files(root):
    """Return the files that name images by digest."""
    found = [path for pattern in FILES for path in sorted(pathlib.Path(root).glob(pattern))]
    return [path for path in found if PINNED.search(path.read_text(encoding="utf-8"))]


def current_digest(image):
    """Return the digest that the registry has for NAME:TAG."""
    program = next(filter(shutil.which, PROGRAMS), None)
    if not program:
        raise DigestError("skopeo or docker buildx is required: apt-get install skopeo")
    command = [word.format(image) for word in PROGRAMS[program]]
    done = subprocess.run(command, capture_output=True)
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise DigestError(f"{program} found no {image}: {lines[-1]}")
    return hashlib.sha256(done.stdout).hexdigest()


def update(root):
    """Write the present digests of all images; print one line for each."""
    texts = {path: path.read_text(encoding="utf-8") for path in find_files(root)}
    pinned = dict(sorted(pair for text in texts.values() for pair in PINNED.findall(text)))
    digests = {image: current_digest(image) for image in pinned}
    for path, text in texts.items():
        path.write_text(
            PINNED.sub(lambda match: f"{match[1]}@sha256:{digests[match[1]]}", text),
            encoding="utf-8",
        )
    for image, digest in digests.items():
        state = "unchanged" if digest == pinned[image] else "updated"
        print(f"{image}@sha256:{digest}  {state}")


if __name__ == "__main__":
    try:
        update(ROOT)
    except DigestError as error:
        print("digests: " + str(error), file=sys.stderr)
        sys.exit(2)
