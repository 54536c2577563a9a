"""The plugin of pytest: it tells of each test what it raised and what was reported of it."""

from __future__ import annotations

import operator
import random
import unittest
from typing import Any

from gates.inside.chain import Watch
from gates.inside.controls import code_of, double, is_required
from gates.inside.genuine import Texts, machinery, of_the_tree, overhear
from gates.inside.saying import FILE, plain

CHUNK = 500
"""Node ids in one record."""
DRAWN = 8
"""Tests that are controlled besides the required ones, drawn by lot."""
LOOKED_UP = 20
"""Files of tests whose first test is compared with what is written there; always the same ones, as at base."""
HOOKS = (
    *("pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown"),
    *("pytest_pyfunc_call", "pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_sessionfinish"),
)
"""What decides how a test comes out, and who is told."""


def witness(say: Any, watch: Watch, required: frozenset[str], strange: set[str]) -> Any:
    """The plugin: it changes nothing but that controls are run, and that all tests run in this process.

    What is found to be odd about the tests themselves is put into `strange`, in words.
    """
    import pytest
    from _pytest.runner import runtestprotocol

    usual = (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)
    names = {kind.__name__ for kind in usual}

    draw = random.SystemRandom().sample
    numbers: dict[Any, int] = {}
    codes: dict[Any, Any] = {}
    chosen: set[Any] = set()
    asked: set[Any] = set()  # looked at whole: not the drawn ones, for a run has to show the same each time
    hooks: list[tuple[Any, Any]] = []
    raised: dict[str, str] = {}
    reports: list[tuple[str, str, str, str]] = []
    swapped: list[bool] = []
    classes: dict[Any, Any] = {}
    texts = Texts()
    state = {"control": False}

    def control(item: Any, name: str) -> None:
        """A test that fails, under the name of a real one; no fixture is set up for it."""
        state["control"], said = True, "broken"
        try:
            twin = double(pytest, item, name)
            found = runtestprotocol(twin, log=False, nextitem=item if item is not twin.parent else None)
            said = "failed" if any(report.failed for report in found) else "passed"
        except Exception as error:
            said = f"broken: {error!r}"[:300]
        finally:
            state["control"] = False
        if not said.startswith("broken") or item in asked or item not in chosen:  # a drawn one may be of any kind
            say("control", id=plain(name), state=said)

    class Witness:
        @pytest.hookimpl(tryfirst=True)
        def pytest_configure(self, config: Any) -> None:
            for name, off in (("numprocesses", 0), ("dist", "no"), ("tx", [])):  # xdist: other processes tell nothing
                if hasattr(config.option, name):
                    setattr(config.option, name, off)

        def pytest_collectreport(self, report: Any) -> None:
            watch.loading()
            if report.failed:
                say("broken", id=plain(report.nodeid), text=plain(str(report.longrepr)))

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(self, session: Any) -> None:
            items = list(session.items)
            numbers.update((item, n) for n, item in enumerate(items))
            for start in range(0, len(items), CHUNK):
                say("ids", ids=[plain(item.nodeid) for item in items[start : start + CHUNK]])
            if session.config.option.collectonly:
                return
            codes.update((item, code_of(item)) for item in items)
            classes.update((cls, machinery(cls)) for cls in {getattr(item, "cls", None) for item in items})
            strange.update(of_the_tree(session.config.pluginmanager))
            watch.loading()
            watch.look()
            relay = session.config.hook
            hooks[:] = [(impl, impl.function) for name in HOOKS for impl in getattr(relay, name).get_hookimpls()]
            fit = [item for item in items if not any(map(item.get_closest_marker, ("xfail", "skip", "skipif")))]
            wanted = [item for item in fit if is_required(item.nodeid, required)][:50]
            fit = [item for item in fit if item not in wanted]
            asked.update(wanted)
            chosen.update(wanted + draw(fit, min(DRAWN, len(fit))))
            firsts = {str(item.path): item for item in reversed(items) if hasattr(item, "path")}
            for item in [*wanted, *sorted(firsts.values(), key=items.index)[:LOOKED_UP]]:
                if not texts.have(item):
                    strange.add("a test is not the one in its file")

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item: Any) -> Any:
            if item in chosen:
                control(item, item.nodeid)
            raised.clear()
            reports.clear()
            swapped.clear()
            yield
            if item in asked:
                watch.look()
            swapped.append(any(impl.function is not function for impl, function in hooks))
            if item in numbers:
                say("test", n=numbers[item], raised=dict(raised), reports=list(reports), swapped=any(swapped))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_setup(self) -> Any:
            raised.pop("setup", None)
            note("setup", (yield))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_call(self, item: Any) -> Any:
            swapped.append(item in codes and code_of(item) is not codes[item])
            raised.pop("call", None)
            give_back = overhear(item, heard)
            outcome = yield
            give_back()
            cls = getattr(item, "cls", None)
            swapped.append(cls in classes and not all(map(operator.is_, machinery(cls), classes[cls])))
            if item in asked:
                watch.look(language=False)
            watch.glance()
            note("call", outcome)

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_pyfunc_call(self) -> Any:  # nothing stands between this and the test
            note("call", (yield))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_teardown(self) -> Any:
            raised.pop("teardown", None)
            note("teardown", (yield))

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.outcome == "rerun":
                reports.clear()
            elif report.outcome != "passed" or report.when == "call":
                message, text = told(report) if report.failed else ("", "")
                reports.append((str(report.when), str(report.outcome), message, text))

        def pytest_sessionfinish(self, session: Any) -> None:
            if not session.config.option.collectonly:
                control(session, FILE.stem)

    def heard(kind: type[BaseException], phase: str = "call") -> None:
        if not state["control"]:
            name = plain(kind.__name__)
            raised[phase] = name if kind in usual or name not in names else f"{name}, by that name only"

    def note(phase: str, outcome: Any) -> None:
        if outcome.excinfo:
            heard(outcome.excinfo[0], phase)

    return Witness()


def told(report: Any) -> tuple[str, str]:
    """Why a test failed: in a line, and in full."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longreprtext)
    message = str(crash.message) if crash is not None else text.strip().rpartition("\n")[2]
    return plain(message)[:2_000], plain(text)
