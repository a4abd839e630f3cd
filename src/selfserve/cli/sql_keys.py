"""What keys do at the SQL prompt. Loads prompt_toolkit."""

from collections.abc import Callable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.completion import Names, complete


class NameCompleter(Completer):
    """Offers what `core.sql.text.completion` finds."""

    def __init__(self, names: Names, engine: Engine) -> None:
        self._names = names
        self._engine = engine

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  prompt_toolkit's; we offer always the same
    ) -> Iterator[Completion]:
        """For the place of the cursor; after the command that describes, tables."""
        before, after = document.text_before_cursor, document.text_after_cursor
        if before.lstrip().startswith("\\"):
            command, blank, table = before.lstrip().partition(" ")
            if command != "\\d" or not blank:
                return
            before = f"describe {table}"
        for found in complete(before, after, self._names, self._engine):
            yield Completion(found.text, start_position=-found.replaces, display_meta=found.kind)


def enter_runs(is_done: Callable[[str], bool]) -> KeyBindings:
    """Enter takes the completion that is chosen, or runs what is done, or begins a line."""
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion:
            buffer.complete_state = None
        elif is_done(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return bindings
