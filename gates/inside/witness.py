"""Start pytest so that the tree under test cannot take its place, and bear witness of what it did.

Written into the sandbox under a random name and run as `python FILE ROOTS ARGUMENTS...`, where ROOTS is a JSON
list of directories. Everything of pytest is loaded while none of them is on the import path; then they come first,
as with `python -m pytest`. The file is also a pytest plugin: it tags each test with its node id, and at the end
runs a test of its own that must fail. `witness.json` beside the file says what was collected and how that test
came out; it is written last, so a process that was cut short leaves none.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve()
TAG = "loopwright-id"
NO_PYTEST = 97

collected: list[str] = []
errors: list[dict[str, str]] = []
canary = ["not run"]


def pytest_itemcollected(item: Any) -> None:
    item.user_properties.append((TAG, item.nodeid))


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        errors.append({"id": report.nodeid, "text": str(report.longrepr)[-20000:]})


def pytest_collection_finish(session: Any) -> None:
    for item in session.items:
        tags = [value for name, value in item.user_properties if name == TAG]
        collected.append(tags[0] if tags else item.nodeid)


def pytest_sessionfinish(session: Any) -> None:
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    import pytest
    from _pytest.runner import runtestprotocol

    class Canary(pytest.Item):
        def runtest(self) -> None:
            raise AssertionError("this test fails; a runner that says otherwise was tampered with")

        def reportinfo(self) -> tuple[str, int, str]:
            return "", 0, FILE.stem

    try:
        reports = runtestprotocol(Canary.from_parent(session, name=FILE.stem), log=False, nextitem=None)
        canary[0] = "failed" if any(report.failed for report in reports) else "passed"
    except BaseException as error:
        canary[0] = f"broken: {error!r}"[:500]


def main() -> int:
    try:
        import pytest
    except ImportError as error:
        sys.stderr.write(f"pytest cannot be imported: {error}\n")
        return NO_PYTEST
    preload()
    roots, here = json.loads(sys.argv[1]), str(FILE.parent)
    sys.path[:] = roots + [entry for entry in sys.path if entry not in roots and entry != here] + [here]
    code = int(pytest.main(["-p", FILE.stem, *sys.argv[2:]]))
    plugin = sys.modules.get(FILE.stem)
    said: dict[str, Any] = {"exit": code, "collected": [], "errors": [], "canary": "lost"}
    if plugin is not None:
        said.update(collected=plugin.collected, errors=plugin.errors, canary=plugin.canary[0])
    FILE.with_name("witness.json").write_text(json.dumps(said))
    return code


def preload() -> None:
    """Load pytest's own plugins and what they import late, before the tree can offer modules of these names."""
    wanted = ["xml.etree.ElementTree", "importlib.metadata", "unittest", "doctest", "difflib", "logging", "pdb"]
    try:
        from _pytest.config import default_plugins

        wanted += [f"_pytest.{name}" for name in default_plugins]
    except ImportError:
        pass
    for name in wanted:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


if __name__ == "__main__":
    sys.exit(main())
