"""The tape of a run: every sandbox it opens is recorded, so that `replay` can serve the answers without an engine.

What a run asks of its sandboxes goes into the journal with the event that follows. The recording is redacted, and is
not cleaned: gates parse it. Packs of git objects are not kept twice: the store has them.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from harness.clean import clean
from harness.events import SandboxCall, SandboxUsed
from harness.repo import split_export
from harness.repo.errors import Rejected
from sandboxes import Engine, News, Result, Sandbox, SandboxError, Spec

LARGE = 2_000
"""Bytes of an argument above which the recording keeps its digest alone."""
KEPT = 8 * 1024 * 1024
"""Bytes of an answer above which it is not kept; a replay ends there and says so."""
PACK_KEPT = 1024 * 1024
"""Bytes of a pack that is kept when the store does not take it: a replay refuses it once more."""
MADE_UP = re.compile(r"lw[0-9a-f]{16}")
"""Names that gates make up anew for each run of a tool."""
_MADE_UP = re.compile(MADE_UP.pattern.encode())
_FLEETING = ("timeout",)
PACK = b"PACK"


class Tape:
    """What was asked of sandboxes and is not in the journal yet. Filled by any thread, drained by the driver."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self.redact = redact
        self._lock = Lock()
        self._used: list[SandboxUsed] = []
        self._opened = 0

    def number(self) -> int:
        """The number of a sandbox that is about to be opened."""
        with self._lock:
            self._opened += 1
            return self._opened

    def put(self, sandbox: str, purpose: str, number: int, call: SandboxCall) -> None:
        with self._lock:
            last = self._used[-1] if self._used else None
            if last is not None and last.number == number:
                self._used[-1] = msgspec.structs.replace(last, calls=(*last.calls, call))
            else:
                self._used.append(SandboxUsed(sandbox=sandbox, purpose=purpose, number=number, calls=(call,)))

    def drain(self, *, taken: bool = False) -> tuple[SandboxUsed, ...]:
        """What was recorded since the last call. `taken`: the packs among it are in the store by now."""
        if not self._used:
            return ()
        with self._lock:
            used, self._used = tuple(self._used), []
        return tuple(map(_without_packs, used)) if taken else used


class Recorded:
    """An engine that puts on tape what its sandboxes are asked."""

    def __init__(self, engine: Engine, tape: Tape) -> None:
        self._engine, self._tape = engine, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def uid(self) -> int:
        return self._engine.uid

    def open(self, spec: Spec) -> Sandbox:
        number = self._tape.number()
        asked, key = opening(spec)
        try:
            sandbox = self._engine.open(spec)
        except SandboxError as error:
            call = SandboxCall(asked=asked, key=key, raised=told(error, self._tape.redact))
            self._tape.put("", spec.purpose, number, call)
            raise
        self._tape.put(sandbox.id, spec.purpose, number, SandboxCall(asked=asked, key=key))
        return RecordedSandbox(sandbox, self._tape, spec.purpose, number)

    def discard(self, run: str) -> None:
        self._engine.discard(run)

    def gc(self, keep: frozenset[str] = frozenset(), seeds: Path | None = None) -> tuple[str, ...]:
        return self._engine.gc(keep, seeds)

    def probe(self) -> Any:
        return self._engine.probe()


class RecordedSandbox:
    """A sandbox whose calls are put on tape; what it does is the other's."""

    def __init__(self, sandbox: Sandbox, tape: Tape, purpose: str, number: int) -> None:
        self._sandbox, self._tape, self._purpose, self._number = sandbox, tape, purpose, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    @property
    def id(self) -> str:
        return self._sandbox.id

    def run(self, command: str | Sequence[str], **given: Any) -> Result:
        result: Result = self._call("run", {"command": command, **given})
        return result

    def read(self, path: str, **given: Any) -> bytes:
        data: bytes = self._call("read", {"path": path, **given})
        return data

    def write(self, path: str, data: bytes) -> None:
        self._call("write", {"path": path, "data": data})

    def allow(self, host: str) -> bool:
        allowed: bool = self._call("allow", {"host": host})
        return allowed

    def news(self) -> tuple[News, ...]:
        found = self._sandbox.news()
        if found:
            said = [[type(one).__name__, msgspec.to_builtins(one)] for one in found]
            asked, key = NEWS
            call = answered(asked, key, said, self._tape.redact)
            self._tape.put(self.id, self._purpose, self._number, call)
        return found

    def interrupt(self) -> None:
        self._sandbox.interrupt()

    def close(self) -> None:
        self._sandbox.close()

    def _call(self, method: str, given: dict[str, Any]) -> Any:
        asked, key = question(method, given)
        redact = self._tape.redact
        try:
            answer = getattr(self._sandbox, method)(**given)
        except SandboxError as error:
            call = SandboxCall(asked=redact(clean(asked)), key=key, raised=told(error, redact))
            self._tape.put(self.id, self._purpose, self._number, call)
            raise
        call = answered(redact(clean(asked)), key, answer, redact)
        self._tape.put(self.id, self._purpose, self._number, call)
        return answer


