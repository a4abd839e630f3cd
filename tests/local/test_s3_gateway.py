"""The lake's S3 as real clients see it: boto3 over the gateway over rclone."""

import asyncio
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psutil
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.types import Receive, Scope, Send

from selfserve.local.lake.folders import Lake
from selfserve.local.lake.rclone import RcloneServer
from selfserve.local.lake.s3_gateway import S3Gateway

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = ("AKLOCALTEST", "secret+of/the=test")
DEADLINE_S = 60


class Service:
    """A gateway over a rclone over a lake, in this process."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root / "lake")
        self.lake.ensure_bucket("bucket")
        self.rclone = RcloneServer(self.lake, *KEYS)
        self.rclone.start()
        self.gateway = S3Gateway(self.rclone, self.lake)
        self.largest_chunk = 0
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app, port=0, log_level="warning", lifespan="off", interface="asgi3"
            )
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_until(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.rclone.stop()

    def client(self, keys: tuple[str, str] = KEYS, retries: int = 0) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4",  # of presigned URLs too
                retries={"total_max_attempts": retries + 1, "mode": "standard"},
                max_pool_connections=50,
                read_timeout=DEADLINE_S,
            ),
        )

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def measured(message: Any) -> None:
            self.largest_chunk = max(self.largest_chunk, len(message.get("body", b"")))
            await send(message)

        await self.gateway(scope, receive, measured)
        if scope["path"] == "/close":
            await self.gateway.aclose()


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(DEADLINE_S * 50):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("waited too long")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("s3 home"))
    yield running
    httpx.get(f"{running.url}/close", trust_env=False)
    running.stop()


@pytest.fixture
def s3(service: Service) -> Iterator["S3Client"]:
    client = service.client()
    yield client
    client.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own."""
    return f"{request.node.name}/some object"


def error_code(action: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        action()
    return caught.value.response["Error"]["Code"]


def read(s3: "S3Client", key: str) -> bytes:
    with s3.get_object(Bucket="bucket", Key=key)["Body"] as body:
        return body.read()


def wake_ups(pid: int) -> int:
    """How often a thread of the process has gone to sleep so far."""
    states = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    lines = [line for state in states for line in state.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def test_rclone_rests_when_nobody_asks(service: Service, s3: "S3Client", key: str) -> None:
    for number in range(30):  # folders that go amid a write: rclone loses count of them
        s3.put_object(Bucket="bucket", Key=f"{key}/{number}/a/b", Body=b"x")
        shutil.rmtree(service.lake.path_of(f"s3://bucket/{key}/{number}"))
    assert service.rclone.pid is not None
    before = wake_ups(service.rclone.pid)

    psutil.Process(service.rclone.pid).cpu_percent(interval=1.0)  # a second to watch

    assert wake_ups(service.rclone.pid) - before < 100


def test_an_object_is_a_file_and_a_file_is_an_object(
    service: Service, s3: "S3Client", key: str
) -> None:
    path = service.lake.path_of(f"s3://bucket/{key}")
    s3.put_object(Bucket="bucket", Key=key, Body=b"from a client")
    assert path.read_bytes() == b"from a client"

    path.write_bytes(b"from Spark")

    assert read(s3, key) == b"from Spark"
    assert s3.head_object(Bucket="bucket", Key=key)["ContentLength"] == 10


@pytest.mark.parametrize("name", ["plain", "with space", "ü/ö", "a+b=c&d", "100%25", "~tilde;x"])
def test_keys_keep_their_exact_characters(service: Service, s3: "S3Client", name: str) -> None:
    s3.put_object(Bucket="bucket", Key=f"characters/{name}", Body=name.encode())

    assert service.lake.path_of(f"s3://bucket/characters/{name}").read_text() == name
    assert read(s3, f"characters/{name}") == name.encode()


def test_large_uploads_and_downloads_pass_in_chunks(
    service: Service, s3: "S3Client", key: str
) -> None:
    block = os.urandom(1 << 20)
    size = 64 << 20
    service.largest_chunk = 0
    before = psutil.Process().memory_info().rss

    s3.put_object(Bucket="bucket", Key=key, Body=BytesIO(block * 64))
    digest = hashlib.sha256()
    body = s3.get_object(Bucket="bucket", Key=key)["Body"]
    for chunk in body.iter_chunks(1 << 20):
        digest.update(chunk)
    body.close()

    assert digest.digest() == hashlib.sha256(block * 64).digest()
    assert 0 < service.largest_chunk <= 1 << 20
    # The test itself holds the body once or twice; the gateway must not add copies of it.
    assert psutil.Process().memory_info().rss - before < 3 * size


def test_a_multipart_upload_becomes_one_object(s3: "S3Client", key: str) -> None:
    parts = [os.urandom(5 << 20), os.urandom(5 << 20), b"the rest"]
    upload = s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"]
    done: list[Any] = []
    for number, part in enumerate(parts, start=1):
        answer = s3.upload_part(
            Bucket="bucket", Key=key, UploadId=upload, PartNumber=number, Body=part
        )
        done.append({"PartNumber": number, "ETag": answer["ETag"]})

    s3.complete_multipart_upload(
        Bucket="bucket", Key=key, UploadId=upload, MultipartUpload={"Parts": done}
    )

    assert read(s3, key) == b"".join(parts)


def test_managed_transfers_of_parallel_parts_arrive(s3: "S3Client", key: str) -> None:
    body = os.urandom(1 << 20) * 30

    s3.upload_fileobj(BytesIO(body), "bucket", key)
    back = BytesIO()
    s3.download_fileobj("bucket", key, back)

    assert back.getvalue() == body


def test_a_range_is_only_that_part(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"0123456789")

    with s3.get_object(Bucket="bucket", Key=key, Range="bytes=2-4")["Body"] as body:
        assert body.read() == b"234"


def test_a_listing_starts_after_the_key_asked_for(s3: "S3Client") -> None:
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"listing/{number}", Body=b"")

    listed = s3.list_objects_v2(Bucket="bucket", Prefix="listing/", StartAfter="listing/2")

    assert [o["Key"] for o in listed["Contents"]] == ["listing/3", "listing/4"]


def test_listings_are_paged(s3: "S3Client") -> None:
    for number in range(7):
        s3.put_object(Bucket="bucket", Key=f"paging/{number}", Body=b"")

    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="bucket", Prefix="paging/", PaginationConfig={"PageSize": 3}
    )

    sizes = [len(page["Contents"]) for page in pages]
    assert sizes == [3, 3, 1]


