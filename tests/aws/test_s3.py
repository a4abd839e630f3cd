"""What S3 says beyond the promises of every ObjectStore (tests/contract)."""

from collections.abc import Callable

import pytest

from loopback import Answer, loopback
from selfserve.aws.s3 import S3Store
from selfserve.aws.session import make_clients
from selfserve.errors import AwsError, BadInputError

EXISTS = Answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
NO_BUCKET = Answer(404, b"<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>")


def store_at(url: str, bucket: str = "a-bucket") -> S3Store:
    clients = make_clients("us-east-1", endpoint_url=url, access_key="key", secret_key="secret")
    return S3Store(clients.s3, bucket)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda store: store.put("key", b""), id="put"),
        pytest.param(lambda store: store.put("key", b"", only_if_absent=True), id="put-if-absent"),
        pytest.param(lambda store: store.swap("key", b"", etag="x"), id="swap"),
        pytest.param(lambda store: store.get("key"), id="get"),
        pytest.param(lambda store: store.list_keys("key"), id="list"),
        pytest.param(lambda store: store.delete("key"), id="delete"),
    ],
)
def test_a_missing_bucket_says_how_to_make_it(use: Callable[[S3Store], object]) -> None:
    with loopback(NO_BUCKET) as server, pytest.raises(AwsError, match="a-bucket") as raised:
        use(store_at(server.url))

    assert "aws s3 mb s3://a-bucket" in raised.value.hint


def test_a_first_put_sends_the_condition() -> None:
    with loopback(Answer(body=b"")) as server:
        assert store_at(server.url).put("key", b"", only_if_absent=True)

        assert server.requests[0].headers["if-none-match"] == "*"


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_losing_the_race_is_an_answer_and_not_an_error(code: str) -> None:
    status = 412 if code == "PreconditionFailed" else 409
    lost = Answer(status, f"<Error><Code>{code}</Code></Error>".encode())
    with loopback(lost) as server:
        assert not store_at(server.url).put("key", b"", only_if_absent=True)


def test_a_first_put_whose_answer_was_lost_is_recognised_as_ours() -> None:
    with loopback(Answer(lost=True), EXISTS, Answer(body=b"mine")) as server:
        assert store_at(server.url).put("key", b"mine", only_if_absent=True)

        assert [request.method for request in server.requests] == ["PUT", "PUT", "GET"]


def test_a_first_put_that_another_won_while_ours_was_lost_is_not_ours() -> None:
    with loopback(Answer(lost=True), EXISTS, Answer(body=b"theirs")) as server:
        assert not store_at(server.url).put("key", b"mine", only_if_absent=True)


def test_a_name_that_cannot_be_a_bucket_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="not a bucket"):
        store_at("http://127.0.0.1:1", "not a bucket").get("key")