def opening(spec: Spec) -> tuple[str, str]:
    """What is asked by opening a sandbox. Where its seed lies on this host makes no difference."""
    return question("open", {"purpose": spec.purpose, "workspace": spec.workspace, "read_only": spec.read_only})


def question(method: str, given: Mapping[str, Any]) -> tuple[str, str]:
    """A call as JSON, and its key: equal for calls that ask the same, in this run and in a replay of it."""
    kept = {name: _argument(value) for name, value in given.items() if name not in _FLEETING}
    asked = msgspec.json.encode({"call": method, **kept}, order="sorted").decode()
    return asked, hashlib.sha256(MADE_UP.sub("lw", asked).encode()).hexdigest()[:24]


NEWS = question("news", {})
"""The one call that is no part of a sandbox's past: whoever asks, and when, makes no difference to it."""


def _argument(value: Any) -> Any:
    if isinstance(value, bytes):
        raw = _MADE_UP.sub(b"lw", value)
        if len(raw) <= LARGE and _text(raw) is not None:
            return value.decode()
        # packs of the same objects may differ from one git to the next
        return f"bytes {'pack' if raw[:4] == PACK else hashlib.sha256(raw).hexdigest()[:24]}"
    if isinstance(value, str) and len(value) > LARGE:
        return f"{value[:LARGE]} {hashlib.sha256(MADE_UP.sub('lw', value).encode(errors='replace')).hexdigest()[:24]}"
    if isinstance(value, Mapping):
        return {str(name): _argument(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_argument(one) for one in value]
    return value


def answered(asked: str, key: str, answer: Any, redact: Callable[[str], str]) -> SandboxCall:
    """The recording of a call that brought an answer."""
    fields = msgspec.structs.asdict(answer) if isinstance(answer, msgspec.Struct) else {"value": answer}
    pack = _packed(fields)
    if pack and len(fields["stdout"]) > PACK_KEPT:
        fields["stdout"] = b""
    if sum(len(value) for value in fields.values() if isinstance(value, bytes)) > KEPT:
        return SandboxCall(asked=asked, key=key, raised=("TooLarge", "the answer was too large to be kept", "", ""))
    answers: dict[str, Any] = {}
    text: list[str] = []
    coded: list[str] = []
    for name, value in fields.items():
        if isinstance(value, bytes):
            kept = _redacted(value, redact)
            known = _text(kept)
            answers[name] = known if known is not None else b64encode(kept).decode()
            (text if known is not None else coded).append(name)
        else:
            answers[name] = redact(clean(value)) if isinstance(value, str) else value
    return SandboxCall(asked=asked, key=key, answer=_encode(answers), text=tuple(text), coded=tuple(coded), pack=pack)


def _without_packs(used: SandboxUsed) -> SandboxUsed:
    calls = tuple(
        msgspec.structs.replace(call, answer=_encode(_decode(call.answer) | {"stdout": ""})) if call.pack else call
        for call in used.calls
    )
    return msgspec.structs.replace(used, calls=calls)


def _packed(fields: Mapping[str, Any]) -> str:
    """The tip of an export's pack, when the output is one."""
    out = fields.get("stdout")
    if not isinstance(out, bytes) or out[41:45] != PACK:
        return ""
    try:
        return split_export(out)[0]
    except Rejected:
        return ""


def restored(call: SandboxCall) -> dict[str, Any]:
    """The fields of a recorded answer, bytes where they were bytes."""
    fields: dict[str, Any] = _decode(call.answer) if call.answer else {"value": None}
    fields |= {name: fields[name].encode() for name in call.text}
    return fields | {name: b64decode(fields[name]) for name in call.coded}


def told(error: SandboxError, redact: Callable[[str], str]) -> tuple[str, ...]:
    """An error in the words of the tape."""
    return type(error).__name__, *(redact(clean(part)) for part in (error.what, error.why, error.fix))


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _encode(fields: dict[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


def _text(data: bytes) -> str | None:
    """Bytes as text that can be shown anywhere; None for what is no text, or would be another once it was cleaned."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if clean(text) == text else None


def _redacted(data: bytes, redact: Callable[[str], str]) -> bytes:
    """Bytes without the secrets in them, whether they are text or not."""
    for coding in ("utf-8", "latin-1"):
        try:
            plain = data.decode(coding)
        except UnicodeDecodeError:
            continue
        safe = redact(plain)
        data = data if safe == plain else safe.encode(coding, "replace")
    return data
