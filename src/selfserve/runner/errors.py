"""Why a job was not started. Each becomes the `exception` of result.json."""

EXIT_CODE = 70  # "internal software error" of sysexits.h; the job's own code never ran


class JobNotStartedError(Exception):
    """Base class. The message is one sentence for the user, and holds no secret."""

    @property
    def kind(self) -> str:
        """Its name in result.json."""
        return f"selfserve.{type(self).__name__}"


class SubmissionError(JobNotStartedError):
    """The run's submission.json cannot be read, or says nothing that can be run."""


class PackageUnavailableError(JobNotStartedError):
    """An archive cannot be fetched."""


class PackageDamagedError(JobNotStartedError):
    """What was unpacked is not what was submitted."""


class SecretError(JobNotStartedError):
    """A secret cannot be resolved."""


class TerminatedError(BaseException):
    """SIGTERM came before the job was started.

    Like KeyboardInterrupt, it passes every `except Exception` on its way, py4j's too.
    """
