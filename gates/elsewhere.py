"""Signs, in changed source of other languages than Python, of code that works on the evidence instead of on the goal.

Their runners report from the process of the tests, and nothing here contradicts a report that the code under test
wrote itself. So what it takes to write one, or to behave otherwise while tests look, is named where it stands: a word
of the line is enough, for nothing is parsed.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from gates.base import Severity


class Sign(msgspec.Struct, frozen=True):
    """One sign: its rule, what the line says, how grave it is."""

    rule: str
    text: str
    severity: Severity


class _Language(msgspec.Struct, frozen=True):
    exits: re.Pattern[str]
    aware: re.Pattern[str]


_SCRIPT = _Language(
    exits=re.compile(r"\bprocess\s*\.\s*(?:exit|reallyExit|abort|kill)\s*\(|\bDeno\s*\.\s*exit\s*\("),
    aware=re.compile(
        r"\bJEST_WORKER_ID\b|\bVITEST\w*|\bNODE_TEST_CONTEXT\b|\bNODE_ENV\b.{0,20}[\"'`]test[\"'`]|\bimport\.meta\.vitest\b"
        r"|[\"'`](?:node:test|vitest|mocha|jest|@jest/[\w/]+)[\"'`]"
    ),
)
_GO = _Language(
    exits=re.compile(r"\bos\.Exit\(|\bsyscall\.(?:Exit|Kill)\(|\bruntime\.Goexit\("),
    aware=re.compile(r"\btesting\.Testing\(|\bflag\.Lookup\(\"test\.|\"-test\.|HasSuffix\(os\.Args\[0\]"),
)
_RUST = _Language(
    exits=re.compile(r"\bprocess::(?:exit|abort)\s*\(|\blibc::_?exit\s*\("),
    aware=re.compile(
        r"\bcfg!\s*\(\s*test\b|\bcfg_attr\s*\(\s*(?:not\s*\(\s*)?test\b|#\[cfg\(not\(test\)\)\]|\bRUST_TEST_\w+"
    ),
)
_JAVA = _Language(
    exits=re.compile(r"\bSystem\.exit\(|\bexitProcess\(|\bRuntime\.getRuntime\(\)\s*\.\s*(?:exit|halt)\("),
    aware=re.compile(r"\borg\.(?:junit|testng|mockito)\b|\bsurefire\b|\bgetStackTrace\(\).{0,80}[Tt]est"),
)
_RUBY = _Language(
    exits=re.compile(r"\bexit!|\bKernel\.exit\b|\bProcess\.exit!?"),
    aware=re.compile(r"\bdefined\?\W*(?:RSpec|Minitest)\b"),
)

LANGUAGES: Mapping[str, _Language] = {
    **dict.fromkeys(("js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "vue", "svelte"), _SCRIPT),
    "go": _GO,
    "rs": _RUST,
    **dict.fromkeys(("java", "kt", "kts", "scala", "groovy"), _JAVA),
    "rb": _RUBY,
}
"""By suffix."""

FORGED = re.compile(
    r"LOOPWRIGHT_REPORT|/dev/fd/3\b|/proc/self/fd|/proc/\w+/fd|[\"'`](?:not )?ok \d|--- (?:PASS|FAIL|SKIP):"
    r"|test result: ok|<testsuites?\b|<testcase\b|##teamcity\[|\\?\"Action\\?\"\s*:\s*\\?\"(?:pass|fail)"
    r"|surefire-reports|\bnewFile\s*\(\s*3\s*,|\bNewFile\(3,|\bfrom_raw_fd\(3\)|\bwriteSync\(\s*3\s*,"
)
"""What only a report has in it, and where reports go."""
LONGEST = 2_000


def signs(path: str, line: str) -> Iterator[Sign]:
    """The signs in one added line of a source that is no test; none for a language that is not known here."""
    language = LANGUAGES.get(path.rpartition(".")[2])
    if language is None or line.lstrip().startswith(("//", "#", "*", "/*")) and "#[" not in line:
        return
    line = line[:LONGEST]
    if match := FORGED.search(line):
        yield Sign("report-written", f"writes what only a report says: {match[0][:60]}", "block")
    if match := language.aware.search(line):
        yield Sign("test-aware-source", f"asks whether a test is running: {match[0][:60]}", "block")
    if match := language.exits.search(line):
        yield Sign("exit-in-code", match[0].strip()[:60], "warn")
