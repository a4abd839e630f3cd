"""A proxy before AWS that lets go wrong what a test says, and remembers what was asked.

What can go wrong is data; see `faults.py`. EMR and the rest of AWS may be two servers.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from faults.faults import THROTTLED, Call, EmrRates, Fault, LateListing, Refusal, What
from relay import Answer, Conversation, relay
from selfserve.local.api.sigv4 import service_of

EMR = "elasticmapreduce"
_MOMENT_S = 0.02
_KILL_DEADLINE_S = 60.0
_ITEMS = {"ListClusters": "Clusters", "ListSteps": "Steps"}


@dataclass
class FaultProxy:
    """Where clients connect, what goes wrong there, and what they have asked so far."""

    emr_port: int
    other_port: int
    now: Callable[[], datetime]
    """The time that AWS's answers tell."""
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    faults: Sequence[Fault] = ()
    late: Sequence[LateListing] = ()
    rates: EmrRates | None = None
    victim: "Future[subprocess.Popen[str]]" = field(default_factory=Future)
    """The client that a fault may kill."""
    struck: list[tuple[Call, Fault]] = field(default_factory=list)
    """What has gone wrong so far."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _matched: dict[Fault, int] = field(default_factory=dict)
    _armed: float = 0.0
    _left_out: dict[str, int] = field(default_factory=dict)
    """How many listings have left out what came after that time."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def arm(
        self,
        *faults: Fault,
        late: Sequence[LateListing] = (),
        rates: EmrRates | None = None,
    ) -> None:
        """From now on, let this go wrong and nothing else; calls are counted anew."""
        with self._lock:
            self.faults, self.late, self.rates = faults, late, rates
            self.calls, self.struck = [], []
            self._matched, self._left_out = {}, {}
            self._armed = self.now().timestamp()
            self.victim = Future()

    def changes(self) -> list[Call]:
        """The calls so far that change something."""
        return [call for call in self.calls if call.changes_state]

    def meddle(self, client: Conversation) -> None:
        """Deal with one request."""
        call, fault, is_admitted = self._note(client)
        if fault is not None and fault.what is What.HALF_REQUEST:
            client.read_half()
            client.hang_up()
            return
        client.read()
        if not is_admitted:
            client.tell(_refuse(THROTTLED, call))
        elif fault is None:
            client.tell(self._pass_on(client, call))
        else:
            self._strike(client, call, fault)

    def wait(self, seconds: float | None) -> None:
        """Wait, but no longer than there is a proxy."""
        self._ended.wait(seconds)

    def close(self) -> None:
        """Let whoever waits go on."""
        self._ended.set()

    def _strike(self, client: Conversation, call: Call, fault: Fault) -> None:
        course = _COURSES[fault.what]
        answer = _refuse(fault.refusal, call)
        for _ in range(course.passed_on):
            answered = self._pass_on(client, call)
            answer = answer if fault.what in _REFUSED else answered
        course.ending(self, client, answer)

    def _note(self, client: Conversation) -> tuple[Call, Fault | None, bool]:
        """Which call it is, what happens to it, and whether it is within EMR's limits."""
        call = _to_call(client)
        with self._lock:
            self.calls.append(call)
            if self.rates is not None and not self.rates.admits(call):
                return call, None, False
            striking = [fault for fault in self.faults if self._strikes(fault, call)]
            fault = next(iter(striking), None)
            if fault is not None:
                self.struck.append((call, fault))
            return call, fault, True

    def _strikes(self, fault: Fault, call: Call) -> bool:
        number = self._matched.get(fault, 0)
        if not fault.matches(call) and not (fault.spreads and number >= fault.nth):
            return False
        self._matched[fault] = number + 1
        return fault.strikes(number + 1)

    def _pass_on(self, client: Conversation, call: Call) -> Answer:
        answer = client.ask(self.emr_port if call.service == EMR else self.other_port)
        dated = [(name, value) for name, value in answer.headers if name.lower() != "date"]
        dated.append(("Date", format_datetime(self.now(), usegmt=True)))
        answer = Answer(answer.status, tuple(dated), answer.body, answer.length)
        return self._delay_listing(call, answer)

    def _delay_listing(self, call: Call, answer: Answer) -> Answer:
        """Leave out of a listing what is too new for it."""
        late = next((late for late in self.late if late.listing == call.name), None)
        if late is None or answer.status != 200:
            return answer
        said: dict[str, Any] = json.loads(answer.body)
        items = _ITEMS[call.name]
        with self._lock:
            said[items] = [item for item in said[items] if not self._is_too_new(item, late)]
        return answer.with_body(json.dumps(said).encode())

    def _is_too_new(self, item: dict[str, Any], late: LateListing) -> bool:
        if item["Status"]["Timeline"]["CreationDateTime"] < self._armed:
            return False
        self._left_out[item["Id"]] = self._left_out.get(item["Id"], 0) + 1
        return self._left_out[item["Id"]] <= late.calls


