"""Download of shows by name from their public sources, checked by sha256."""

import dataclasses
import logging
import os
import pathlib
import shutil

from data.command_line import UserError


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A script that can be downloaded: its address, checksum and size."""

    file: str  # its name on this machine
    url: str
    sha256: str
    size: int  # bytes


SHOWS = {
    "seinfeld": RemoteFile(
        file="Seinfeld_Scripts.txt",
        url="https://raw.githubusercontent.com/udacity/deep-learning-v2-pytorch/master/"
        "project-tv-script-generation/data/Seinfeld_Scripts.txt",
        sha256="456ab68e2694b90ce5cccc384d5e7d8c79e33334856a60333fb5348d3696d3f6",
        size=3_471_475,
    )
}


def fetch(name: str, folder: str | pathlib.Path, url: str = "") -> pathlib.Path:
    """Downloads a show into `folder` if it is not there yet, and checks its sha256.

    An interrupted download resumes where it stopped. The file gets its name only once it is
    complete.

    Args:
        name: a key of `SHOWS`.
        folder: where the file is stored.
        url: another address of the same file.

    Returns:
        The path of the file.

    Raises:
        UserError: if the show is unknown, the download fails, the disk is full, or the content has
            another checksum; the message says how to download the file by hand.
    """
    if name not in SHOWS:
        raise UserError(f"there is no show {name!r} to download: choose from {', '.join(SHOWS)}")
    import pooch  # imported here because other commands run without pooch and requests
    import requests

    remote = SHOWS[name]
    url = url or remote.url
    target = pathlib.Path(folder) / remote.file
    pooch.utils.get_logger().setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            url=url,
            known_hash=f"sha256:{remote.sha256}",
            fname=remote.file,
            path=folder,
            downloader=ResumableDownload(target.with_name(f".{remote.file}.part")),
        )
    except (requests.RequestException, OSError) as error:
        reason = f"{type(error).__name__}: {error}".split("(Caused by")[0].strip()[:200]
        raise UserError(
            f"{remote.file} could not be downloaded ({reason}): download {url} by hand and "
            f"save it as {target}"
        ) from None
    except ValueError:  # raised by pooch if the sha256 differs
        raise UserError(
            f"{url} is not the expected {remote.file} (its sha256 does not begin with "
            f"{remote.sha256[:12]}): download the right file by hand and save it as {target}, or "
            "train on the other file with DATA=path"
        ) from None
    return pathlib.Path(path)


class ResumableDownload:
    """A downloader for pooch that resumes a partial download.

    Args:
        part: the file that keeps what was downloaded so far.
        progress: whether to show a progress bar.
    """

    def __init__(self, part: pathlib.Path, progress: bool = True):
        self.part = part
        self.progress = progress

    def __call__(self, url: str, output_file: str | os.PathLike, _pooch) -> None:
        """Downloads `url` to `output_file`; the signature is the one that pooch calls."""
        import requests
        from tqdm import tqdm

        done = self.part.stat().st_size if self.part.exists() else 0
        # Ranges of a compressed response are not ranges of the file.
        headers = {"Accept-Encoding": "identity"}
        if done:
            headers["Range"] = f"bytes={done}-"
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == 416:  # the partial file is complete already
                response.close()
            else:
                response.raise_for_status()
                if response.status_code != 206:  # the server ignores Range, sends the whole file
                    done = 0
                total = done + int(response.headers.get("Content-Length", 0))
                with (
                    self.part.open("ab" if done else "wb") as file,
                    tqdm(
                        total=total or None,
                        initial=done,
                        unit="B",
                        unit_scale=True,
                        disable=None if self.progress else True,
                    ) as bar,
                ):
                    for chunk in response.iter_content(1 << 16):
                        file.write(chunk)
                        bar.update(len(chunk))
        # Moved, not copied: a file with a wrong checksum must not be resumed the next time.
        shutil.move(self.part, output_file)
