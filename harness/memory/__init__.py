"""What earlier runs learned about a repository: notes with evidence, kept outside the user's tree."""

from harness.memory.flaky import flaky_tests
from harness.memory.learn import learn
from harness.memory.note import MemoryFailed, Note
from harness.memory.select import render, select
from harness.memory.store import Broken, Shelf, Synced

__all__ = ["Broken", "MemoryFailed", "Note", "Shelf", "Synced", "flaky_tests", "learn", "render", "select"]
