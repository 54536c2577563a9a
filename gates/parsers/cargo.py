"""`cargo test`: the text of libtest, a section for each test binary, each with its count at both ends."""

import re

import msgspec

from gates.parsers.base import Refused, Report, Tests, lines

_RUNNING = re.compile(r"running (\d{1,7}) tests?")
_TEST = re.compile(r"test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored\b.*|bench:.*)")
_RESULT = re.compile(r"test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; (\d+) measured;.*")
_BINARY = re.compile(r"\s+Running (?:unittests )?(\S+) \(.*\)")
_DOCS = re.compile(r"\s+Doc-tests (\S+)")
_LINE = re.compile(r" \(line \d+\)")
_PANIC = re.compile(r"panicked at (\S+?):(\d{1,7}):\d+")


class _Section(msgspec.Struct):
    planned: int
    binary: str
    ended: list[tuple[str, str]] = msgspec.field(default_factory=list)
    said: dict[str, list[str]] = msgspec.field(default_factory=dict)
    speaker: str = ""


def parse(data: bytes) -> Report:
    """Read the output of all sections. Raises `Refused` where a section is not whole or does not add up."""
    tests, section, binary, whole = Tests(), None, "", 0
    for line in lines(data):
        if match := _BINARY.fullmatch(line) or _DOCS.fullmatch(line):
            binary = match[1]
        elif match := _RUNNING.fullmatch(line):
            if section:
                raise Refused("a section begins within another")
            section = _Section(planned=int(match[1]), binary=binary)
        elif section and (match := _RESULT.fullmatch(line)):
            _close(section, [int(count) for count in match.groups()[1:]], match[1], tests)
            section, whole = None, whole + 1
        elif section:
            _line(section, line)
    if section:
        raise Refused("it ends within a section")
    if not whole:
        raise Refused("it has no test results")
    return tests.report()


def _line(section: _Section, line: str) -> None:
    if match := _TEST.fullmatch(line):
        section.ended.append((match[1], match[2]))
    elif line.startswith("---- ") and line.endswith(" stdout ----"):
        section.speaker = line[5:-12]
        section.said[section.speaker] = []
    elif line == "failures:":
        section.speaker = ""
    elif section.speaker:
        section.said[section.speaker].append(line)


def _close(section: _Section, counts: list[int], said: str, tests: Tests) -> None:
    kinds = [end.split(":")[0].split(",")[0].split(" ")[0] for _, end in section.ended]
    told = [kinds.count(kind) for kind in ("ok", "FAILED", "ignored", "bench")]
    if told != counts or sum(counts) != section.planned or (said == "FAILED") != (counts[1] > 0):
        raise Refused(f"a section of {section.planned} tests does not add up")
    for (name, _), kind in zip(section.ended, kinds, strict=True):
        node = f"{section.binary}::{_LINE.sub('', name)}" if section.binary else _LINE.sub("", name)
        if kind == "FAILED":
            text = "\n".join(section.said.get(name, ())).strip()
            place = _PANIC.search(text)
            message = text[place.end() :].strip(": \n") if place else text
            tests.failed(node, message, text, place[1] if place else "", int(place[2]) if place else 0)
        else:
            (tests.skipped if kind == "ignored" else tests.passed)(node)
