"""What runs inside a sandbox, as the agent's user, to move a work tree out or in. Fixed text, POSIX shell.

Whatever the agent did to its clone (HEAD, branches, index, hooks, configuration, ignore lists) makes no
difference: the scripts work in a git directory of their own and borrow the clone's objects. What comes out is
hostile all the same, and goes through `Store.receive`.
"""

import shlex

from harness.repo.errors import ExportFailed, Rejected
from harness.repo.git import ID
from harness.repo.seed import BRANCH, IGNORED, PRISTINE

_NO_CLONE, _NO_ROOM, _NO_PACK, _NO_STAGE, _NO_LAYOUT = 91, 92, 93, 94, 95
_FAILURES = {
    _NO_CLONE: ("the clone's .git is gone or broken", "start from the last candidate in a fresh sandbox"),
    _NO_ROOM: ("there is no room for a temporary directory", "free space in /tmp"),
    _NO_PACK: ("the objects could not be packed or unpacked", "free space, or start from a fresh sandbox"),
    _NO_STAGE: ("git cannot add every file of the work tree", "remove what git names here"),
    _NO_LAYOUT: ("the work tree could not be laid out", "start from a fresh sandbox"),
}

# Builtins where they will do: each process costs a millisecond or two, here and in every script that begins so.
_ENVIRONMENT = """\
set -u
while IFS= read -r line; do
  case $line in "export GIT_"*) name=${line#export } name=${name%%=*} ;; *) continue ;; esac
  case $name in *[!A-Z0-9_]*) ;; *) unset "$name" ;; esac
done <<END
$(export -p)
END
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
export GIT_NO_REPLACE_OBJECTS=1 GIT_GRAFT_FILE=/dev/null/none
"""

_OPEN = f"""\
{_ENVIRONMENT}\
w=$(pwd -P) || exit {_NO_CLONE}
[ -d .git/objects ] && [ ! -L .git ] && [ ! -L .git/objects ] || exit {_NO_CLONE}
d=$(mktemp -d "${{TMPDIR:-/tmp}}/.loopwright.XXXXXX") || exit {_NO_ROOM}
trap 'rm -rf "$d"' EXIT
trap 'exit 129' HUP INT TERM
mkdir -p "$d/objects/info" "$d/refs" && echo 'ref: refs/heads/x' >"$d/HEAD" || exit {_NO_ROOM}
printf '%s\\n' "[core]
\trepositoryformatversion = 0
\tbare = false
\tautocrlf = false
\ttrustctime = false
\tcheckStat = minimal
\texcludesFile = \\"$d/ignored\\"
\tattributesFile = /dev/null
\thooksPath = /dev/null
[gc]
\tauto = 0" >"$d/config" || exit {_NO_ROOM}
printf '%s\\n' {" ".join(map(shlex.quote, IGNORED))} >"$d/ignored" || exit {_NO_ROOM}
export HOME="$d" XDG_CONFIG_HOME="$d" GIT_DIR="$d" GIT_WORK_TREE="$w" GIT_INDEX_FILE="$d/index"
[ -f "$w/.git/shallow" ] && cp "$w/.git/shallow" "$d/shallow"
"""

_EXPORT = f"""\
printf '%s\\n' "$w/.git/objects" >"$d/objects/info/alternates"
cp -p "$w/{PRISTINE}" "$d/index" 2>/dev/null
git read-tree --reset "$base" 2>/dev/null || {{ rm -f "$d/index"; git read-tree "$base" || exit {_NO_CLONE}; }}
git add -A . >&2 || exit {_NO_STAGE}
tree=$(git write-tree) || exit {_NO_STAGE}
export GIT_AUTHOR_NAME=agent GIT_AUTHOR_EMAIL=agent@loopwright.invalid GIT_AUTHOR_DATE='@0 +0000'
export GIT_COMMITTER_NAME=agent GIT_COMMITTER_EMAIL=agent@loopwright.invalid GIT_COMMITTER_DATE='@0 +0000'
tip=$(git commit-tree -m candidate -p "$base" "$tree") || exit {_NO_STAGE}
printf '%s\\n' "$tip"
printf '%s\\n^%s\\n^%s^{{tree}}\\n' "$tip" "$base" "$base" \
| git pack-objects --revs --thin --stdout -q --delta-base-offset --threads=1 || exit {_NO_PACK}
"""

