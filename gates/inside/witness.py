"""Start pytest so that the tree under test cannot take its place, and tell the reporter what it does.

Written into the sandbox under a random name and run as `python FILE ARGUMENTS...` with its orders, a JSON object,
on standard input. The reporter is PID 1, another user's process: descriptor 3 leads to it, one way, and what was
said cannot be taken back. Everything of pytest is loaded while no directory of the tree is on the import path; then
those come first, as with `python -m pytest`.

What is said of a test has two sources, the exception that left its function and the report that pytest made of it;
controls, tests of ours under the names of real ones that have to fail, are run between them; and what reaches for
the insides of the interpreter or of pytest is noted before it gets there. The harness compares.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.machinery
import json
import os
import random
import re
import sys
import types
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve()
HERE = ["/w/"]
"""The directory that paths are told from, with a slash at its end; the orders name it."""
NO_PYTEST = 97
CHUNK = 500
"""Node ids in one record."""
DRAWN = 8
"""Tests that are controlled besides the required ones, drawn by lot."""
TEXT = 6_000
MARKS = 100

HOOKS = (
    *("pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown"),
    *("pytest_pyfunc_call", "pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_sessionfinish"),
)
"""What decides how a test comes out, and who is told."""

TEST_MODULE = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|tests|conftest)\.py").fullmatch
"""Modules of tests, by pytest's and Django's habits."""

REACHES = frozenset(
    (
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._getframe", "sys._current_frames"),
        *("sys.settrace", "sys.setprofile", "sys.addaudithook", "object.__setattr__", "ctypes.dlopen", "ctypes.dlsym"),
        "open",
    )
)
"""Audit events (PEP 578) by which Python code gets at what nobody gave it."""


def main() -> int:
    say = speaker(3)
    orders = json.loads(sys.stdin.buffer.read() or b"{}")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        import pytest
    except ImportError as error:
        sys.stderr.write(f"pytest cannot be imported: {error}\n")
        return NO_PYTEST
    preload()
    HERE[0] = f"{orders['root']}/"
    roots, here = orders["roots"], str(FILE.parent)
    sys.path[:] = roots + [entry for entry in sys.path if entry not in roots and entry != here]
    ran = probed(orders["probes"])
    plugin = witness(say, frozenset(orders["required"]))
    listen(say)
    whole = chain()
    say("hello", pytest=str(pytest.__version__))
    code = int(pytest.main(sys.argv[1:], plugins=[plugin]))
    say("end", exit=code, patched=sorted({name for name, was in whole if value(was[0], was[1]) is not was[2]})[:50],
        ran=sorted(ran))  # fmt: skip
    return code


def speaker(channel: int) -> Any:
    """A function that sends one record. Children of this process have no voice."""
    end, write, getpid, dumps = os.dup(channel), os.write, os.getpid, json.dumps
    os.close(channel)
    owner, count = getpid(), [0]

    def say(what: str, **fields: Any) -> None:
        if getpid() != owner:
            return
        data = memoryview(dumps({"t": what, "s": count[0], **fields}).encode() + b"\n")
        count[0] += 1
        while data:
            data = data[write(end, data) :]

    return say


def witness(say: Any, required: frozenset[str]) -> Any:
    """The plugin: it changes nothing but that controls are run, and that all tests run in this process."""
    import pytest
    from _pytest.runner import runtestprotocol

    draw = random.SystemRandom().sample
    numbers: dict[Any, int] = {}
    codes: dict[Any, Any] = {}
    chosen: set[Any] = set()
    hooks: list[tuple[Any, Any]] = []
    raised: dict[str, str] = {}
    reports: list[tuple[str, str, str, str]] = []
    swapped: list[bool] = []
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
        say("control", id=plain(name), state=said)

    class Witness:
        @pytest.hookimpl(tryfirst=True)
        def pytest_configure(self, config: Any) -> None:
            for name, off in (("numprocesses", 0), ("dist", "no"), ("tx", [])):  # xdist: other processes tell nothing
                if hasattr(config.option, name):
                    setattr(config.option, name, off)

        def pytest_collectreport(self, report: Any) -> None:
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
            relay = session.config.hook
            hooks[:] = [(impl, impl.function) for name in HOOKS for impl in getattr(relay, name).get_hookimpls()]
            fit = [item for item in items if not any(item.iter_markers(n) for n in ("xfail", "skip", "skipif"))]
            wanted = [item for item in fit if is_required(item.nodeid, required)][:50]
            fit = [item for item in fit if item not in wanted]
            chosen.update(wanted + draw(fit, min(DRAWN, len(fit))))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item: Any) -> Any:
            if item in chosen:
                control(item, item.nodeid)
            raised.clear()
            reports.clear()
            swapped.clear()
            yield
            swapped.append(any(impl.function is not function for impl, function in hooks))
            if item in numbers:
                say("test", n=numbers[item], raised=dict(raised), reports=list(reports), swapped=any(swapped))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_setup(self) -> Any:
            note("setup", (yield))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_call(self, item: Any) -> Any:
            swapped.append(item in codes and code_of(item) is not codes[item])
            note("call", (yield))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_teardown(self) -> Any:
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

    def note(phase: str, outcome: Any) -> None:
        if not state["control"]:
            kind = outcome.excinfo[0] if outcome.excinfo else None
            raised.pop(phase, None)
            if kind is not None:
                raised[phase] = plain(kind.__name__)

    return Witness()


def double(pytest: Any, item: Any, name: str) -> Any:
    """An item that fails: in the place of `item`, or of the whole session."""

    def fails() -> None:
        raise AssertionError("this test fails; a runner that says otherwise was tampered with")

    class Control(pytest.Item):  # type: ignore[misc]
        def runtest(self) -> None:
            fails()

        def reportinfo(self) -> tuple[str, int, str]:
            return "", 0, self.name

    if not hasattr(item, "_fixtureinfo"):
        parent = item if isinstance(item, pytest.Session) else item.parent
        return Control.from_parent(parent, name=name.rpartition("::")[2])
    try:
        bare = type(item._fixtureinfo)((), (), [], {})
        return pytest.Function.from_parent(item.parent, name=item.name, callobj=fails, fixtureinfo=bare)
    except Exception:
        return Control.from_parent(item.parent, name=item.name)


def code_of(item: Any) -> Any:
    """What runs when the item does, as an object that nothing else is."""
    function = getattr(item, "obj", None)
    return getattr(getattr(function, "__func__", function), "__code__", None)


def is_required(node: str, required: frozenset[str]) -> bool:
    parts = node.partition("[")[0].split("::")
    return node in required or any("::".join(parts[:n]) in required for n in range(1, len(parts) + 1))


def told(report: Any) -> tuple[str, str]:
    """Why a test failed: in a line, and in full."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longreprtext)
    message = str(crash.message) if crash is not None else text.strip().rpartition("\n")[2]
    return plain(message)[:2_000], plain(text)


