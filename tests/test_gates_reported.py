"""Commands whose report is read, in real containers: any tool that writes a known format is a gate."""

from collections.abc import Iterator

import msgspec
import pytest

import gates
from gates import Gate, GateResult, Rules, is_green, new_failures
from gates.projects import STANDS
from tests.gates_support import Files, Lab, opened

RUNNER = """\
import pathlib, sys
out = open(3, "w") if "3" in sys.argv else sys.stdout
hidden = pathlib.Path("src/hide.txt")
hide = hidden.read_text().split() if hidden.exists() else []
tests = sorted(p for p in pathlib.Path("test").glob("*.test.txt") if p.name.split(".")[0] not in hide)
for n, path in enumerate(tests, 1):
    name, source, wanted = path.read_text().split()
    red = wanted not in pathlib.Path(source).read_text()
    out.write(f"{'not ' if red else ''}ok {n} - {name}\\n")
out.write(f"1..{len(tests)}\\n")
out.flush()
sys.exit(any(w not in pathlib.Path(s).read_text() for _, s, w in (p.read_text().split() for p in tests)))
"""
BASE: Files = {
    "run.py": RUNNER,
    "src/a.txt": "alpha beta",
    "test/one.test.txt": "one src/a.txt alpha",
    "test/two.test.txt": "two src/a.txt beta",
    "test/old.test.txt": "old src/a.txt omega",
    "scan.py": "import json, os, sys\n"
    "hits = [(n, t) for n, t in enumerate(open('src/a.txt').read().split(), 1) if t.startswith('bad')]\n"
    "log = {'version': '2.1.0', 'runs': [{'tool': {'driver': {'name': 'scan'}}, 'results': [\n"
    "  {'ruleId': 'bad-word', 'message': {'text': t}, 'locations': [{'physicalLocation': {\n"
    "   'artifactLocation': {'uri': 'src/a.txt'}, 'region': {'startLine': n}}}]} for n, t in hits]}]}\n"
    "json.dump(log, open(os.environ['LOOPWRIGHT_REPORT'], 'w'))\n",
    "services/api/app.py": "x = 1\n",
    "libs/core/lib.py": "y = 1\n",
    "web/index.txt": "hello",
}
TAP = Gate(name="tap", kind="command", command="python3 run.py 3", format="tap")
SCAN = Gate(name="scan", kind="command", command="python3 scan.py && echo not json", format="sarif")
FILES = Gate(
    name="files",
    kind="command",
    command="mkdir -p out && python3 run.py > out/$(wc -w < src/a.txt).tap",
    format="tap",
    report="out/*.tap",
)
API = Gate(
    name="api",
    kind="command",
    command="grep -q 1 app.py ../../libs/core/lib.py",
    project="services/api",
    apart=("web",),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("reported"), BASE, request) as made:
        made.judge_base(TAP, SCAN, FILES, API)
        yield made


def judge(lab: Lab, gate: Gate, changed: Files) -> GateResult:
    return gates.run(gate, lab.candidate(changed))


def news(lab: Lab, result: GateResult) -> list[tuple[str, str]]:
    return [(failure.id, failure.message) for failure in new_failures(result, lab.baseline[result.gate])]


def test_the_baseline_is_what_the_reports_say(lab: Lab) -> None:
    assert {name: (r.status, r.summary) for name, r in lab.baseline.items()} == {
        "tap": ("fail", "2 passed, 1 failed"),
        "scan": ("pass", "no findings"),
        "files": ("fail", "2 passed, 1 failed"),
        "api": ("pass", "exit status 0"),
    }


def test_an_old_failure_is_none_a_new_one_counts_and_base_tests_cannot_be_weakened(lab: Lab) -> None:
    fine = judge(lab, TAP, {"src/a.txt": "alpha beta gamma", "test/new.test.txt": "new src/a.txt gamma"})
    assert is_green(fine, lab.baseline["tap"])
    assert "new" in fine.passed
    weakened = judge(lab, TAP, {"src/a.txt": "alpha", "test/two.test.txt": "two src/a.txt alpha"})
    assert news(lab, weakened) == [("two", "failed")]
    rewritten = judge(lab, TAP, {"src/a.txt": "alpha", "run.py": "print('1..0')\n"})
    assert news(lab, rewritten) == [("two", "failed")]
    assert rewritten.notes == ("run.py was changed; this gate ran base's copy",)