def test_empty_folders_are_not_objects(service: Service, s3: "S3Client") -> None:
    service.lake.path_of("s3://bucket/folders/empty/deeper").mkdir(parents=True)
    service.lake.path_of("s3://bucket/folders/full").mkdir(parents=True)
    service.lake.path_of("s3://bucket/folders/full/file").write_text("x")

    listed = s3.list_objects_v2(Bucket="bucket", Prefix="folders/")

    assert [o["Key"] for o in listed["Contents"]] == ["folders/full/file"]


def test_an_object_that_marks_a_folder_is_a_folder(service: Service, s3: "S3Client") -> None:
    for _ in range(2):
        s3.put_object(Bucket="bucket", Key="marked/deep/", Body=b"")

    s3.put_object(Bucket="bucket", Key="marked/deep/object", Body=b"x")

    assert read(s3, "marked/deep/object") == b"x"
    s3.delete_object(Bucket="bucket", Key="marked/deep/object")
    s3.put_object(Bucket="bucket", Key="marked/deep/", Body=b"")
    s3.delete_object(Bucket="bucket", Key="marked/deep/")
    assert not service.lake.path_of("s3://bucket/marked/deep").exists()


def test_deleting_what_is_no_object_deletes_nothing(service: Service, s3: "S3Client") -> None:
    s3.put_object(Bucket="bucket", Key="kept/object", Body=b"x")

    for key in ("kept", "kept/", "kept/absent", "nowhere/at/all"):
        s3.delete_object(Bucket="bucket", Key=key)

    assert read(s3, "kept/object") == b"x"
    stranger = service.client((KEYS[0], "another-secret"))
    with pytest.raises(ClientError, match=r"403|SignatureDoesNotMatch"):
        stranger.delete_object(Bucket="bucket", Key="kept/")
    stranger.close()


