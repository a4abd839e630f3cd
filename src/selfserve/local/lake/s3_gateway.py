"""What the world sees of the lake's S3: rclone, with conditional writes in front of it.

Requests and answers are streamed, byte for byte, with path and headers as they
came, because the caller's signature covers them; rclone checks it. This module
only decides when a conditional write must not happen at all, and makes the
look and the write one step for every writer that comes this way.

Not covered: Spark writes the folders directly, and DeleteObjects names its keys
in a body that is not read here; neither takes the keys' locks. A listing made
while an object is being replaced can name it twice, or not at all.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote
from uuid import uuid4
from xml.sax.saxutils import escape

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from selfserve.errors import BadInputError
from selfserve.local.lake.folders import Lake
from selfserve.local.lake.key_locks import KeyLocks
from selfserve.local.lake.s3_folders import correct_answer

_log = logging.getLogger(__name__)

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"})
_NOT_FOR_CLIENTS = _HOP_BY_HOP | {b"transfer-encoding"}  # the server frames its answers itself
_ACCESS_KEY = re.compile(r"(?:Credential=|^)([^/,\s]+)/\d{8}/")
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_PATIENCE_S = 5.0
_DRAIN_BYTES = 8 * 1024 * 1024
_TIMEOUT = httpx.Timeout(None, connect=10.0)  # how long a transfer takes is the client's business


class Upstream(Protocol):
    """The S3 server behind the gateway; `url` may change when it is started again."""

    @property
    def url(self) -> str:
        """Where it listens now."""

    @property
    def access_key(self) -> str:
        """The access key it knows."""


class S3Gateway:
    """The ASGI app that serves `lake` through `upstream`.

    It belongs to one event loop; `aclose` ends its connections.
    """

    def __init__(self, upstream: Upstream, lake: Lake) -> None:
        self._upstream = upstream
        self._lake = lake
        self._locks = KeyLocks(patience_s=_PATIENCE_S)
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        bucket, key = _bucket_and_key(request)
        is_part = "uploadId" in request.query_params and request.method == "PUT"
        if request.method not in _WRITES or not key or is_part:
            await self._forward(request, send)  # no object changes
        else:
            async with self._locks.writing(f"{bucket}/{key}"):
                refusal = await self._refusal(request, bucket, key)
                if refusal is None:
                    await self._forward(request, send)
                else:
                    await refusal(scope, receive, send)

    async def aclose(self) -> None:
        """Close the connections to the upstream."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _refusal(self, request: Request, bucket: str, key: str) -> Response | None:
        """The answer to a conditional write whose condition fails, else None.

        The signature is not checked here. A caller who names another access key
        goes on to rclone, which turns it away; one who only knows the access key
        learns whether an object exists, and can never write.
        """
        if_none_match = request.headers.get("if-none-match")
        if_match = request.headers.get("if-match")
        if if_none_match is None and if_match is None:
            return None
        if _access_key(request) != self._upstream.access_key:
            return None
        try:
            path = self._lake.path_of(f"s3://{bucket}/{key}")
        except BadInputError:
            return None  # rclone knows the right answer to a key that cannot be
        etag = await asyncio.to_thread(_etag, path)
        refusal = _decide_refusal(etag, if_none_match=if_none_match, if_match=if_match)
        if refusal is None:
            return None
        await _drain(request)
        return _error(*refusal, request)

    async def _forward(self, request: Request, send: Send) -> None:
        try:
            answer, body = await self._begin(request)
        except httpx.TransportError as error:
            _log.warning("rclone did not answer %s %s: %r", request.method, request.url.path, error)
            down = _error(*_DOWN, request)
            await down(request.scope, request.receive, send)
            return
        corrected = await asyncio.to_thread(self._correct, request, answer.status_code)
        try:
            if corrected is not None:
                await Response(status_code=corrected)(request.scope, request.receive, send)
                return
            response = StreamingResponse(body, status_code=answer.status_code)
            response.raw_headers = [
                (name.lower(), value)
                for name, value in answer.headers.raw
                if name.lower() not in _NOT_FOR_CLIENTS
            ]
            await response(request.scope, request.receive, send)
        finally:
            await answer.aclose()

    def _correct(self, request: Request, status: int) -> HTTPStatus | None:
        """What else follows from a request that was answered so; see `correct_answer`."""
        bucket, key = _bucket_and_key(request)
        if request.method not in _WRITES or "uploadId" in request.query_params:
            return None
        if not key:
            self._lake.publish_buckets()  # one may have been made or deleted
            return None
        try:
            path = self._lake.path_of(f"s3://{bucket}/{key}")
        except BadInputError:
            return None
        return correct_answer(request.method, path, status, is_marker=key.endswith("/"))

    async def _begin(self, request: Request) -> tuple[httpx.Response, AsyncIterator[bytes]]:
        """The answer, once its body has begun to come."""
        bucket, key = _bucket_and_key(request)
        if request.method not in {"GET", "HEAD"} or not key:
            return await self._first_bytes(request)
        # rclone takes an object away for a moment before it replaces it, and looks at a file
        # before it opens it. Once its first bytes have come, a reader has its version for good.
        async with self._locks.reading(f"{bucket}/{key}"):
            return await self._first_bytes(request)

    async def _first_bytes(self, request: Request) -> tuple[httpx.Response, AsyncIterator[bytes]]:
        answer = await self._ask(request)
        body = answer.aiter_raw()
        try:
            first = await anext(body, b"")
        except httpx.TransportError:
            await answer.aclose()
            raise
        return answer, _rejoin(first, body)

    async def _ask(self, request: Request) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False,
                timeout=_TIMEOUT,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            )
        question = httpx.Request(
            request.method,
            self._upstream.url,
            headers=[h for h in request.headers.raw if h[0] not in _HOP_BY_HOP],
            content=request.stream() if _has_body(request) else None,
            # The path exactly as it was signed: a URL object would normalize its escapes.
            extensions={"target": _target(request.scope)},
        )
        return await self._client.send(question, stream=True)


