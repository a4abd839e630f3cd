"""The HTTP face of the local endpoint: EMR, S3 and a little STS on one port.

Requests are told apart by the service they are signed for. EMR and STS requests, and
those for what is our own, are verified here; S3 requests go to the gateway untouched,
and rclone behind it verifies them. Nothing but the health check is answered without a
signature; see `sigv4` for why.
"""

import asyncio
import json
import logging
import math
import os
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

import selfserve
from selfserve.errors import SelfserveError
from selfserve.local.api import sigv4
from selfserve.local.api.errors import ApiError
from selfserve.local.api.operations.desk import Answer, Desk
from selfserve.local.api.operations.perform import perform
from selfserve.local.api.sts import answer_sts, to_error_xml
from selfserve.local.control.clock import Now, system_now
from selfserve.local.control.controller import Controller
from selfserve.local.control.records import Json
from selfserve.local.control.store import StoreError
from selfserve.local.endpoint import CATALOGUE_PATH, OWN_SERVICE

_log = logging.getLogger(__name__)

HEALTH_PATH = "/selfserve/health"
_MOST_BYTES = 16 * 2**20
_AWS_JSON = "application/x-amz-json-1.1"
_FORM = "application/x-www-form-urlencoded"  # what the query protocol sends
_TARGET_PREFIX = "ElasticMapReduce."
_OURS = ("POST", CATALOGUE_PATH)
_SERVED = frozenset({"elasticmapreduce", "sts", OWN_SERVICE})

BeginCatalogue = Callable[[], Future[str]]
"""Begins to start the table catalogue, unless it is about to; the future has its URI."""


def make_app(
    controller: Controller,
    *,
    keys: Mapping[str, str],
    s3: ASGIApp,
    catalogue: BeginCatalogue | None = None,
    now: Now = system_now,
) -> ASGIApp:
    """Return the ASGI app; `keys` are access keys and their secrets, `s3` is the gateway."""
    return _Endpoint(Desk(controller, now), keys, s3, catalogue)


class _Endpoint:
    """Routes, verifies and answers; what is asked for is done in `operations`."""

    def __init__(
        self, desk: Desk, keys: Mapping[str, str], s3: ASGIApp, catalogue: BeginCatalogue | None
    ) -> None:
        self._desk = desk
        self._keys = keys
        self._s3 = s3
        self._catalogue = catalogue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; the daemon turns other kinds of ASGI events off."""
        request = Request(scope, receive)
        query = scope["query_string"].decode("latin-1")
        service = sigv4.service_of(request.headers.get("authorization", ""), query)
        is_local = sigv4.is_loopback_host(request.headers.get("host", ""))
        if is_local and service == "s3":
            await self._s3(scope, receive, send)
            return
        if is_local and service is None and scope["path"] == HEALTH_PATH:
            response: Response = JSONResponse(_health())
        else:
            response = await self._respond(request, service, is_local=is_local)
        await response(scope, receive, send)

    async def _respond(self, request: Request, service: str | None, *, is_local: bool) -> Response:
        """Answer everything but S3; whatever goes wrong becomes an error that AWS clients read."""
        request_id = str(uuid.uuid4())
        try:
            _refuse_unserved(request, service, is_local=is_local)
            signed = await _read(request)
            sigv4.verify(signed, self._keys, self._desk.now())
            if service == "sts":
                return _xml(answer_sts(signed.body, request_id), request_id)
            if service == OWN_SERVICE:
                return _json(await self._start_catalogue(signed), request_id)
            operation = _operation(signed.headers)
            answer = await run_in_threadpool(
                perform, self._desk, operation, _parse_json(signed.body)
            )
        except ApiError as error:
            return _refusal(error, request, request_id)
        except StoreError as error:
            # A code of its own: our client's hint for AWS's internal errors would mislead.
            failed = ApiError("LocalStoreException", f"{error} {error.hint}", status=507)
            return _refusal(failed, request, request_id)
        except Exception as error:  # noqa: BLE001  a bug must be told as AWS clients expect, too
            _log.exception("request %s failed", request_id)
            bug = _internal(f"A bug in the local endpoint: {error!r}; see its log.")
            return _refusal(bug, request, request_id)
        return _json(answer, request_id)

    async def _start_catalogue(self, request: sigv4.SignedRequest) -> Answer:
        """It may take minutes: no thread waits for it, and all requests wait for the same."""
        if self._catalogue is None or (request.method, request.path) != _OURS:
            raise ApiError(
                "UnknownOperationException", f"There is no {request.method} {request.path} here."
            )
        try:
            # A shield: a client that goes away ends its own wait, not the others'.
            uri = await asyncio.shield(asyncio.wrap_future(self._catalogue()))
        except SelfserveError as error:
            code = "CatalogueFailedException"
            raise ApiError(code, str(error), status=503, hint=error.hint) from error
        return {"uri": uri}


def _health() -> dict[str, Any]:
    return {"version": selfserve.__version__, "pid": os.getpid()}


def _refuse_unserved(request: Request, service: str | None, *, is_local: bool) -> None:
    if not is_local:
        host = request.headers.get("host", "")
        raise ApiError(
            "AccessDeniedException",
            f"The local endpoint answers to localhost only, not to {host!r}.",
            status=403,
        )
    if service is None:
        raise ApiError(
            "MissingAuthenticationTokenException",
            "The request is not signed. Set the keys: selfserve local env",
            status=403,
        )
    if service not in _SERVED:
        raise ApiError(
            "UnknownServiceException",
            f"The local endpoint serves elasticmapreduce, s3 and sts, not {service}.",
        )


async def _read(request: Request) -> sigv4.SignedRequest:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ApiError(
                "RequestEntityTooLargeException",
                f"The request is larger than {_MOST_BYTES} bytes.",
                status=413,
            )
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return sigv4.SignedRequest(
        method=request.method,
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=headers,
        body=bytes(body),
    )


def _operation(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)


def _parse_json(body: bytes) -> Json:
    """The request's members; in the AWS JSON protocol a null is as good as nothing."""
    try:
        request = json.loads(
            body or b"{}",
            object_hook=_without_nulls,
            parse_float=_finite,
            parse_constant=_finite,  # NaN and Infinity, which are not JSON
        )
        if b"\\u" in body:  # half a surrogate pair is not text, and could not be sent back
            json.dumps(request, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", f"The body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise ApiError("SerializationException", "The body is not a JSON object.")
    return request


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that JSON can carry")
    return number


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _internal(message: str) -> ApiError:
    return ApiError("InternalServerException", message, status=500)


def _refusal(error: ApiError, request: Request, request_id: str) -> Response:
    if request.headers.get("content-type", "").startswith(_FORM):
        return _xml(to_error_xml(error, request_id), request_id, status=error.status)
    return _json(error.to_json(), request_id, status=error.status)


def _json(answer: Answer, request_id: str, *, status: int = 200) -> Response:
    text = json.dumps(answer, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _response(text.encode(), _AWS_JSON, request_id, status)


def _xml(text: str, request_id: str, *, status: int = 200) -> Response:
    return _response(text.encode(), "text/xml", request_id, status)


def _response(content: bytes, media_type: str, request_id: str, status: int) -> Response:
    headers = {"x-amzn-requestid": request_id}
    return Response(content, status_code=status, headers=headers, media_type=media_type)
