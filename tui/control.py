"""Acting on runs: a wish is a row of the journal with the person who has it; the run reads and acknowledges it."""

import os
import pwd

import msgspec

from harness.journal import Command, Journal

REGRET = 5
"""Seconds for which a stop waits, so that it can be taken back."""


def person() -> str:
    """The user whose process this is: the name of its uid, not what the environment says."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def wish(journal: Journal, run: str, kind: str, text: str = "") -> int:
    """Post a command to `run` and return its id. Raises what the journal raises."""
    return journal.post(run, kind, text, person())


def stop(journal: Journal, run: str) -> int:
    """Ask `run` to stop in `REGRET` seconds and return the command's id. Raises what the journal raises."""
    return wish(journal, run, "stop", str(REGRET))


def answer(journal: Journal, run: str, question: str, word: str, text: str = "") -> int:
    """Answer a question of `run`. The first answer that the run acknowledges holds, whoever gave it."""
    said = {"question": question, "answer": word, "text": text}
    return wish(journal, run, "answer", msgspec.json.encode(said).decode())


def waiting(journal: Journal, run: str, acknowledged: int) -> tuple[Command, ...]:
    """The commands that the run has not heard yet, but for those that were taken back."""
    unheard = journal.commands(run, acknowledged)
    taken = {command.text for command in unheard if command.kind == "withdraw"}
    return tuple(command for command in unheard if command.kind != "withdraw" and str(command.id) not in taken)


def undo(journal: Journal, run: str) -> bool:
    """Take back the stops that have not come yet; whether there was one."""
    stops = [command for command in waiting(journal, run, journal.state(run).acknowledged) if command.kind == "stop"]
    for command in stops:
        wish(journal, run, "withdraw", str(command.id))
    return bool(stops)