def plain(text: str) -> str:
    """Text that JSON can carry, cut in its middle."""
    text = text if len(text) <= 2 * TEXT else f"{text[:TEXT]}\n...\n{text[-TEXT:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def listen(say: Any) -> None:
    """Have the interpreter tell us, for good, what reaches for its insides, and from which line of the tree."""
    frame_of, busy, library = sys._getframe, [False], str(Path(os.__file__).parent)
    seen: set[tuple[str, str, int]] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in REACHES or busy[0] or len(seen) >= MARKS:
            return
        if event == "open" and not (type(arguments[0]) is str and TEST_MODULE(arguments[0])):
            return
        if event == "object.__setattr__" and arguments[1] != "__code__":
            return
        busy[0] = True
        try:
            frame: Any = frame_of(1)
            # of the library, only what looks or reads on behalf of its caller is passed over
            while frame is not None and passed_over(event, frame.f_code.co_filename, library):
                frame = frame.f_back
            if frame is not None and frame.f_code.co_filename.startswith(HERE[0]):
                mark = (event, plain(frame.f_code.co_filename[len(HERE[0]) :]), frame.f_lineno)
                if mark not in seen:
                    seen.add(mark)
                    say("mark", event=mark[0], path=mark[1], line=mark[2])
        finally:
            busy[0] = False

    sys.addaudithook(hook)


def passed_over(event: str, place: str, library: str) -> bool:
    if place.startswith("<"):
        return not place.startswith("<frozen importlib")
    if event != "open":
        return place.endswith("/inspect.py")
    # a traceback that is printed shows lines of the tests: linecache reads them for the library itself
    return place.startswith(library) and "-packages" not in place and not place.endswith("/linecache.py")


def chain() -> list[tuple[str, tuple[Any, str, Any]]]:
    """Every function that decides what a test's result is, by its full name: where it stands, and what it is now."""
    found: list[tuple[str, tuple[Any, str, Any]]] = []
    for module_name, module in sorted(sys.modules.items()):
        if module_name.split(".")[0] in ("_pytest", "pluggy") or module_name in ("unittest.case", "builtins"):
            for name, thing in list(vars(module).items()):
                if callable(thing):
                    found += links(module, name, f"{module_name}.{name}")
                if isinstance(thing, type) and thing.__module__ == module_name and module is not builtins:
                    for inner, part in list(vars(thing).items()):
                        if isinstance(part, (types.FunctionType, classmethod, staticmethod, property)):
                            found += links(thing, inner, f"{module_name}.{name}.{inner}")
    return found


def links(place: Any, name: str, full: str) -> list[tuple[str, tuple[Any, str, Any]]]:
    thing = vars(place)[name]
    function = getattr(thing, "__func__", thing)
    found = [(full, (place, name, thing))]
    if isinstance(function, types.FunctionType):
        found.append((full, (function, "__code__", function.__code__)))
    return found


def value(place: Any, name: str) -> Any:
    return place.__code__ if name == "__code__" and isinstance(place, types.FunctionType) else vars(place).get(name)


def probed(wanted: dict[str, list[int]]) -> set[tuple[str, int]]:
    """Have the named statements of the tree's modules, by line, put themselves into the set when they are executed."""
    ran: set[tuple[str, int]] = set()
    if not wanted:
        return ran
    name, compiled = f"_{FILE.stem}", importlib.machinery.SourceFileLoader.source_to_code
    setattr(builtins, name, ran.add)

    def source_to_code(self: Any, data: Any, path: Any, **more: Any) -> Any:
        place = os.fspath(path)
        lines = wanted.get(place[len(HERE[0]) :]) if place.startswith(HERE[0]) else None
        if lines:
            try:
                tree = probe(ast.parse(data), place[len(HERE[0]) :], frozenset(lines), name)
                return compile(tree, place, "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError):
                pass
        return compiled(self, data, path, **more)

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    return ran


def probe(tree: ast.Module, path: str, lines: frozenset[int], name: str) -> ast.Module:
    """The module with a call before each statement that begins on one of these lines."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if not isinstance(body, list):
                continue
            found = []
            for statement in body:
                if statement.lineno in lines:
                    mark = ast.Constant((path, statement.lineno))  # type: ignore[arg-type]
                    call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [mark], []))
                    found.append(ast.copy_location(call, statement))
                found.append(statement)
            setattr(node, field, found)
    return ast.fix_missing_locations(tree)


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
