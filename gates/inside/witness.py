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

import json
import os
import sys

from gates.inside.chain import Watch, preload
from gates.inside.held import changed, held, nodes_of, unread_bytecode
from gates.inside.listening import listen
from gates.inside.plugin import witness
from gates.inside.probes import probed
from gates.inside.saying import FILE, HERE, speaker

NO_PYTEST = 97


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
    files = held()
    unread_bytecode(files)
    watch = Watch()
    strange: set[str] = set()
    plugin = witness(say, watch, frozenset(orders["required"]), strange)
    listen(say, nodes_of(files))
    say("hello", pytest=str(pytest.__version__))
    code = int(pytest.main(sys.argv[1:], plugins=[plugin]))
    watch.look()
    odd = {"patched": sorted(watch.replaced)[:50], "changed": changed(files)[:50], "strange": sorted(strange)[:50]}
    say("end", exit=code, ran=sorted(ran), **odd)
    return code


if __name__ == "__main__":
    sys.exit(main())
