"""The tools of each role: what the model sees, and their execution in the sandbox alone."""

import inspect
import time
from collections.abc import Callable, Generator
from functools import cache, cached_property, partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from harness.agent import files, searching
from harness.agent.answer import Answer, Mistake, Status, whole_path
from harness.agent.background import Background, Jobs
from harness.agent.command import SECONDS, Bash, bash
from harness.events import Event, ToolFinished, ToolStarted
from harness.models.base import ToolCall, ToolSchema
from sandboxes.base import FileRefused, Sandbox

SUMMARY_CHARS, ERROR_CHARS = 120, 1_000


class Finish(Struct, frozen=True, forbid_unknown_fields=True):
    """End the work as done. The harness then judges the tree by running its own checks; what is claimed here is no
    evidence."""

    summary: Annotated[str, Meta(description="What was changed, and why.")]
    evidence: (
        Annotated[dict[str, str], Meta(description="For each acceptance criterion, how it was verified.")] | UnsetType
    ) = UNSET


class Blocked(Struct, frozen=True, forbid_unknown_fields=True):
    """End the work as impossible: the goal contradicts itself, needs something that is not here, or could only be
    reached by breaking a rule."""

    reason: Annotated[str, Meta(description="What stands in the way, and what would have to change.")]
    tried: Annotated[str, Meta(description="What was tried.")] | UnsetType = UNSET


class Explore(Struct, frozen=True, forbid_unknown_fields=True):
    """Have another, cheaper model look around in the work tree and answer a question about it: where something is
    done, how parts hang together, what uses a function. It only reads, sees nothing of this conversation, and answers
    in a few hundred words with paths and lines. Worth it for questions that would take many searches."""

    question: Annotated[str, Meta(description="The whole question, with all that has to be known to answer it.")]


Explorer = Callable[[str, str], Generator[Event, None, Answer]]
"""Answers a question by a conversation of its own: called with the asking conversation's id and the question."""


class Tool(Struct, frozen=True):
    """One tool: its arguments, whose docstring is its description, and what it does with them."""

    args: Any
    run: Callable[[Sandbox, Any], Answer]
    ends: bool = False

    @property
    def name(self) -> str:
        return str(self.args.__name__).lower()


class Toolbox:
    """A frozen set of tools over one sandbox, which is asked for when it is needed.

    Every text passes `clean` before model or journal see it.
    """

    def __init__(
        self,
        sandbox: Callable[[], Sandbox] | None,
        tools: tuple[Tool, ...],
        clean: Callable[[str], str] = str,
        explore: Explorer | None = None,
    ) -> None:
        self._sandbox, self.clean, self._explore = sandbox, clean, explore
        self._tools = {tool.name: tool for tool in tools}

    @cached_property
    def schemas(self) -> tuple[ToolSchema, ...]:
        """The tools as the model sees them: the same bytes in every process."""
        return tuple(_schema(tool.args) for tool in self._tools.values())

    def intent(self, conversation: str, call: ToolCall) -> ToolStarted | None:
        """The event that precedes `run`, or None when the call is malformed and must not be run."""
        if not isinstance(call.input, dict):
            return None
        try:
            wire = msgspec.json.encode(call.input).decode()
        except UnicodeEncodeError:
            return None
        return ToolStarted(
            conversation=conversation,
            call=call.id,
            name=self._shown_name(call),
            summary=self._summary(call.name, call.input),
            input=self.clean(wire),
        )

    def run(self, conversation: str, call: ToolCall) -> ToolFinished:
        """Run a call and give its result; whatever the model did wrong is a result too. Raises `SandboxGone`."""
        begun = time.monotonic_ns()
        tool = self._tools.get(call.name)
        answer = self._try(tool, call)
        final = call.name if tool and tool.ends and answer.status == "ok" else None
        micros = (time.monotonic_ns() - begun) // 1_000
        return self._finished(conversation, call, answer.status, answer.text, micros, final)

    def work(self, conversation: str, call: ToolCall) -> Generator[Event, None, ToolFinished]:
        """As `run`; a tool that holds a conversation of its own yields the events of that."""
        tool = self._tools.get(call.name)
        if self._explore is None or tool is None or tool.args is not Explore:
            return self.run(conversation, call)
        begun = time.monotonic_ns()
        try:
            question = msgspec.convert(call.input or {}, Explore).question
        except msgspec.ValidationError:
            return self.run(conversation, call)
        answer = yield from self._explore(conversation, question)
        micros = (time.monotonic_ns() - begun) // 1_000
        return self._finished(conversation, call, answer.status, answer.text, micros, None)

    def refuse(self, conversation: str, call: ToolCall, status: Status, text: str) -> ToolFinished:
        """The result of a call that is not run."""
        return self._finished(conversation, call, status, text, 0, None)

    def _try(self, tool: Tool | None, call: ToolCall) -> Answer:
        if tool is None or self._sandbox is None:
            return Answer(f"there is no tool of that name; there are: {', '.join(self._tools)}", "environment")
        given = {name: value for name, value in (call.input or {}).items() if value is not None}
        try:
            args = msgspec.convert(given, tool.args)
        except msgspec.ValidationError as error:
            return Answer(f"{tool.name}: {error}. It takes: {_arguments(tool.args)}", "environment")
        try:
            return tool.run(self._sandbox(), args)
        except (Mistake, FileRefused) as mistake:
            return Answer(f"{tool.name}: {str(mistake)[-ERROR_CHARS:]}", "error")
        except TimeoutError as late:
            return Answer(f"{tool.name}: {late}", "environment")

    def _finished(
        self, conversation: str, call: ToolCall, status: Status, text: str, micros: int, final: str | None
    ) -> ToolFinished:
        return ToolFinished(
            conversation=conversation,
            call=call.id,
            name=self._shown_name(call),
            status=status,
            micros=micros,
            output=self.clean(text),
            final=final,
        )

    def _shown_name(self, call: ToolCall) -> str:
        known = call.name in self._tools
        return call.name if known else self.clean(call.name.encode(errors="replace").decode())[:40]

    def _summary(self, name: str, given: dict[str, Any]) -> str:
        tool = self._tools.get(name)
        order = tool.args.__struct_fields__ if tool else tuple(given)
        said = next((given[field] for field in order if isinstance(given.get(field), str)), "")
        line = self.clean(" ".join(said.split()))
        return line if len(line) <= SUMMARY_CHARS else f"{line[: SUMMARY_CHARS - 3]}..."


