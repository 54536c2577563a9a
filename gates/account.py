"""What the witness in a sandbox told the reporter, read as what it is: words of a process that hostile code shares.

A schema, an order and a count: whoever adds, leaves out or doubles a record contradicts the others.
"""

from typing import Annotated, Literal

import msgspec

LIMIT = 48_000_000
"""Bytes of one account; a passing test takes about 80."""
TESTS = 200_000

Natural = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", forbid_unknown_fields=True):
    s: Natural
    """Its place in the account."""


class Hello(_Record, frozen=True, kw_only=True, tag="hello"):
    pytest: str


class Ids(_Record, frozen=True, kw_only=True, tag="ids"):
    ids: tuple[str, ...]


class Broken(_Record, frozen=True, kw_only=True, tag="broken"):
    """Something that could not be collected."""

    id: str
    text: str


class Said(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a report of pytest's said about one phase of a test."""

    phase: str
    outcome: str
    message: str
    text: str


class Test(_Record, frozen=True, kw_only=True, tag="test"):
    """One test: what it raised, by phase, and what pytest made of that."""

    __test__ = False
    n: Natural
    raised: dict[str, str]
    reports: tuple[Said, ...]
    swapped: bool
    """The function that ran is not the one that was collected."""

    @property
    def outcome(self) -> Literal["passed", "failed", "skipped", "none"]:
        """The worst that was reported."""
        said = {report.outcome for report in self.reports}
        return "failed" if "failed" in said else "skipped" if "skipped" in said else "passed" if said else "none"

    @property
    def whitewashed(self) -> bool:
        """It raised, and no report knows of it."""
        return self.outcome == "passed" and any(kind not in _SKIPS for kind in self.raised.values())


_SKIPS = frozenset({"Skipped", "SkipTest", "XFailed"})


class Control(_Record, frozen=True, kw_only=True, tag="control"):
    """A test of ours under the name of a real one: it can only fail."""

    id: str
    state: str


class Mark(_Record, frozen=True, kw_only=True, tag="mark"):
    """A line of the tree that reached for the insides of the interpreter."""

    event: str
    path: str
    line: Natural


class End(_Record, frozen=True, kw_only=True, tag="end"):
    exit: int
    patched: tuple[str, ...]
    """Functions of pytest, unittest or the language that are not what they were before the tree was loaded."""
    changed: tuple[str, ...]
    """Files of the tests that were changed while they ran."""
    strange: tuple[str, ...]
    """What is odd about the tests that were collected, and which code of the tree is a plugin of pytest's."""
    ran: tuple[tuple[str, Natural], ...]
    """The probed statements that were executed."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one process told. With a `problem` it shows nothing."""

    problem: str = ""
    began: bool = False
    """Pytest was loaded and started."""
    ids: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()
    tests: tuple[Test, ...] = ()
    controls: tuple[Control, ...] = ()
    marks: tuple[Mark, ...] = ()
    end: End | None = None


_DECODER: msgspec.json.Decoder[Hello | Ids | Broken | Test | Control | Mark | End] = msgspec.json.Decoder(
    Hello | Ids | Broken | Test | Control | Mark | End
)


def read(data: bytes, lost: int = 0) -> Account:
    """The account in what came over the channel. Never raises."""
    if lost:
        return Account(problem=f"the account has {lost} bytes more than it may")
    lines = data.split(b"\n")
    if lines.pop():
        return Account(problem="the account breaks off in the middle of a record")
    try:
        records = [_DECODER.decode(line) for line in lines]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Account(problem=f"the account holds what our witness does not write: {error}"[:300])
    if any(record.s != n for n, record in enumerate(records)):
        return Account(problem="records were added to the account or left out")
    if not records:
        return Account()
    if not isinstance(records[0], Hello) or sum(isinstance(record, Hello | End) for record in records[1:-1]):
        return Account(problem="the account has more than one beginning or end")
    return _checked(records)


def _checked(records: list[Hello | Ids | Broken | Test | Control | Mark | End]) -> Account:
    ids = tuple(node for record in records if isinstance(record, Ids) for node in record.ids)
    tests = tuple(record for record in records if isinstance(record, Test))
    numbers = {test.n for test in tests}
    last = records[-1]
    problem = ""
    if len(ids) > TESTS:
        problem = f"there are more than {TESTS} tests"
    elif len(numbers) < len(tests):
        problem = "a test has two results"
    elif numbers and max(numbers) >= len(ids):
        problem = "there is a result of a test that was not collected"
    return Account(
        problem=problem,
        began=True,
        ids=ids,
        broken=tuple(record for record in records if isinstance(record, Broken)),
        tests=tests,
        controls=tuple(record for record in records if isinstance(record, Control)),
        marks=tuple(record for record in records if isinstance(record, Mark)),
        end=last if isinstance(last, End) else None,
    )
