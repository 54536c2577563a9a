"""Acting on runs: a wish is a row of the journal with the person who has it; the run reads and acknowledges it."""

import os
import pwd

from harness.journal import Journal


def person() -> str:
    """The user whose process this is: the name of its uid, not what the environment says."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def stop(journal: Journal, run: str) -> int:
    """Ask `run` to stop and return the command's id. Raises what the journal raises."""
    return journal.post(run, "stop", "", person())
