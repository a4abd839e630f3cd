"""The errors that people see: what happened, what to do next, and the exit code.

Bugs stay ordinary Python exceptions. Nothing here imports anything, so every
layer may raise these.
"""

from typing import ClassVar


class SelfserveError(Exception):
    """Base class. The message says what happened; `hint` says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class BadInputError(SelfserveError):
    """What the user wrote or typed cannot be used."""

    exit_code = 2


class AwsError(SelfserveError):
    """AWS, or the local endpoint in its place, refused or could not be reached."""

    exit_code = 3


class NoAnswerError(AwsError):
    """Nobody answered, and to ask again does no harm: nothing was sent, or it only reads."""


class OutcomeUnknownError(AwsError):
    """A request was sent, but its answer was lost: it may or may not have taken effect."""


class NotFoundError(SelfserveError):
    """Nothing has this name or id."""

    exit_code = 4


class JobFailedError(SelfserveError):
    """The user's job ended unsuccessfully; `job_exit_code` is its own code, if known."""

    exit_code = 5

    def __init__(self, message: str, *, hint: str, job_exit_code: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.job_exit_code = job_exit_code


class ClusterFailedError(SelfserveError):
    """A cluster could not start, or died."""

    exit_code = 6


class RefusedByPolicyError(SelfserveError):
    """A rule of the installation forbids it, such as termination protection."""

    exit_code = 7


class InterruptedByUserError(SelfserveError):
    """The user pressed Ctrl-C; what had to be finished is finished or named in the hint."""

    exit_code = 130