def test_copy_and_delete(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"body")
    s3.copy_object(Bucket="bucket", Key=f"{key}-copy", CopySource=f"bucket/{key}")
    s3.delete_object(Bucket="bucket", Key=key)

    assert read(s3, f"{key}-copy") == b"body"
    assert error_code(lambda: s3.head_object(Bucket="bucket", Key=key)) == "404"
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": f"{key}-copy"}]})
    assert error_code(lambda: s3.get_object(Bucket="bucket", Key=f"{key}-copy")) == "NoSuchKey"


def test_a_presigned_url_works_without_keys(s3: "S3Client", key: str) -> None:
    target = {"Bucket": "bucket", "Key": key}
    put, get = (s3.generate_presigned_url(f"{verb}_object", target) for verb in ("put", "get"))

    stored = httpx.put(put, content=b"presigned", trust_env=False)
    fetched = httpx.get(get, trust_env=False)

    assert stored.status_code == 200
    assert fetched.content == b"presigned"


def test_a_body_of_unknown_length_is_passed_on(s3: "S3Client", key: str) -> None:
    url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": key})

    answer = httpx.put(url, content=iter([b"one ", b"two"]), trust_env=False)

    # As on S3, which wants a Content-Length; what counts is that the gateway passes it on.
    assert answer.status_code in {200, 411}
    if answer.status_code == 200:
        assert read(s3, key) == b"one two"


def test_wrong_secrets_are_refused(service: Service, key: str) -> None:
    stranger = service.client((KEYS[0], "another-secret"))
    unknown = service.client(("SOMEBODY", "else"))

    for client in (stranger, unknown):
        with pytest.raises(ClientError) as caught:
            client.put_object(Bucket="bucket", Key=key, Body=b"x", IfNoneMatch="*")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        client.close()
    assert not service.lake.path_of(f"s3://bucket/{key}").exists()


def test_a_new_bucket_is_in_sparks_mount_table(service: Service, s3: "S3Client") -> None:
    s3.create_bucket(Bucket="made-by-client")
    s3.head_bucket(Bucket="made-by-client")

    table = service.lake.root.with_name("lake-mounts") / "mount-table.1.xml"
    assert "made-by-client" in table.read_text()
    s3.delete_bucket(Bucket="made-by-client")
    assert "made-by-client" not in table.read_text()
    assert error_code(lambda: s3.list_objects_v2(Bucket="made-by-client")) == "NoSuchBucket"


def test_if_none_match_refuses_to_overwrite(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"first", IfNoneMatch="*")

    code = error_code(
        lambda: s3.put_object(Bucket="bucket", Key=key, Body=b"second", IfNoneMatch="*")
    )

    assert code == "PreconditionFailed"
    assert read(s3, key) == b"first"


def test_a_refused_upload_leaves_the_connection_usable(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"first")
    url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": key})

    with httpx.Client(trust_env=False) as client:
        for _ in range(3):
            refused = client.put(url, content=b"x" * (1 << 20), headers={"if-none-match": "*"})
            assert refused.status_code == 412


def test_if_match_replaces_only_the_version_that_was_read(s3: "S3Client", key: str) -> None:
    etag = s3.put_object(Bucket="bucket", Key=key, Body=b"one")["ETag"]
    s3.put_object(Bucket="bucket", Key=key, Body=b"two", IfMatch=etag)

    stale = error_code(lambda: s3.put_object(Bucket="bucket", Key=key, Body=b"x", IfMatch=etag))
    gone = error_code(
        lambda: s3.put_object(Bucket="bucket", Key=f"{key}-no", Body=b"x", IfMatch=etag)
    )

    assert (stale, gone) == ("PreconditionFailed", "NoSuchKey")
    assert read(s3, key) == b"two"


def test_the_etag_of_a_get_is_good_for_if_match(s3: "S3Client", key: str) -> None:
    s3.upload_fileobj(BytesIO(b"m" * (17 << 20)), "bucket", key)
    etag = s3.head_object(Bucket="bucket", Key=key)["ETag"]

    s3.put_object(Bucket="bucket", Key=key, Body=b"new", IfMatch=etag)

    assert read(s3, key) == b"new"


