"""The dependency audit: pinned versions that a change brings, against advisories that the image carries.

Rooms have no network, so the source is a directory of the image in OSV's own format (https://ossf.github.io/osv-schema):
`<ecosystem>.zip`, as OSV publishes them, or a directory of that name with one JSON file an advisory.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

import msgspec

from gates.base import Change, Failure, Room
from gates.contents import Oversized, content
from sandboxes.base import Sandbox

PLACE = "/usr/share/loopwright/advisories"
NOT_RUN = "dependency audit not run: no advisory source"
LIMIT = 16_000_000


class Pin(NamedTuple):
    """One exact version that a file names."""

    ecosystem: str
    name: str
    version: str
    path: str


class Event(msgspec.Struct):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(msgspec.Struct):
    type: str
    events: list[Event] = []


class Package(msgspec.Struct):
    name: str
    ecosystem: str


class Affected(msgspec.Struct):
    package: Package
    ranges: list[Range] = []
    versions: list[str] = []


class Advisory(msgspec.Struct):
    """What of an OSV record decides, and what names it."""

    id: str
    summary: str = ""
    aliases: list[str] = []
    affected: list[Affected] = []
    withdrawn: str | None = None


class Answer(msgspec.Struct):
    sources: list[str]
    records: list[Advisory]


def new_pins(changes: Iterable[Change], room: Room) -> tuple[Pin, ...]:
    """The exact versions that the candidate names and base did not."""
    found: dict[Pin, None] = {}
    for change in changes:
        if change.status != "deleted" and (ecosystem := _ecosystem(change.path)):
            old = set(_pins(ecosystem, change.path, room, room.base))
            found.update((pin, None) for pin in _pins(ecosystem, change.path, room, room.head) if pin not in old)
    return tuple(found)


def audit(pins: tuple[Pin, ...], sandbox: Sandbox) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
    """What the image's advisories say of these versions: findings, and for whom there is no source."""
    wanted: dict[str, list[str]] = {}
    for pin in pins:
        wanted.setdefault(pin.ecosystem, []).append(pin.name)
    script = files("gates.inside").joinpath("advisories.py").read_text()
    orders = json.dumps({"place": PLACE, "wanted": wanted}).encode()
    done = sandbox.run(["python3", "-I", "-c", script], stdin=orders, cwd="/", merge=False, cap=LIMIT, timeout=120)
    try:
        answer = msgspec.json.decode(done.stdout, type=Answer)
    except (msgspec.DecodeError, RecursionError):
        why = f"{NOT_RUN} that can be read ({PLACE})"
        return (), (why,)
    missing = sorted(set(wanted) - set(answer.sources))
    notes = tuple(f"{NOT_RUN} for {ecosystem} in the image ({PLACE})" for ecosystem in missing)
    heard = len(pins) - sum(pin.ecosystem in missing for pin in pins)
    found = tuple(_failure(pin, record) for pin in pins for record in answer.records if _affects(record, pin))
    said = (f"dependency audit: {heard} new versions, {len(found)} known vulnerabilities",) if heard else ()
    return found, (*notes, *said)


def _failure(pin: Pin, record: Advisory) -> Failure:
    also = f" ({', '.join(record.aliases[:2])})" if record.aliases else ""
    return Failure(
        id=f"{pin.path}: {record.id} {pin.name} {pin.version}",
        message=f"{record.id}{also} {pin.name} {pin.version} is vulnerable: {record.summary}"[:300],
        path=pin.path,
    )


def _affects(record: Advisory, pin: Pin) -> bool:
    if record.withdrawn:
        return False
    for affected in record.affected:
        package = affected.package
        if package.ecosystem.split(":")[0] != pin.ecosystem or _normal(pin.ecosystem, package.name) != pin.name:
            continue
        if pin.version in affected.versions:
            return True
        if any(each.type == "SEMVER" and _within(pin.version, each.events) for each in affected.ranges):
            return True
    return False


def _within(version: str, events: Iterable[Event]) -> bool:
    """Whether a version lies in a range of OSV's events, in the order of semver.org (2.0, 11)."""
    inside, at = False, _order(version)
    known = [
        (_order(value), rank, value) for e in events for rank, value in enumerate((e.introduced, e.fixed)) if value
    ]
    for place, rank, value in sorted(known, key=lambda event: event[:2]):
        if value == "0" or place <= at:
            inside = rank == 0
    return inside and all(at <= _order(event.last_affected) for event in events if event.last_affected)


def _order(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    whole, _, before = version.removeprefix("v").partition("+")[0].partition("-")
    numbers = tuple(_number(part) for part in whole.split("."))
    parts = tuple((not _is_number(part), _number(part), part) for part in before.split(".") if part)
    return (*numbers, 0, 0, 0)[:3], not before, parts


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _number(text: str) -> int:
    return int(text) if _is_number(text) else 0


def _ecosystem(path: str) -> str:
    name = path.rpartition("/")[2]
    if name in ("uv.lock", "poetry.lock", "pdm.lock") or re.fullmatch(r"[\w.-]*requirements[\w.-]*\.txt", name):
        return "PyPI"
    return {"package-lock.json": "npm", "npm-shrinkwrap.json": "npm", "Cargo.lock": "crates.io"}.get(name, "")


def _pins(ecosystem: str, path: str, room: Room, tree: str) -> Iterator[Pin]:
    try:
        text = (content(room, tree, path) or b"").decode()
        pairs = list(_npm(text) if ecosystem == "npm" else _lines(text) if path.endswith(".txt") else _toml(text))
    except (ValueError, Oversized, RecursionError, AttributeError, TypeError):
        return  # what cannot be read is named by `gates.dependencies`
    yield from (Pin(ecosystem, _normal(ecosystem, name), version, path) for name, version in pairs)


def _toml(text: str) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(text).get("package", []):
        yield str(package.get("name", "")), str(package.get("version", ""))


def _npm(text: str) -> Iterator[tuple[str, str]]:
    packages: Mapping[str, Mapping[str, object]] = json.loads(text).get("packages", {})
    for place, package in packages.items():
        if place and "version" in package:
            yield str(package.get("name") or place.rpartition("node_modules/")[2]), str(package["version"])


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if match := re.match(r"\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;#,\\]+)", line):
            yield match[1], match[2]


def _normal(ecosystem: str, name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "PyPI" else name
