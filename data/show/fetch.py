"""Shows that are not ours to carry, brought from their public home by name."""

import dataclasses
import logging
import os
import pathlib
import shutil

from data.command_line import UserError


@dataclasses.dataclass(frozen=True)
class Show:
    """Where one script lives, and how to know it is the right one."""

    file: str
    url: str
    sha256: str
    size: int  # bytes


SHOWS = {
    "seinfeld": Show(
        file="Seinfeld_Scripts.txt",
        url="https://raw.githubusercontent.com/udacity/deep-learning-v2-pytorch/master/"
        "project-tv-script-generation/data/Seinfeld_Scripts.txt",
        sha256="456ab68e2694b90ce5cccc384d5e7d8c79e33334856a60333fb5348d3696d3f6",
        size=3_471_475,
    )
}


def fetch(name: str, folder: str | pathlib.Path, url: str = "") -> pathlib.Path:
    """Downloads a show into `folder` unless it is there already, and checks its sha256.

    An interrupted download goes on where it stopped. The file appears under its name only when
    it is whole.

    Raises:
        UserError: for an unknown show, no connection, no space, or a file of other content; the
            text says where to get it by hand and where to put it.
    """
    if name not in SHOWS:
        raise UserError(f"there is no show {name!r} to fetch: choose from {', '.join(SHOWS)}")
    import pooch  # brings requests: not needed once the file is there, nor by other commands
    import requests

    show = SHOWS[name]
    url = url or show.url
    target = pathlib.Path(folder) / show.file
    pooch.utils.get_logger().setLevel(logging.WARNING)
    try:
        found = pooch.retrieve(
            url=url,
            known_hash=f"sha256:{show.sha256}",
            fname=show.file,
            path=folder,
            downloader=Resume(target.with_name(f".{show.file}.part")),
        )
    except (requests.RequestException, OSError) as error:
        reason = f"{type(error).__name__}: {error}".split("(Caused by")[0].strip()[:200]
        raise UserError(
            f"{show.file} could not be downloaded ({reason}); get it by hand from {url} and put "
            f"it at {target}"
        ) from None
    except ValueError:  # pooch's word for another sha256
        raise UserError(
            f"what {url} gave is not the {show.file} we know (its sha256 is not "
            f"{show.sha256[:12]}...): get it by hand and put it at {target}, or train on it as it "
            "is with DATA=path"
        ) from None
    return pathlib.Path(found)


class Resume:
    """A downloader for pooch that goes on with a part that an earlier try left behind."""

    def __init__(self, part: pathlib.Path):
        self.part = part

    def __call__(self, url: str, output_file: str | os.PathLike, _pooch) -> None:
        """Downloads `url` to `output_file`, as pooch asks."""
        import requests
        from tqdm import tqdm

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
            if answer.status_code == 416:  # the part is whole already
                answer.close()
            else:
                answer.raise_for_status()
                if answer.status_code != 206:  # the server starts again from the first byte
                    have = 0
                total = have + int(answer.headers.get("Content-Length", 0))
                with (
                    self.part.open("ab" if have else "wb") as file,
                    tqdm(
                        total=total or None, initial=have, unit="B", unit_scale=True, disable=None
                    ) as bar,
                ):
                    for chunk in answer.iter_content(1 << 16):
                        file.write(chunk)
                        bar.update(len(chunk))
        # Moved, not copied: a part whose sum is wrong must not be gone on with the next time.
        shutil.move(self.part, output_file)
