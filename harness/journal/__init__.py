"""The journal is the state: every fact about a run, appended once and chained by hashes. All else is a fold."""

from harness.journal.base import (
    ArchiveRefused,
    CannotFork,
    CannotResume,
    Command,
    JournalError,
    JournalUnavailable,
    Record,
    RunExists,
    RunHeld,
    StaleEpoch,
    UnknownRun,
    Unreplayable,
    Verified,
)
from harness.journal.cost import Accounts, Spend, by_model, by_role, cost
from harness.journal.folding import apply, fold
from harness.journal.iteration import Conversation, Iteration
from harness.journal.phase import Phase
from harness.journal.speech import Speech, Spoken, spoken
from harness.journal.state import State
from harness.journal.store import Journal
from harness.journal.summary import Summary
from harness.journal.timeline import line

__all__ = [
    "Accounts",
    "ArchiveRefused",
    "CannotFork",
    "CannotResume",
    "Command",
    "Conversation",
    "Iteration",
    "Journal",
    "JournalError",
    "JournalUnavailable",
    "Phase",
    "Record",
    "RunExists",
    "RunHeld",
    "Speech",
    "Spend",
    "Spoken",
    "StaleEpoch",
    "State",
    "Summary",
    "UnknownRun",
    "Unreplayable",
    "Verified",
    "apply",
    "by_model",
    "by_role",
    "cost",
    "fold",
    "line",
    "spoken",
]
