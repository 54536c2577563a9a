"""What runs inside a container: PID 1 and its helpers, standard library only, Python 3.8 or later.

`payload()` packs these modules into one string for `python3 -c`, so that any engine, local or remote, takes
them as an argument and no image has to be prepared for them.
"""

from functools import cache
from importlib import resources

MODULES = ("wire", "output", "files", "agent", "counters", "disk", "jobs", "pump", "runner")
"""In the order in which they import each other."""

LOADER = """\
import sys, types
for name, text in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules[{main!r}].main()
"""


@cache
def payload() -> str:
    """The program of PID 1 as one string (about 20 KB; Linux takes 128 KB for an argument)."""
    return pack(__package__, MODULES)


def pack(package: str, modules: tuple[str, ...]) -> str:
    """Modules of a package as one program: they import each other in this order, and the last has the `main`."""
    sources = [("sandboxes", ""), (package, "")]
    for module in modules:
        text = resources.files(package).joinpath(f"{module}.py").read_text("utf-8")
        sources.append((f"{package}.{module}", text))
    return LOADER.format(sources=sources, main=sources[-1][0])