_IMPORT = f"""\
GIT_OBJECT_DIRECTORY="$w/.git/objects" git index-pack --stdin --fix-thin >/dev/null || exit {_NO_PACK}
printf '%s\\n' "$w/.git/objects" >"$d/objects/info/alternates"
cp -p "$w/{PRISTINE}" "$d/index" 2>/dev/null
git ls-files >/dev/null 2>&1 || {{ rm -f "$d/index"; git read-tree --empty || exit {_NO_LAYOUT}; }}
: >"$d/ignored"
find . -path ./.git -prune -o ! -type f ! -type d ! -type l -exec rm -f {{}} + || exit {_NO_LAYOUT}
git clean -ffdxq || {{ chmod -R u+rwX . ; git clean -ffdxq; }} || exit {_NO_LAYOUT}
git read-tree --reset -u "$tree" || exit {_NO_LAYOUT}
rm -f "$w/.git/index.lock"
cp -p "$d/index" "$w/.git/index" || exit {_NO_LAYOUT}
"""

_FRESH = f"""\
git index-pack --stdin --fix-thin >/dev/null || exit {_NO_PACK}
git read-tree -m -u "$tree" || exit {_NO_LAYOUT}
"""
"""For a clone in which nothing has happened: git's own files are ours, and nothing has to be looked at or removed."""

_REWIND = f"""\
cd "$w/.git" || exit {_NO_LAYOUT}
rm -rf refs/heads/{BRANCH} refs/heads/{BRANCH}.lock HEAD.lock MERGE_* CHERRY_PICK_HEAD REVERT_HEAD BISECT_* rebase-* \
    sequencer
mkdir -p refs/heads && printf '%s\\n' "$head" >refs/heads/{BRANCH} || exit {_NO_LAYOUT}
rm -rf HEAD && echo 'ref: refs/heads/{BRANCH}' >HEAD || exit {_NO_LAYOUT}
"""


def export_script(base: str) -> str:
    """A script for `/bin/sh -c` in the top of the work tree; its output is for `split_export`.

    It commits everything that is there and not ignored as a child of `base`, and prints the commit's id, a
    newline, and a pack of what `base` lacks. Raises `Rejected` unless `base` is an object id.
    """
    return f"base={_id(base)}\n{_OPEN}{_EXPORT}"


def import_script(tree: str, head: str = "") -> str:
    """A script that reads a pack (`Store.pack`) on its standard input and makes work tree and index exactly
    `tree`, the id of a commit or tree; what git does not know is removed. HEAD stays where it is, or becomes the
    one branch at the commit `head`, with no operation of git under way."""
    moved = f"head={_id(head)}\n{_REWIND}" if head else ""
    return f"tree={_id(tree)}\n{_OPEN}{_IMPORT}{moved}"


def fresh_script(tree: str) -> str:
    """As `import_script`, for a clone that is as it was opened: a few files changed in it instead of all looked at."""
    return f"tree={_id(tree)}\n{_ENVIRONMENT}{_FRESH}"


def split_export(output: bytes) -> tuple[str, bytes]:
    """The id and the pack that the export script printed. Raises `Rejected` when that is not what it is."""
    tip, newline, pack = output.partition(b"\n")
    if not newline or not ID.fullmatch(tip.decode("latin-1")):
        raise Rejected("tip", "", "the export did not begin with an object id")
    return tip.decode(), pack


def script_failed(code: int, stderr: bytes) -> ExportFailed:
    """What the exit status `code` (not 0) of one of the scripts means."""
    said = stderr.decode("utf-8", "replace").strip()[-2000:]
    why, fix = _FAILURES.get(code, (f"the script ended with status {code}", "start from a fresh sandbox"))
    return ExportFailed(code, f"{why}: {said}" if said else why, fix, said)


def _id(oid: str) -> str:
    if not ID.fullmatch(oid):
        raise Rejected("tip", "", f"{oid[:80]!r} is not an object id")
    return oid
