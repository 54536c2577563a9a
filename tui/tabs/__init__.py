"""The tabs of a run: each draws one side of it from the same state, and only while it is in front."""

from tui.tabs.diff import DiffTab
from tui.tabs.events import EventsTab
from tui.tabs.lists import GatesTab, MemoryTab
from tui.tabs.transcript import TranscriptTab

__all__ = ["DiffTab", "EventsTab", "GatesTab", "MemoryTab", "TranscriptTab"]