def test_of_fifty_conditional_writers_exactly_one_wins(
    service: Service, s3: "S3Client", key: str
) -> None:
    def write(number: int) -> str:
        try:
            s3.put_object(Bucket="bucket", Key=key, Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(write, range(50)))

    assert sorted(outcomes) == ["PreconditionFailed"] * 49 + ["won"]
    assert read(s3, key) == str(outcomes.index("won")).encode()
    assert service.gateway._locks.is_empty()


def test_of_fifty_replacing_writers_every_step_is_seen_once(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"0")

    def increment(_: int) -> int:
        while True:
            seen = s3.get_object(Bucket="bucket", Key=key)
            with seen["Body"] as body:
                number = int(body.read()) + 1
            try:
                s3.put_object(
                    Bucket="bucket", Key=key, Body=str(number).encode(), IfMatch=seen["ETag"]
                )
            except ClientError:
                continue
            return number

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(increment, range(16)))

    assert numbers == list(range(1, 17))


def test_readers_of_a_replaced_object_get_the_old_or_the_new(s3: "S3Client", key: str) -> None:
    bodies = [b"short", b"a longer body"]
    s3.put_object(Bucket="bucket", Key=key, Body=bodies[0])

    def replace(number: int) -> None:
        s3.put_object(Bucket="bucket", Key=key, Body=bodies[number % 2])

    def look(_: int) -> bytes:
        s3.head_object(Bucket="bucket", Key=key)
        return read(s3, key)

    with ThreadPoolExecutor(6) as pool:
        written = pool.map(replace, range(60))
        seen = set(pool.map(look, range(120)))
        list(written)

    assert seen <= set(bodies)


def test_no_key_is_visible_to_other_users_of_the_machine(service: Service) -> None:
    assert service.rclone.pid is not None
    process = psutil.Process(service.rclone.pid)

    listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]

    assert KEYS[1] not in " ".join(process.cmdline())
    assert [c.laddr.ip for c in listening] == ["127.0.0.1"]


def test_an_idle_rclone_leaves_the_machine_alone(service: Service, s3: "S3Client") -> None:
    s3.list_objects_v2(Bucket="bucket")
    process = psutil.Process(service.rclone.pid)
    before = sum(process.cpu_times()[:2])

    threading.Event().wait(1.0)  # the time is what is measured, not what is waited for

    assert sum(process.cpu_times()[:2]) - before < 0.3


def test_what_spark_writes_is_seen_at_once(service: Service, s3: "S3Client") -> None:
    folder = service.lake.path_of("s3://bucket/fresh")
    folder.mkdir()
    for number in range(50):
        s3.list_objects_v2(Bucket="bucket", Prefix="fresh/")
        (folder / f"{number % 5}").write_text(f"{number}")

        assert read(s3, f"fresh/{number % 5}") == f"{number}".encode()


def test_a_dead_rclone_comes_back(tmp_path: Path) -> None:
    service = Service(tmp_path)
    s3 = service.client(retries=9)
    try:
        pid = service.rclone.pid
        assert pid is not None
        psutil.Process(pid).kill()
        wait_until(lambda: service.rclone.pid != pid)

        s3.put_object(Bucket="bucket", Key="key", Body=b"after the crash")

        assert read(s3, "key") == b"after the crash"
    finally:
        s3.close()
        httpx.get(f"{service.url}/close", trust_env=False)
        service.stop()


def test_a_new_server_ends_what_a_killed_daemon_left(tmp_path: Path) -> None:
    left = RcloneServer(Lake(tmp_path / "lake"), *KEYS)
    left._launch()
    assert left.pid is not None
    leftover = psutil.Process(left.pid)
    new = RcloneServer(Lake(tmp_path / "lake"), *KEYS)

    new.start()
    try:
        left._service.wait()
        assert not leftover.is_running()
    finally:
        new.stop()


def test_while_rclone_is_down_clients_are_told_to_come_back(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    nobody = SimpleNamespace(url="http://127.0.0.1:9", access_key=KEYS[0])
    gateway = S3Gateway(nobody, lake)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://s3") as client:
            answer = await client.get("/bucket/key")
        await gateway.aclose()
        return answer

    answer = asyncio.run(ask())

    assert answer.status_code == 503
    assert "<Code>ServiceUnavailable</Code>" in answer.text
