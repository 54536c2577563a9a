"""The grammar of comments: `/loopwright [verb] [flags] [text]`, as the first word of a comment and nowhere else."""

import difflib
import re
from typing import Literal, get_args

import msgspec

Verb = Literal[
    "fix", "revise", "retry", "ci", "plan", "approve", "ask", "explain", "answer", "ready", "status", "cancel", "undo",
    "help",
]  # fmt: skip
VERBS: tuple[Verb, ...] = get_args(Verb)
FLAGS = ("--base", "--max-cost", "--draft", "--ready")
_FLAG = re.compile(r"--(base|max-cost)(?:=| +)([^\s]{1,100})(?=\s|$)|--(draft|ready)(?=\s|$)")
_LIKE = re.compile(r"--?([A-Za-z][\w-]*)")
_DASH = re.compile(r"\A[\u2013\u2014](?=[A-Za-z])")
"""What keyboards make of two hyphens."""
_DOLLARS = re.compile(r"\$?(\d{0,4}(?:\.\d{1,4})?)")

HELP = """\
| command | what it does |
|---|---|
| `/loopwright [fix] <words>` | work on this issue, with these words besides |
| `/loopwright revise <words>` | change this pull request |
| `/loopwright retry [words]` | start again from where it stands |
| `/loopwright ci` | mend the checks that failed on this pull request |
| `/loopwright ask <question>`, `explain [words]` | answer in a comment; nothing is changed |
| `/loopwright plan [words]` | post a plan of the change; nothing is changed |
| `/loopwright approve [words]` | carry out the last plan, as its comment stands |
| `/loopwright answer <words>` | answer what a run asked, and start again with that |
| `/loopwright ready` | take the draft mark away, if gates and checks are green |
| `/loopwright undo` | take the last commit of this pull request back, with a new commit |
| `/loopwright cancel` | cancel the workflow run that works on this |
| `/loopwright status` | say how it stands |

Flags, before the words: `--base BRANCH`, `--max-cost USD`, `--draft`, `--ready`.
"""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a comment asks for. `unknown` is what was not understood, with the nearest thing that is in `text`."""

    verb: Verb
    text: str = ""
    base: str = ""
    max_cost: float = 0.0
    """US dollars; 0 leaves it to the configuration."""
    draft: bool | None = None
    unknown: str = ""


def parse(body: str, name: str = "/loopwright") -> Command | None:
    """The command of a comment; None where there is none.

    The command is the comment's first word: after blank lines at most, at the beginning of its line (so neither
    quoted, fenced, nor in a list or an indented block), and followed by white space or the end.
    """
    start = re.sub(r"\A(?:[ \t]*\n)+", "", body.replace("\r\n", "\n")).expandtabs(4)
    first, _, rest = start.lstrip(" ").partition("\n")
    indent = len(start) - len(start.lstrip(" "))
    if indent > 3 or not re.match(re.escape(name) + r"(?=\s|$)", first, re.IGNORECASE):
        return None
    words = first[len(name) :].strip()
    head, _, tail = words.partition(" ")
    named = next((verb for verb in VERBS if verb == head.lower().rstrip(",.:;!")), None)
    if named is None and head and not tail and not rest.strip() and re.fullmatch(r"[A-Za-z-]{2,20}", head):
        near = difflib.get_close_matches(head.lower(), VERBS, n=1)
        return Command(verb="help", unknown=head, text=near[0] if near else "")
    text = tail if named else words
    base, cost, draft = "", 0.0, None
    text = _DASH.sub("--", text.strip())
    while match := _FLAG.match(text):
        if match[1] == "base":
            base = match[2]
        elif match[1] == "max-cost":
            cost = _dollars(match[2])
            if not cost:  # a limit that is not understood is none that may be passed over
                return Command(verb="help", unknown=match[0])
        else:
            draft = match[3] == "draft"
        text = _DASH.sub("--", text[match.end() :].strip())
    if (like := _LIKE.match(text)) and (near := difflib.get_close_matches(f"--{like[1].lower()}", FLAGS, 1, 0.75)):
        return Command(verb="help", unknown=like[0], text=near[0])
    whole = f"{text}\n{rest}".strip()
    return Command(verb=named or "fix", text=whole, base=base, max_cost=cost, draft=draft)


def _dollars(text: str) -> float:
    """An amount; 0 for what is none."""
    found = _DOLLARS.fullmatch(text)
    return float(found[1]) if found and found[1] else 0.0
