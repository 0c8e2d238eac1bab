"""Downloads of the bundles' files, which the operator has to allow (`--offer-download`)."""

from collections.abc import Callable, Iterable

import fastapi
from fastapi.responses import FileResponse

from serve.models.bundles import Bundle

PATH = "/download"
NOT_FOUND = "There is nothing at this address."


def add_downloads(
    app: fastapi.FastAPI, bundles: Callable[[], Iterable[Bundle]], offered: bool
) -> None:
    """Adds the route of the files: `PATH`/weights/file name.

    Args:
        bundles: returns those of the models of now.
        offered: whether files are served; otherwise each answer has status 404.
    """

    @app.api_route(PATH + "/{weights}/{file}", methods=["GET", "HEAD"])
    def download(weights: str, file: str) -> fastapi.Response:
        # A name that is looked up, not a path that is built.
        files = (each.downloads() for each in bundles() if offered and each.weights == weights)
        path = next(files, {}).get(file)
        if path is None or not path.is_file():
            return fastapi.responses.JSONResponse({"detail": NOT_FOUND, "error": NOT_FOUND}, 404)
        return FileResponse(path, filename=file, media_type="application/octet-stream")
