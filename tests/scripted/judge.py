"""Which conversation a request belongs to, which step answers it, and whether the conversation only grew."""

import hashlib
from typing import Any

import msgspec

from tests.scripted.script import Ask, Conversation, Script, Step

FIELDS = {"model", "max_tokens", "messages", "stream", "system", "tools", "tool_choice", "stop_sequences"}
"""What local servers that speak the Messages API understand (the least common of their documentations)."""

HOSTED = FIELDS | {
    "anthropic_version", "cache_control", "container", "diagnostics", "inference_geo", "metadata", "output_config",
    "service_tier", "speed", "thinking",
}  # fmt: skip


class Request(msgspec.Struct):
    """A request as it came: the parts that must not change are kept as the bytes they were."""

    model: str
    max_tokens: int
    messages: list[msgspec.Raw]
    system: msgspec.Raw = msgspec.Raw(b'""')
    tools: msgspec.Raw = msgspec.Raw(b"[]")
    stream: bool = False


class _Head(msgspec.Struct):
    role: str
    content: Any = None


class Refused(Exception):
    """Answer with this status; a `breach` is a fault of the client that tests want to hear of."""

    def __init__(self, status: int, message: str, breach: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.breach = status, message, breach


class Talk:
    """A conversation that is being played."""

    def __init__(self, number: int, script: Conversation, key: bytes) -> None:
        self.number, self.script, self.key = number, script, key
        self.name = f"{number}{hashlib.sha256(key).hexdigest()[:10]}"
        self.constant: tuple[bytes, bytes] | None = None
        self.messages: list[bytes] = []
        self.attempts: dict[int, int] = {}
        self.served, self.prompt = -1, 0
        """The last step that was answered, and the tokens of its request."""
        self.sent: dict[int, list[Any]] = {}
        """Step -> the contents that were answered whole."""


_requests = msgspec.json.Decoder(Request)
_heads = msgspec.json.Decoder(_Head)


def parse(raw: bytes, strict: bool) -> Request:
    """Decode a request and refuse what the API refuses: malformed bodies, unknown top-level fields."""
    try:
        request = _requests.decode(raw)
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Refused(400, str(error), breach=True) from None
    unknown = sorted(set(fields) - (FIELDS if strict else HOSTED))
    if unknown:
        raise Refused(400, f"{unknown[0]}: Extra inputs are not permitted", breach=True)
    return request


def _block_ids(content: Any, kind: str, field: str) -> list[str]:
    blocks = content if isinstance(content, list) else []
    return [block.get(field, "") for block in blocks if block.get("type") == kind]


def check_shape(request: Request) -> list[_Head]:
    """The rules of a list of messages: roles alternate, every tool call is answered by the next message."""
    heads = [_heads.decode(raw) for raw in request.messages]
    roles = [head.role for head in heads]
    if not roles or roles[-1] != "user" or roles[0] != "user":
        raise Refused(400, "messages: must begin and end with the user's (no prefill)", breach=True)
    if any(role == after for role, after in zip(roles, roles[1:], strict=False)):
        raise Refused(400, "messages: roles must alternate", breach=True)
    for head, answer in zip(heads, heads[1:], strict=False):
        used = _block_ids(head.content, "tool_use", "id")
        answered = _block_ids(answer.content, "tool_result", "tool_use_id")
        if head.role == "assistant" and sorted(used) != sorted(answered):
            raise Refused(400, f"tool_use ids {used} were answered by tool_result {answered}", breach=True)
    return heads


def _presentable(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of a reply can come back: the API itself sends blank text, but refuses it in a request."""
    return [block for block in content if block["type"] != "text" or block["text"].strip()]


class Judge:
    """The state of all conversations. Not thread-safe."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._claimed: set[tuple[int, int]] = set()
        self._talks: dict[bytes, Talk] = {}

    def talk(self, request: Request) -> Talk:
        """The conversation of a request: known by its model, system and first message, else the next one."""
        key = b"\0".join((request.model.encode(), bytes(request.system), bytes(request.messages[0])))
        if key not in self._talks:
            conversations = self._script.get(request.model, self._script.get("*"))
            if conversations is None:
                raise Refused(404, f"model: {request.model}")
            self._talks[key] = Talk(len(self._talks), self._next(conversations, key.decode(), request.model), key)
        return self._talks[key]

    def _next(self, conversations: list[Conversation], words: str, model: str) -> Conversation:
        for place, conversation in enumerate(conversations):
            claim = (id(conversations), place)
            if (conversation.again or claim not in self._claimed) and conversation.match in words:
                self._claimed.add(claim)
                return conversation
        raise Refused(400, f"the script has no further conversation for {model}", breach=True)

    def grow(self, talk: Talk, request: Request, heads: list[_Head]) -> None:
        """Refuse a request that does not extend the one before it, byte for byte."""
        constant = (bytes(request.system), bytes(request.tools))
        messages = [bytes(raw) for raw in request.messages]
        if talk.constant is None:
            talk.constant = constant
        for name, old, new in zip(("system", "tools"), talk.constant, constant, strict=True):
            if old != new:
                raise Refused(400, f"conversation {talk.number}: {name} changed", breach=True)
        shorter = min(len(messages), len(talk.messages))
        for n in range(shorter):
            if messages[n] != talk.messages[n]:
                raise Refused(400, f"conversation {talk.number}: message {n} changed", breach=True)
        if len(messages) < len(talk.messages) and not talk.script.shared:
            lost = len(talk.messages) - len(messages)
            raise Refused(400, f"conversation {talk.number}: {lost} messages are gone", breach=True)
        self._verbatim(talk, heads)
        if len(messages) > len(talk.messages):
            talk.messages = messages

    def _verbatim(self, talk: Talk, heads: list[_Head]) -> None:
        for step, head in enumerate(head for head in heads if head.role == "assistant"):
            sent = [_presentable(content) for content in talk.sent.get(step, [])]
            if sent and [] not in sent and head.content not in sent:
                raise Refused(400, f"conversation {talk.number}: reply {step} came back altered", breach=True)

    def step(self, talk: Talk, request: Request, heads: list[_Head], raw: bytes) -> tuple[int, Step]:
        """The step that answers: the number of replies the request already holds."""
        number = sum(head.role == "assistant" for head in heads)
        attempt = talk.attempts.get(number, 0)
        talk.attempts[number] = attempt + 1
        turn = talk.script.turn(number)
        if isinstance(turn, tuple):
            turn = turn[min(attempt, len(turn) - 1)]
        if callable(turn):
            body = msgspec.json.decode(raw)
            turn = turn(Ask(model=request.model, conversation=talk.number, step=number, attempt=attempt, body=body))
        if turn is None:
            raise Refused(400, f"conversation {talk.number}: the script has no step {number}", breach=True)
        return number, turn
