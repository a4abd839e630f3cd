"""Read and change what sweeps tell each other; see `core.sweep_memory`."""

from collections.abc import Callable

from selfserve.core.naming import sweep_memory_key
from selfserve.core.sweep_memory import Memory, NewerFormatError, from_bytes, to_bytes
from selfserve.errors import AwsError
from selfserve.usecases.targets.target import Target

_MOST_TRIES = 50  # each that fails is another sweep's success


class SharedMemory:
    """The memory of sweeps as this one has last seen it.

    With `writes=False`, for a dry run, changes stay with this sweep.
    """

    def __init__(self, target: Target, sweep_id: str, *, writes: bool = True) -> None:
        self._target = target
        self._key = sweep_memory_key(target.region, target.installation)
        self._sweep_id = sweep_id
        self._writes = writes
        self.damage: str | None = None
        """Why what was there could not be read, so that it starts anew."""
        self.content, self._etag = self._read()

    def change(self, by: Callable[[Memory], Memory]) -> Memory:
        """Let `by` change what is there; it is called again when another sweep was faster.

        Raises:
            AwsError: S3 refuses, or too many others write.
        """
        for _ in range(_MOST_TRIES):
            changed = by(self.content)
            if changed == self.content or not self._writes:
                self.content = changed
                return changed
            body = to_bytes(changed, by=self._sweep_id)
            etag = self._target.store.swap(self._key, body, etag=self._etag)
            if etag is not None:
                self.content, self._etag = changed, etag
                return changed
            self.content, self._etag = self._read()
        raise AwsError(
            "So many sweeps run at once that this one cannot write down what it does.",
            hint="Let fewer machines sweep; one is enough.",
        )

    def _read(self) -> tuple[Memory, str | None]:
        found = self._target.store.get_with_etag(self._key)
        if found is None:
            return Memory(), None
        body, etag = found
        try:
            return from_bytes(body), etag
        except NewerFormatError as error:
            raise AwsError(
                f"What sweeps tell each other cannot be read: {error}",
                hint="A newer selfserve sweeps here; update this one.",
            ) from error
        except ValueError as error:
            self.damage = str(error)
            return Memory(), etag


def read_memory(target: Target) -> Memory:
    """What sweeps have found; nothing where none has run, or nothing can be made of it."""
    return SharedMemory(target, "", writes=False).content