Remark = Callable[[Sandbox, str, bytes], str]
"""What is to be said of a file that a tool has just changed, from its path and what it held before; often nothing."""


def maker_tools(
    sandbox: Sandbox,
    clean: Callable[[str], str] = str,
    *,
    timeout: float = SECONDS,
    remark: Remark | None = None,
    explore: Explorer | None = None,
    only: tuple[str, ...] = (),
) -> Toolbox:
    """All tools, or `only` the named ones and the two that end the work. `timeout` (seconds) holds for commands that
    name none; `remark` is added to what `write` and `edit` answer; without `explore` there is no such tool."""
    maker = (
        *_looking(timeout),
        Tool(Background, Jobs().run),
        Tool(files.Write, _remarked(files.write, remark)),
        Tool(files.Edit, _remarked(files.edit, remark)),
        *([Tool(Explore, _unheard)] if explore else []),
        Tool(Finish, _end, ends=True),
        Tool(Blocked, _end, ends=True),
    )
    kept = tuple(tool for tool in maker if not only or tool.ends or tool.name in only)
    return Toolbox(lambda: sandbox, kept, clean, explore)


MAKER_TOOLS = ("bash", "read", "grep", "glob", "background", "write", "edit", "explore")
"""The names that `only` may hold."""


def explorer_tools(sandbox: Sandbox, clean: Callable[[str], str] = str) -> Toolbox:
    """The tools that cannot change anything: no shell among them, for this is the maker's own work tree."""
    return Toolbox(lambda: sandbox, _looking(SECONDS)[1:], clean)


def no_tools(clean: Callable[[str], str] = str) -> Toolbox:
    """For a conversation of one question and one answer."""
    return Toolbox(None, (), clean)


def _remarked(change: Callable[[Sandbox, Any], Answer], remark: Remark | None) -> Callable[[Sandbox, Any], Answer]:
    if remark is None:
        return change

    def changed(sandbox: Sandbox, args: Any) -> Answer:
        path = whole_path(args.file_path)
        before = files.before(sandbox, path)
        answer = change(sandbox, args)
        return Answer(answer.text + remark(sandbox, path, before), answer.status)

    return changed


def checker_tools(
    sandbox: Callable[[], Sandbox], clean: Callable[[str], str] = str, *, timeout: float = SECONDS
) -> Toolbox:
    """The tools that look; the first that is called asks for the sandbox. `bash` is one: the tree is thrown away."""
    return Toolbox(sandbox, _looking(timeout), clean)


def _looking(timeout: float) -> tuple[Tool, ...]:
    return (
        Tool(Bash, partial(bash, usual=timeout)),
        Tool(files.Read, files.read),
        Tool(searching.Grep, searching.grep),
        Tool(searching.Glob, searching.glob),
    )


def _unheard(sandbox: Sandbox, args: Explore) -> Answer:
    raise Mistake("there is nobody to ask here")


def _end(sandbox: Sandbox, args: Finish | Blocked) -> Answer:
    return Answer("the conversation ends here")


@cache
def _schema(args: Any) -> ToolSchema:
    schema = msgspec.json.schema(args)["$defs"][args.__name__]
    del schema["title"], schema["description"]
    return ToolSchema(args.__name__.lower(), " ".join((inspect.getdoc(args) or "").split()), schema)


def _arguments(args: Any) -> str:
    fields = msgspec.structs.fields(args)
    return ", ".join(field.name if field.required else f"{field.name} (optional)" for field in fields)
