"""New dependencies: held against the advisories that an image carries, and named with their licences."""

import json
import shlex
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gates
from gates import Gate, is_green
from gates.advisories import NOT_RUN, PLACE, Advisory, Pin, _affects, _order, new_pins
from sandboxes.images import base_image, environment
from tests.gates_support import Files, Lab, engine, paper_room

SECURITY = Gate(name="security", kind="security")
JINJA = {
    "id": "PYSEC-2019-217",
    "aliases": ["CVE-2019-10906"],
    "summary": "Sandbox escape",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "versions": ["2.9", "2.10"]}],
}
SETUP = f"mkdir -p {PLACE}/PyPI && printf %s {shlex.quote(json.dumps(JINJA))} > {PLACE}/PyPI/a.json"
BASE: Files = {
    "requirements.txt": "flask==1.0\n",
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["flask"]\n',
    "README": "x",
}
ADDED: Files = {
    "requirements.txt": "flask==1.0\njinja2 == 2.10  # templates\npytest==9\n",
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["flask", "pytest", "nobody-has-this"]\n',
    "package.json": '{"dependencies": {"left-pad": "1.3.0"}}',
    "package-lock.json": json.dumps(
        {"packages": {"": {}, "node_modules/left-pad": {"version": "1.3.0", "license": "WTFPL"}}}
    ),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("advisories"), BASE, base_image)
    made.judge_base(SECURITY)
    yield made
    made.close()


def test_without_a_source_the_audit_says_that_it_did_not_run(lab: Lab) -> None:
    result = gates.run(SECURITY, lab.candidate(ADDED))
    assert is_green(result, lab.baseline["security"])
    assert f"{NOT_RUN} for PyPI in the image ({PLACE})" in result.notes
    assert f"{NOT_RUN} for npm in the image ({PLACE})" in result.notes
    assert {note for note in result.notes if note.startswith("licence")} == {
        "licence of pytest: MIT",
        "licence of jinja2: not known (not installed in the image)",
        "licence of nobody-has-this: not known (not installed in the image)",
        "licence of left-pad: WTFPL",
    }
    declared = gates.run(SECURITY, lab.candidate({"pyproject.toml": ADDED["pyproject.toml"]}))
    assert f"{NOT_RUN} for what no file pins to a version" in declared.notes
    assert not any(NOT_RUN in note for note in gates.run(SECURITY, lab.candidate({"README": "y"})).notes)


def test_an_image_with_advisories_makes_a_vulnerable_version_red(lab: Lab) -> None:
    base = base_image(engine(), print)
    seed = lab.store.seed(lab.base, engine().uid)
    plain, lab.image = lab.image, environment(engine(), base, [SETUP], seed, {}, print).id
    result = gates.run(SECURITY, lab.candidate(ADDED))
    lab.image = plain
    assert [failure.id for failure in result.failures] == ["requirements.txt: PYSEC-2019-217 jinja2 2.10"]
    assert "CVE-2019-10906" in result.failures[0].message
    assert "dependency audit: 2 new versions, 1 known vulnerabilities" in result.notes


def advisory(*events: dict[str, str], ecosystem: str = "npm", name: str = "a") -> Advisory:
    affected = [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}]
    return msgspec.convert({"id": "X-1", "affected": affected}, Advisory)


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("0.9.0", True),
        ("1.4.9", True),
        ("1.5.0-rc.1", True),
        ("1.5.0", False),
        ("2.0.0-alpha", False),
        ("2.0.0", True),
        ("2.3.0", True),
        ("10.0.0", False),
    ],
)
def test_ranges_are_those_of_osv(version: str, affected: bool) -> None:
    record = advisory({"introduced": "0"}, {"fixed": "1.5.0"}, {"introduced": "2.0.0"}, {"fixed": "10.0.0"})
    assert _affects(record, Pin("npm", "a", version, "p")) is affected
    assert not _affects(record, Pin("npm", "b", version, "p"))
    assert not _affects(record, Pin("PyPI", "a", version, "p"))
    last = advisory({"introduced": "0"}, {"last_affected": "2.3.0"})
    assert _affects(last, Pin("npm", "a", version, "p")) is (version != "10.0.0")


def test_the_order_is_that_of_semver() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    order += ["1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"]
    assert sorted(set(order), key=_order) == order


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_version_can_be_compared(one: str, other: str) -> None:
    assert isinstance(_order(one) < _order(other), bool)


def test_new_pins_of_every_lock_file() -> None:
    toml = '[[package]]\nname = "{}"\nversion = "2"\n'
    head: Files = {
        "uv.lock": toml.format("My_Pkg"),
        "api/Cargo.lock": toml.format("serde"),
        "web/package-lock.json": '{"packages": {"node_modules/@a/b": {"version": "3"}, "x": {}}}',
        "poetry.lock": "not [ toml",
        "requirements-dev.txt": "a[x]==1.0 \\\n  --hash=sha256:0\nb>=2\n",
    }
    room = paper_room({"requirements-dev.txt": "a==0.9\n"}, head)
    assert {pin[:3] for pin in new_pins(room.diff.changes, room)} == {
        ("PyPI", "my-pkg", "2"),
        ("crates.io", "serde", "2"),
        ("npm", "@a/b", "3"),
        ("PyPI", "a", "1.0"),
    }
