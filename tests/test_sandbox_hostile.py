"""A runner that lies: real bytes over a real socket to the harness's end of the line."""

import json
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxes.base import SandboxGone
from sandboxes.container import Container
from sandboxes.frames import Broken, Line, Ran
from sandboxes.inside.wire import FRAME, MAGIC
from sandboxes.stream import Stream

RAN = {
    "re": "run", "id": 1, "exit": 0, "micros": 5, "timed_out": False, "oom": False, "pids": False,
    "file": False, "cwd": "", "out": 2, "err": 0, "elided": 0,
    "spill": None, "stuck": False,
}  # fmt: skip


def chunk(data: bytes, stream: int = 1) -> bytes:
    """One piece of an attached stream as Docker sends it."""
    return struct.pack("!BxxxI", stream, len(data)) + data


def frame(header: object, body: bytes = b"", magic: bytes = MAGIC) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return FRAME.pack(magic, len(head), len(body)) + head + body


class Fake:
    """A container whose PID 1 is the test."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.stream = Stream(ours)
        self.ended = 0
        self.box = Container("fake", Line(self.stream), self.end, self.stream.close)

    def end(self) -> str:
        self.ended += 1
        self.stream.close()
        return ""

    def says(self, data: bytes) -> None:
        """Send `data` and hang up, from another thread: it may be more than a socket holds."""

        def send() -> None:
            try:
                self.theirs.sendall(data)
                self.theirs.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        threading.Thread(target=send, daemon=True).start()


def test_the_honest_reply_is_understood() -> None:
    fake = Fake()
    fake.says(chunk(frame(RAN, b"ok")))
    assert fake.box.run("true").stdout == b"ok"
    assert fake.ended == 0


def test_the_reply_may_come_in_any_pieces() -> None:
    fake = Fake()
    whole = frame(RAN, b"ok")
    pieces = b"".join(chunk(bytes([byte])) + chunk(b"noise", 2) + chunk(b"") for byte in whole)
    fake.says(pieces)
    assert fake.box.run("true").stdout == b"ok"


LIES: dict[str, bytes] = {
    "nothing": b"",
    "half a chunk header": b"\1\0\0",
    "no docker stream": b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    "wrong stream": chunk(frame(RAN, b"ok"), 7),
    "garbage": chunk(b"\xff" * 64),
    "wrong magic": chunk(frame(RAN, b"ok", b"LWR9")),
    "cut in the header": chunk(frame(RAN, b"ok")[:20]),
    "cut in the body": chunk(frame({**RAN, "out": 60}, b"x" * 60)[:-1]),
    "oversize header": chunk(FRAME.pack(MAGIC, 1 << 31, 0)),
    "oversize body": chunk(FRAME.pack(MAGIC, 10, (1 << 32) - 1) + b"x" * 1_000),
    "body over the cap": chunk(frame({**RAN, "out": 1_001}, b"x" * 1_001)),
    "empty header": chunk(frame(b"")),
    "no json": chunk(frame(b"{not json}")),
    "not an object": chunk(frame([RAN])),
    "nested": chunk(frame(b'{"re":"run","id":' + b"[" * 2_000 + b"]" * 2_000 + b"}")),
    "deep unknown": chunk(frame(b'{"re":' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}")),
    "no tag": chunk(frame({k: v for k, v in RAN.items() if k != "re"}, b"ok")),
    "unknown tag": chunk(frame({**RAN, "re": "os.system"}, b"ok")),
    "class path": chunk(frame({"re": "run", "__class__": "subprocess.Popen", "args": ["touch", "/tmp/owned"]})),
    "unknown field": chunk(frame({**RAN, "path": "/etc/passwd"}, b"ok")),
    "missing field": chunk(frame({k: v for k, v in RAN.items() if k != "exit"}, b"ok")),
    "text for a number": chunk(frame({**RAN, "exit": "0"}, b"ok")),
    "float for a number": chunk(frame({**RAN, "micros": 1.5}, b"ok")),
    "huge number": chunk(frame({**RAN, "micros": 1 << 60}, b"ok")),
    "endless number": chunk(frame(b'{"re":"run","id":' + b"9" * 3_000 + b"}")),
    "negative": chunk(frame({**RAN, "out": -1}, b"ok")),
    "exit code out of range": chunk(frame({**RAN, "exit": 256}, b"ok")),
    "spill as a path": chunk(frame({**RAN, "spill": "../../etc/passwd"}, b"ok")),
    "not a number": chunk(frame(b'{"re":"run","id":NaN}')),
    "no utf-8": chunk(frame(b'{"re":"\xff\xfe"}')),
    "wrong id": chunk(frame({**RAN, "id": 2}, b"ok")),
    "other kind": chunk(frame({"re": "data", "id": 1, "stuck": False}, b"ok")),
    "sizes that do not add up": chunk(frame({**RAN, "out": 1}, b"ok")),
    "stuck": chunk(frame({**RAN, "stuck": True}, b"ok")),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_ends_the_sandbox(lie: bytes) -> None:
    fake = Fake()
    fake.says(lie)
    if lie == LIES["stuck"]:
        assert fake.box.run("true", cap=1_000).stdout == b"ok"
    else:
        with pytest.raises(SandboxGone):
            fake.box.run("true", cap=1_000)
    assert fake.ended == 1
    for again in (lambda: fake.box.run("true"), lambda: fake.box.read("x"), lambda: fake.box.write("x", b"")):
        with pytest.raises(SandboxGone):
            again()
    assert fake.ended == 1


@pytest.mark.parametrize(
    "reply",
    [
        {"re": "hello", "id": 0, "nonce": "other", "owner": 1000},
        {"re": "hello", "id": 0, "nonce": "", "owner": 1000},
        {"re": "hello", "id": 1, "nonce": "mine", "owner": 1000},
        {"re": "hello", "id": 0, "nonce": "mine", "owner": "root"},
        {**RAN, "id": 0, "out": 0},
    ],
)
def test_the_handshake_takes_only_our_nonce(reply: dict[str, object]) -> None:
    fake = Fake()
    fake.says(chunk(frame(reply)))
    with pytest.raises(SandboxGone):
        fake.box.greet({"nonce": "mine"}, 5)


def test_a_silent_runner_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(Broken, match="no answer in time"):
        Line(Stream(ours)).receive(1, 10, 0.0)


def test_a_refusal_names_its_reason_and_leaves_the_sandbox_alive() -> None:
    fake = Fake()
    fake.says(
        chunk(frame({"re": "refused", "id": 1, "why": "it is a directory", "stuck": False}))
        + chunk(frame({**RAN, "id": 2}, b"ok"))
    )
    from sandboxes.base import FileRefused

    with pytest.raises(FileRefused) as refused:
        fake.box.read("src")
    assert refused.value.why == "it is a directory"
    assert fake.box.run("true").exit_code == 0


def test_standard_error_of_the_runner_explains_and_is_bounded() -> None:
    ours, theirs = socket.socketpair()
    line = Line(Stream(ours))
    threading.Thread(target=lambda: (theirs.sendall(chunk(b"x" * 90_000 + b"the end", 2)), theirs.close())).start()
    with pytest.raises(Broken):
        line.receive(1, 10, 1e12)
    assert line.stderr.endswith("the end")
    assert len(line.stderr) < 5_000


def receive(data: bytes) -> Callable[[], object]:
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    return lambda: Line(Stream(ours)).receive(1, 1_000, 1e12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=600))
def test_random_bytes_are_never_anything_but_broken(data: bytes) -> None:
    with pytest.raises(Broken):
        receive(chunk(data))()
    with pytest.raises(Broken):
        receive(data)()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RAN, "x"]), inner, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(list(RAN)), JSON, max_size=4), st.binary(max_size=50))
def test_a_mutated_reply_is_broken_or_still_fits_the_schema(changes: dict[str, object], body: bytes) -> None:
    try:
        reply, data = receive(chunk(frame({**RAN, **changes}, body)))()  # type: ignore[misc]
    except Broken:
        return
    assert data == body
    if isinstance(reply, Ran):
        assert 0 <= reply.exit <= 255
        assert reply.id == 1
        assert isinstance(reply.spill, int | None)