def test_a_required_test_of_any_format_has_no_excuse(lab: Lab) -> None:
    rules = Rules(must_pass=("old", "two", "nowhere"))
    result = gates.run(TAP, lab.candidate({"src/a.txt": "alpha beta gamma"}, rules))
    assert news(lab, result) == [("required: old", "failed"), ("required: nowhere", "the required test does not exist")]
    fixed = gates.run(TAP, lab.candidate({"src/a.txt": "alpha beta omega"}, Rules(must_pass=("old", "two"))))
    assert is_green(fixed, lab.baseline["tap"])
    assert "old" in fixed.passed


def test_tests_that_do_not_run_any_more_are_missed(lab: Lab) -> None:
    gone = judge(lab, TAP, {"src/a.txt": "alpha beta", "src/b.txt": "x", "test/old.test.txt": None})
    assert is_green(gone, lab.baseline["tap"])  # base's tests are back; integrity names who removed one
    hidden = judge(lab, TAP, {"src/hide.txt": "two"})
    assert news(lab, hidden) == [("two", "passed at base, has no result now")]


def test_a_scanner_that_writes_sarif_is_a_gate_by_one_line(lab: Lab) -> None:
    result = judge(lab, SCAN, {"src/a.txt": "alpha beta bad-one\nbad-two"})
    assert [(f.id, f.path, f.line) for f in result.failures] == [
        ("src/a.txt: bad-word bad-one", "src/a.txt", 3),
        ("src/a.txt: bad-word bad-two", "src/a.txt", 4),
    ]


def test_a_report_that_the_candidate_brings_is_not_read(lab: Lab) -> None:
    brought = {"src/a.txt": "alpha", "out/9.tap": "1..3\nok 1 - one\nok 2 - two\nok 3 - old\n"}
    assert news(lab, judge(lab, FILES, brought)) == [("two", "failed")]
    silent = msgspec.structs.replace(FILES, command="true")
    result = judge(lab, silent, brought)
    assert (result.status, "there is no report" in result.summary) == ("error", True)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("printf '1..2\\nok 1\\n'", "error", "1 tests of 2 planned"),
        ("printf '1..1\\nok 1\\n'; exit 3", "error", "exit status 3 though"),
        ("printf '1..1\\nok 1\\n' >&3; echo noise", "pass", "1 passed"),
        ("ln -s /etc/passwd $LOOPWRIGHT_REPORT; printf '1..1\\nok 1\\n'", "error", "report"),
        ("no-such-tool", "error", "127"),
        ("sleep 30", "timeout", "1 s"),
        ("echo 1..0", "skipped", "no tests"),
    ],
)
def test_report_and_exit_status_have_to_agree(lab: Lab, line: str, status: str, said: str) -> None:
    gate = Gate(name="g", kind="command", command=line, format="tap", timeout=1)
    result = judge(lab, gate, {"README": "x"})
    assert (result.status, said in result.summary) == (status, True), result


def test_a_project_runs_when_something_it_needs_has_changed(lab: Lab) -> None:
    rooms = len(lab.opened)
    elsewhere = judge(lab, API, {"web/index.txt": "bye"})
    assert (elsewhere.status, elsewhere.notes) == ("pass", (STANDS,))
    assert len(lab.opened) == rooms
    assert judge(lab, API, {"libs/core/lib.py": "y = 2\n", "services/api/app.py": "x = 2\n"}).status == "fail"
    assert judge(lab, API, {"Makefile": "x:\n"}).notes == ()  # a file of nobody's is everybody's
    key = gates.cache_key(API, lab.candidate({"web/index.txt": "bye"}), "image")
    assert gates.cache_key(API, lab.candidate({"web/index.txt": "hi"}), "image") == key
    assert gates.cache_key(API, lab.candidate({"Makefile": "x"}), "image") != key
