"""The errors of the local EMR API, with the codes and sentences that EMR uses.

Sources: EMR API Reference, "Common Errors"; EMR's own answers as clients have
quoted them (moto's and Terraform's issues).
"""

from collections.abc import Sequence


class ApiError(Exception):
    """A refusal: `code` is the AWS error name; `detail` is the ErrorCode of EMR's newer errors.

    `hint` is for our own client, which shows it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.detail = detail
        self.hint = hint

    def to_json(self) -> dict[str, str]:
        """The body of an error in the AWS JSON protocol."""
        body = {"__type": self.code, "message": self.message}
        if self.detail is not None:
            # EMR's modelled errors spell it with a capital; botocore reads either.
            body = {"__type": self.code, "Message": self.message, "ErrorCode": self.detail}
        if self.hint is not None:
            body["hint"] = self.hint
        return body


def validation_error(problems: Sequence[str]) -> ApiError:
    """EMR would not take the request; all problems in one message."""
    return ApiError("ValidationException", "; ".join(problems))


def invalid_request(message: str, detail: str | None = None) -> ApiError:
    """What was asked for is not there, or cannot be done with it."""
    return ApiError("InvalidRequestException", message, detail=detail)


def no_cluster(cluster_id: str) -> ApiError:
    """What EMR's newer operations say."""
    return invalid_request(f"Cluster id '{cluster_id}' is not valid.", "NoSuchCluster")


def no_job_flow() -> ApiError:
    """What the operations say that know a cluster as a job flow."""
    return ApiError("ValidationException", "Specified job flow ID does not exist.")


def cluster_is_over() -> ApiError:
    """The cluster is on its way out, or gone."""
    return ApiError(
        "ValidationException",
        "A job flow that is shutting down, terminated, or finished may not be modified.",
    )
