"""Telling a person who looks elsewhere: the terminal's own notifications, and its bell, with the run and the reason."""

import os
from collections.abc import Iterable, Mapping
from typing import Literal

from harness.clean import clean
from tui.card import Card

How = Literal["auto", "osc9", "osc99", "osc777", "bell", "off"]
WORTH = {"asks you", "parked", "interrupted"}
"""What a person is told of while a run goes on; every end is told, too."""
CHARS = 120


def news(before: Mapping[str, Card], cards: Iterable[Card]) -> list[str]:
    """What has happened to runs that were there before and needs somebody, a line each."""
    found = []
    for card in cards:
        old = before.get(card.run)
        if old is None or old.word == card.word or not old.live:
            continue
        if card.word in WORTH or not card.live:
            reason = f"{card.word}: {card.asks}" if card.asks else card.word
            found.append(f"{card.run} {reason} · {card.goal}")
    return found


def how(environ: Mapping[str, str] = os.environ) -> How:
    """What the terminal is known to show. The bell is always rung besides: it alone comes through everything."""
    name = f"{environ.get('TERM_PROGRAM', '')} {environ.get('TERM', '')}".lower()
    if "kitty" in name:
        return "osc99"
    if any(known in name for known in ("iterm", "wezterm", "ghostty", "windows")) or "WT_SESSION" in environ:
        return "osc9"
    if any(known in name for known in ("rxvt", "foot", "vte")) or "VTE_VERSION" in environ:
        return "osc777"
    return "bell"


def sequence(words: str, way: How, *, tmux: bool = False) -> str:
    """What to write to the terminal. Nothing of `words` can end or begin a sequence of its own."""
    if way == "off":
        return ""
    text = " ".join(clean(words).split())[:CHARS]
    safe = text.replace(";", ",")
    body = {
        "osc9": f"\x1b]9;{text}\x07",
        "osc99": f"\x1b]99;i=loopwright:d=0;loopwright\x1b\\\x1b]99;i=loopwright:p=body;{text}\x1b\\",
        "osc777": f"\x1b]777;notify;loopwright;{safe}\x07",
    }.get(way, "")
    if tmux and body:
        doubled = body.replace("\x1b", "\x1b\x1b")
        body = f"\x1bPtmux;{doubled}\x1b\\"
    return f"{body}\x07"