def _to_call(client: Conversation) -> Call:
    service = service_of(client.headers.get("Authorization", ""), urlsplit(client.path).query)
    target = client.headers.get("X-Amz-Target")
    if target is not None:
        return Call(service or "", target.rpartition(".")[2])
    path = unquote(urlsplit(client.path).path)
    key = path.lstrip("/").partition("/")[2]
    return Call(service or "", f"{client.command} {key}")


def _refuse(refusal: Refusal, call: Call) -> Answer:
    kind = "application/x-amz-json-1.1" if call.service == EMR else "application/xml"
    return Answer(
        refusal.status,
        (("Content-Type", kind if refusal.code else "text/html"),),
        refusal.body(call.service),
    )


@dataclass(frozen=True, slots=True)
class _Course:
    """How a fault goes: the request is passed on so many times, then the client learns this."""

    passed_on: int
    ending: Callable[[FaultProxy, Conversation, Answer], None]


def _tell_late(proxy: FaultProxy, client: Conversation, answer: Answer) -> None:
    proxy.wait(_MOMENT_S)
    client.tell(answer)


def _drip(proxy: FaultProxy, client: Conversation, answer: Answer) -> None:
    client.drip(answer, lambda: proxy.wait(_MOMENT_S / 10))


def _tell(_: FaultProxy, client: Conversation, answer: Answer) -> None:
    client.tell(answer)


def _tell_half(_: FaultProxy, client: Conversation, answer: Answer) -> None:
    client.tell_half(answer)


def _hang_up(_: FaultProxy, client: Conversation, answer: Answer) -> None:
    del answer
    client.hang_up()


def _say_nothing(proxy: FaultProxy, client: Conversation, answer: Answer) -> None:
    del answer
    proxy.wait(None)
    client.hang_up()


def _kill(proxy: FaultProxy, client: Conversation, answer: Answer) -> None:
    del answer
    victim = proxy.victim.result(_KILL_DEADLINE_S)
    victim.kill()
    victim.wait()
    client.hang_up()


_COURSES = {
    What.LATE: _Course(1, _tell_late),
    What.DRIPPING: _Course(1, _drip),
    What.RESET_BEFORE: _Course(0, _hang_up),
    What.RESET_AFTER: _Course(1, _hang_up),
    What.HALF_ANSWER: _Course(1, _tell_half),
    What.SILENT_BEFORE: _Course(0, _say_nothing),
    What.SILENT_AFTER: _Course(1, _say_nothing),
    What.REFUSED_BEFORE: _Course(0, _tell),
    What.REFUSED_AFTER: _Course(1, _tell),
    What.TWICE: _Course(2, _tell),
    What.KILL_BEFORE: _Course(0, _kill),
    What.KILL_AFTER: _Course(1, _kill),
}
_REFUSED = {What.REFUSED_BEFORE, What.REFUSED_AFTER}


@contextmanager
def fault_proxy(
    *, emr_port: int, other_port: int, now: Callable[[], datetime]
) -> Iterator[FaultProxy]:
    """Serve until the block ends, passing on what nothing happens to."""
    proxy = FaultProxy(emr_port, other_port, now)
    with relay(proxy.meddle) as port:
        proxy.port = port
        try:
            yield proxy
        finally:
            proxy.close()
