"""Downloads of single files, with pooch; what is there is not downloaded again."""

import concurrent.futures
import logging
import pathlib
import time
import urllib.parse
from collections.abc import Sequence

from tqdm import tqdm

from data.command_line import UserError
from data.show.fetch import ResumableDownload

CONNECTIONS = 8
PAUSES = (1.0, 4.0)  # seconds before the second and the third attempt


def download(source: str, url: str, target: pathlib.Path, progress: bool = True) -> None:
    """Downloads `url` to `target` unless it is there, resuming a partial download.

    Args:
        source: the name of the source, for messages.
        progress: whether to show a progress bar.

    Raises:
        UserError: if it cannot be downloaded.
    """
    import pooch  # imported here because archives from a folder need neither
    import requests

    pooch.utils.get_logger().setLevel(logging.WARNING)
    for pause in (*PAUSES, None):
        try:
            pooch.retrieve(
                url=url,
                known_hash=None,  # the digest of the text that is read is checked instead
                fname=target.name,
                path=target.parent,
                downloader=ResumableDownload(target.with_name(f".{target.name}.part"), progress),
            )
            return
        except (requests.RequestException, OSError) as error:
            if pause is None or not _may_pass(error):
                reason = f"{type(error).__name__}: {error}".split("(Caused by")[0].strip()[:200]
                raise UserError(
                    f"{source}: {url} could not be downloaded ({reason}): run the same command "
                    "again to resume, or give a folder of archives with --archives"
                ) from None
            time.sleep(pause)


def _may_pass(error: OSError) -> bool:
    """Whether a second attempt may succeed: the host is overloaded, or the connection broke."""
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response.status_code in (429, 500, 502, 503, 504)
    broken = requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError
    return isinstance(error, broken)


def download_all(source: str, address: str, paths: Sequence[str], out: pathlib.Path) -> None:
    """Downloads files one by one, several at a time.

    Args:
        source: the name of the source, for messages.
        address: the URL of the folder that holds the paths.
        out: the folder where they go, under the same paths.

    Raises:
        UserError: if one of them cannot be downloaded.
    """
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        started = [
            pool.submit(
                download, source, f"{address}/{urllib.parse.quote(path)}", out / path, False
            )
            for path in paths
        ]
        try:
            for done in tqdm(
                concurrent.futures.as_completed(started),
                total=len(started),
                desc=f"download {source}",
                unit=" files",
                disable=None,
            ):
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
