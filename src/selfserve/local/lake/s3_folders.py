"""Where the lake, which has folders, must answer like S3, which has none.

Clients such as pyarrow store an empty object `folder/` to make a folder; rclone
would keep it as a file, under which nothing can be stored. And to delete what is
no object, such as a folder, is a success on S3.

One difference remains: a key cannot be both an object and the folder of others.
"""

from contextlib import suppress
from http import HTTPStatus
from pathlib import Path


def correct_answer(method: str, path: Path, status: int, *, is_marker: bool) -> HTTPStatus | None:
    """Bring the folder behind `path` in line with a request that rclone has answered.

    `is_marker` says that the key ended with a slash. Returns the status to answer
    with, if not rclone's. An answer of 500 means that the signature was good:
    rclone checks it first.
    """
    if method == "PUT" and is_marker:
        if status == HTTPStatus.OK and path.is_file() and path.stat().st_size == 0:
            path.unlink()
            path.mkdir(exist_ok=True)
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR and path.is_dir():
            return HTTPStatus.OK
    if method == "DELETE" and status == HTTPStatus.INTERNAL_SERVER_ERROR and path.is_dir():
        if is_marker:
            with suppress(OSError):  # there are objects in it
                path.rmdir()
        return HTTPStatus.NO_CONTENT
    return None
