"""The line to the shell that is PID 1 where an image has no Python: the same requests and replies, in lines of text.

What comes back is as hostile as ever: one pattern, and sizes capped before anything is read.
"""

import re
import shlex
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from sandboxes.frames import Broken, Data, Hello, Line, Ran, Refusal, Reply

LONGEST = 300
"""Bytes of the line a reply begins with."""
WORD = r"(\d{1,15})"
RUN = re.compile(rf"run {WORD} (\d{{1,3}}) ([012]) {' '.join([WORD] * 10)}\n")
HELLO = re.compile(rf"hello ([0-9a-f]{{1,64}}) {WORD}\n")
REASONS = {
    81: "it is a directory", 82: "it is not a regular file", 83: "No such file or directory", 84: "Permission denied",
    85: "it is larger than is allowed here",
}  # fmt: skip
LOOK = """\
[ -e "$f" ] || [ -L "$f" ] || exit 83
[ ! -d "$f" ] || exit 81
[ -f "$f" ] || exit 82
[ -r "$f" ] || exit 84
"""
READ = LOOK + '[ "$(wc -c <"$f")" -le "$limit" ] || exit 85\nexec head -c "$limit" "$f"\n'
WRITE = """\
mkdir -p "$(dirname "$f")" 2>/dev/null || exit 84
[ ! -d "$f" ] || exit 81
[ ! -e "$f" ] || [ -f "$f" ] || exit 82
t=$(mktemp "$(dirname "$f")/.loopwright.XXXXXX") || exit 84
trap 'rm -f "$t"' EXIT
cat >"$t" && cat "$t" >"$f" || exit 84
"""
RESET = """\
set -- /tmp "$HOME" /dev/shm
chmod -R u+rwX "$@" 2>/dev/null
find "$@" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
"""


@cache
def script() -> str:
    """The program of PID 1."""
    return resources.files("sandboxes.inside").joinpath("runner.sh").read_text("utf-8")


class PlainLine(Line):
    """Speaks with the shell. There are no background processes, reports or kept directories here."""

    _asked: dict[str, Any]
    _env: dict[str, str]
    _began = 0.0

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """See `Line.send`."""
        op = header["op"]
        if op == "interrupt":
            self._put(b"!\n")
            return
        self._asked, self._began = header, time.monotonic()
        if op == "hello":
            self._env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **header["env"]}
            most = header["disk"][0] >> 10 if header["disk"] else 0
            words = (header["nonce"], header["uid"], header["gid"], header["workspace"], most)
            self._put(f"hello {' '.join(map(str, words))}\n".encode())
        elif op in ("run", "read", "write", "reset"):
            program = self._program(header).encode("utf-8", "surrogateescape")
            cap = max(header.get("cap", header.get("limit", 0)), 2)
            half = cap if op == "read" else cap // 2
            head = f"run {header['id']} {header.get('timeout', 60.0)} {half} {int(header.get('merge', False))}"
            self._put(f"{head} {len(program)} {len(body)}\n".encode() + program + body)

    def receive(
        self, number: int, body_limit: int, deadline: float, tick: Callable[[], float] | None = None
    ) -> tuple[Reply, bytes]:
        """See `Line.receive`."""
        asked, self._look = self._asked, 0.0
        if asked["op"] in ("start", "poll", "kill"):
            return Refusal(number, "background processes need python3 in the image", False), b""
        text = bytearray()
        while not text.endswith(b"\n"):
            text += self._take(1, deadline, tick)
            if len(text) > LONGEST:
                raise Broken("what came back is no reply")
        said = text.decode("latin-1")
        if asked["op"] == "hello":
            if (hello := HELLO.fullmatch(said)) is None:
                raise Broken("what came back is no greeting")
            return Hello(number, hello[1], int(hello[2])), b""
        found = RUN.fullmatch(said)
        if found is None or int(found[1]) != number or int(found[2]) > 255:
            raise Broken("what came back is no reply to what was asked")
        sizes = [int(found[at]) for at in range(8, 14)]
        kept = (sizes[0], sizes[1], sizes[3], sizes[4])
        if sum(kept) > max(2 * body_limit, 4) + LONGEST:
            raise Broken("a reply that is larger than anything that was asked for")
        pieces = [self._take(size, deadline, tick) for size in kept]
        out, err = pieces[0] + pieces[1], pieces[2] + pieces[3]
        if asked["op"] != "run":
            return _told(number, int(found[2]), out)
        elided = max(sizes[2] - sizes[1], 0) + max(sizes[5] - sizes[4], 0)
        oom, pids = int(found[6]) > int(found[4]), int(found[7]) > int(found[5])
        late = found[3] == "1"
        ran = Ran(
            id=number, exit=124 if late else int(found[2]), micros=int(1e6 * (time.monotonic() - self._began)),
            timed_out=late, oom=oom, pids=pids,
            file=int(found[2]) == 153, cwd="", out=len(out), err=len(err), elided=elided, spill=None, stuck=False,
            report=0, lost=0, disk=found[3] == "2",
        )  # fmt: skip
        return ran, out + err

    def _program(self, asked: dict[str, Any]) -> str:
        """The shell script that does what was asked."""
        env = {**self._env, **asked.get("env", {})}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
        place = asked.get("cwd") or "/w"
        lines.append(f"cd {shlex.quote(place)} || exit 126")
        argv = asked.get("argv", "")
        match asked["op"]:
            case "run":
                lines.append(f"exec sh -c {shlex.quote(argv)}" if isinstance(argv, str) else f"exec {shlex.join(argv)}")
            case "read":
                lines += [f"f={shlex.quote(asked['path'])}", f"limit={asked['limit']}", READ]
            case "write":
                lines += [f"f={shlex.quote(asked['path'])}", WRITE]
            case _:
                lines.append(RESET)
        return "\n".join(lines) + "\n"

    def _put(self, data: bytes) -> None:
        try:
            self._stream.send(data)
        except OSError as error:
            raise Broken(f"sending failed: {error}") from error


def _told(number: int, code: int, out: bytes) -> tuple[Reply, bytes]:
    if code == 0:
        return Data(number, False), out
    return Refusal(number, REASONS.get(code, f"it could not be done (exit code {code})"), False), b""