async def _rejoin(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


_Refusal = tuple[HTTPStatus, str, str]

_ONLY_STAR = (HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", "If-None-Match takes only * here.")
_CONDITION_FAILED = (
    HTTPStatus.PRECONDITION_FAILED,
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold",
)
_NO_SUCH_KEY = (HTTPStatus.NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
_DOWN = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    "ServiceUnavailable",
    "The local S3 server is being started again. Try again.",
)


def _decide_refusal(
    etag: str | None, *, if_none_match: str | None, if_match: str | None
) -> _Refusal | None:
    """S3's answer to a conditional write over the object `etag` (None: there is no object).

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    if if_none_match not in {None, "*"}:
        return _ONLY_STAR
    if if_none_match is not None and etag is not None:
        return _CONDITION_FAILED
    if if_match is not None and etag is None:
        return _NO_SUCH_KEY
    if if_match is not None and if_match != "*" and if_match.strip('"') != etag:
        return _CONDITION_FAILED
    return None


async def _drain(request: Request) -> None:
    """Read a body that came anyway: closing over unread bytes could reset the answer away."""
    if "expect" in request.headers or not _has_body(request):
        return
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _DRAIN_BYTES:
            return


def _error(status: HTTPStatus, code: str, message: str, request: Request) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<Resource>{escape(request.url.path)}</Resource><RequestId>{uuid4().hex}</RequestId></Error>"
    )
    # The request's body may be unread, so the connection cannot serve another request.
    headers = {"connection": "close"} if _has_body(request) else None
    content = "" if request.method == "HEAD" else body
    return Response(content, status, headers, media_type="application/xml")


def _bucket_and_key(request: Request) -> tuple[str, str]:
    path = unquote(request.scope["raw_path"].decode("ascii").split("?")[0])
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key


def _target(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"].split(b"?")[0]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _access_key(request: Request) -> str | None:
    """The access key that the caller claims, in a header or in a presigned URL."""
    signed = request.headers.get("authorization") or request.query_params.get("X-Amz-Credential")
    match = _ACCESS_KEY.search(signed or "")
    return match[1] if match else None


def _etag(path: Path) -> str | None:
    """The object's ETag as rclone has it, an MD5 sum; None when there is no object."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
