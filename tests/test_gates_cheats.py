"""The corpus of `tests/cheats`: no candidate of it is green, and each is called by its name."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import Gate, GateResult, Rules, testing
from gates.kinds import run
from gates.process import Process, invocation
from gates.trees import layout
from sandboxes.base import Resources
from tests.cheats import Cheat, base, cheats
from tests.cheats.__main__ import main
from tests.gates_support import Files, Lab, green, opened, paper_room, rules_of

BASE: Files = dict(base().files)
BUGGY = base().files["pkg/__init__.py"]
REQUIRED = Rules(must_pass=base().must_pass)
INTEGRITY = Gate(name="integrity", kind="integrity")
TESTS = Gate(name="tests", kind="pytest")
SCRIPT = Gate(name="script", kind="command", command="sh check.sh")
CORPUS = cheats()
READ = {name: cheat for name, cheat in CORPUS.items() if not cheat.run}
RUN = {name: cheat for name, cheat in CORPUS.items() if cheat.run}


def named(results: dict[str, GateResult]) -> set[str]:
    """Violated rules and the ids of failures."""
    return {*rules_of(results), *(failure.id for result in results.values() for failure in result.failures)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("cheats"), BASE, request) as made:
        made.judge_base(TESTS, INTEGRITY, SCRIPT)
        yield made


def judge(lab: Lab, cheat: Cheat) -> dict[str, GateResult]:
    wanted = Rules(must_pass=cheat.must_pass) if cheat.must_pass else REQUIRED
    room = lab.candidate(cheat.changes, wanted, links=cheat.links)
    script = "check.sh" in cheat.changes
    return {gate.name: run(gate, room) for gate in (INTEGRITY, SCRIPT if script else TESTS)}


@pytest.mark.parametrize("name", READ)
def test_a_cheat_that_can_be_read_is_named_and_never_green(name: str) -> None:
    cheat = CORPUS[name]
    head: Files = {
        path: text
        for path, text in {**BASE, **cheat.changes, **cheat.links}.items()
        if text is not None and not any(path.startswith(f"{link}/") for link in cheat.links)
    }
    room = paper_room(BASE, head, REQUIRED, modes=dict.fromkeys(cheat.links, "120000"))
    found = run(INTEGRITY, room)
    blocking = {violation.rule for violation in found.violations if violation.severity == "block"}
    assert set(cheat.rules) <= blocking, found
    assert all(v.path and v.message and v.fix for v in found.violations)


@pytest.mark.parametrize("name", RUN)
def test_a_cheat_that_acts_while_it_is_run_is_named_and_never_green(lab: Lab, name: str) -> None:
    cheat = CORPUS[name]
    results = judge(lab, cheat)
    assert set(cheat.rules) <= named(results), results
    ran = [result for result in results.values() if result.kind != "integrity"]
    assert not any(green(lab, {result.gate: result}) for result in ran), ran


def test_the_corpus_is_whole() -> None:
    assert len(CORPUS) >= 72
    assert sum(cheat.origin == "study" for cheat in CORPUS.values()) == 16
    assert len({cheat.what for cheat in CORPUS.values()}) == len(CORPUS)


def test_what_base_protects_is_base_s_own_while_the_tests_run(lab: Lab) -> None:
    """All changes of protected files at once: the tests then say what they say at base."""
    plain = [c for c in READ.values() if not c.links and not c.deleted and not any(p in BASE for p in c.files)]
    together = {path: text for cheat in plain for path, text in cheat.files.items() if not path.startswith("pkg/")}
    together |= {
        "conftest.py": "import os\n\nos._exit(0)\n",
        "pyproject.toml": READ["05-collect-only"].files["pyproject.toml"],
    }
    together["tests/test_pkg.py"] = READ["08-weakened"].files["tests/test_pkg.py"]
    tests = run(TESTS, lab.candidate(together, REQUIRED))
    assert {(f.id, f.message) for f in tests.failures} == {
        ("required: tests/test_pkg.py::test_last", "assert 1 == 2"),
        ("required: tests/test_cases.py::Cases::test_end", "AssertionError: 1 != 2"),
    }
    assert tests.passed == (
        *("tests/test_about.py::test_about", "tests/test_cases.py::Cases::test_begin", "tests/test_pkg.py::test_first"),
    )


def test_controls_are_run_under_the_names_of_required_and_of_other_tests(lab: Lab) -> None:
    room = lab.at_base()
    how = invocation(layout(room).config, None, 600, room.paths(room.head), required=REQUIRED.must_pass)
    with room.open(room.head) as sandbox:
        controls = Process(sandbox, how, (), (), (0, 1)).told.controls
    assert {*REQUIRED.must_pass, "tests/test_about.py::test_about"} < {control.id for control in controls}
    assert {control.state for control in controls} == {"failed"}


def test_links_in_the_place_of_tests_are_not_followed(lab: Lab) -> None:
    cheat = CORPUS["33-linked"]
    results = {gate.name: run(gate, lab.candidate(cheat.changes, REQUIRED, links=cheat.links)) for gate in (TESTS,)}
    assert {f.message for f in results["tests"].failures} == {"assert 1 == 2", "AssertionError: 1 != 2"}


def test_a_full_disk_is_an_error_of_the_run_and_no_crash(lab: Lab) -> None:
    fill = "import subprocess\nsubprocess.run('cat /dev/zero > /tmp/x', shell=True, stderr=subprocess.DEVNULL)\n"
    lab.spec = {"resources": Resources(tmp_mb=16)}
    room = lab.candidate({"tests/test_fill.py": f"{fill}\n\ndef test_x():\n    pass\n"})
    how = invocation(layout(room).config, None, 600, room.paths(room.head))
    with room.open(room.head) as sandbox:
        assert testing.execute(sandbox, how).status == "done"
        second = testing.execute(sandbox, how)
    lab.spec = {}
    assert (second.status, second.why) == ("error", "there is no room for a test run in /tmp")


def test_the_honest_way_is_green(lab: Lab) -> None:
    """With a traceback of the test printed on the way, whose lines the library reads in the test's file."""
    tried = (
        "    try:\n        return items[-1]\n    except IndexError:\n        logging.exception('none')\n        raise\n"
    )
    fixed = "import logging\n\n\n" + BUGGY.replace("    return items[0]\n", tried, 1)
    raised = "    with pytest.raises(IndexError):\n        last([])\n"
    more = f"import pytest\nfrom pkg import last\n\n\ndef test_one():\n    assert last([1]) == 1\n{raised}"
    results = lab.verdicts(lab.candidate({"pkg/__init__.py": fixed, "tests/test_more.py": more}, REQUIRED))
    assert green(lab, {name: result for name, result in results.items() if name != "script"}), results
    assert set(results["tests"].passed) == {
        "tests/test_about.py::test_about",
        "tests/test_cases.py::Cases::test_begin",
        "tests/test_cases.py::Cases::test_end",
        "tests/test_pkg.py::test_first",
        "tests/test_pkg.py::test_last",
        "tests/test_more.py::test_one",
    }


def test_a_cheat_can_be_had_as_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CORPUS)
    assert main(["write", "33-linked", str(tmp_path / "repo")]) == 0
    log = subprocess.run(
        ["git", "-C", str(tmp_path / "repo"), "log", "--format=%s"], capture_output=True, text=True, check=True
    )
    assert log.stdout.split() == ["33-linked", "base"]
    assert (tmp_path / "repo" / "tests").is_symlink()
    assert main(["write", "no-such", str(tmp_path / "other")]) == 2
