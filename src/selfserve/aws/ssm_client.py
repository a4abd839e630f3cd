"""What is used of botocore's client of Systems Manager, for which there are no stubs here."""

from typing import Protocol, TypedDict


class StartSession(TypedDict):
    """The request, as the plugin wants to see it, too."""

    Target: str
    DocumentName: str
    Parameters: dict[str, list[str]]


class StartedSession(TypedDict):
    """What is used of the answer."""

    SessionId: str
    TokenValue: str
    StreamUrl: str


class _Meta(Protocol):
    @property
    def endpoint_url(self) -> str: ...


class SsmClient(Protocol):
    """The client."""

    @property
    def meta(self) -> _Meta:
        """About the client itself."""

    def start_session(
        self,
        *,
        Target: str,  # noqa: N803  AWS's names
        DocumentName: str,  # noqa: N803
        Parameters: dict[str, list[str]],  # noqa: N803
    ) -> StartedSession:
        """As the API has it."""

    def terminate_session(self, *, SessionId: str) -> object:  # noqa: N803
        """As the API has it."""
