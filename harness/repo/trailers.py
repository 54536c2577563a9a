"""The trailers that tie commits to runs: what others who have the branch can hold against the journal."""

from harness.repo.errors import GitFailed
from harness.repo.git import Place, run

_VALUE = "%(trailers:key={},valueonly,separator=%x20)%x00"
_FORMAT = "%H%x00" + _VALUE.format("Loopwright-Run") + _VALUE.format("Loopwright-Audit")


def audit_trailers(place: Place) -> tuple[tuple[str, str, int, str], ...]:
    """Commit, run, sequence number and hash of every commit on any ref that names them; what is odd is left out."""
    try:
        said = run(place, "log", "--all", "--no-show-signature", "--grep=^Loopwright-Audit: ", f"--format={_FORMAT}")
    except GitFailed:
        return ()
    found = []
    fields = [field.strip() for field in said.decode("utf-8", "replace").split("\0")]
    for at in range(0, len(fields) - 2, 3):
        commit, name, audit = fields[at : at + 3]
        seq, _, link = audit.partition(":")
        if name and seq.isdecimal() and len(seq) < 16 and len(link) == 64:
            found.append((commit, name, int(seq), link))
    return tuple(found)
