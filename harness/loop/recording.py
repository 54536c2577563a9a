"""How a sandbox's calls are put into words, and back: what the tape of a run keeps, and what a replay reads."""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from harness.clean import clean
from harness.events import SandboxCall
from harness.repo import Rejected, split_export
from sandboxes import SandboxError, Spec

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
    return SandboxCall(asked=asked, key=key, answer=encode(answers), text=tuple(text), coded=tuple(coded), pack=pack)


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
    fields: dict[str, Any] = decode(call.answer) if call.answer else {"value": None}
    fields |= {name: fields[name].encode() for name in call.text}
    return fields | {name: b64decode(fields[name]) for name in call.coded}


def told(error: SandboxError, redact: Callable[[str], str]) -> tuple[str, ...]:
    """An error in the words of the tape."""
    return type(error).__name__, *(redact(clean(part)) for part in (error.what, error.why, error.fix))


decode = msgspec.json.Decoder(dict[str, Any]).decode


def encode(fields: dict[str, Any]) -> str:
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
