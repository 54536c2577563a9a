"""PID 1 of every sandbox: it runs what the harness sends and answers on its own standard output.

It is root with SETUID, SETGID and KILL and nothing else; whatever it starts becomes the agent's user first. The
end of its input means that the harness is gone: this process ends, and the kernel ends the container with it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from sandboxes.inside.files import Refused, read_file, write_file
from sandboxes.inside.output import Output, Spills
from sandboxes.inside.pump import Pump
from sandboxes.inside.wire import BODY_LIMIT, Closed, Link

FILE_SECONDS = 60.0
"""The longest that reading or writing one file may take."""


class Runner:
    """What the harness said in its hello, and the work it asks for afterwards, one piece at a time."""

    def __init__(self, link: Link, hello: dict[str, Any]) -> None:
        self.link, self.uid, self.gid = link, hello["uid"], hello["gid"]
        self.env: dict[str, str] = {"PATH": os.environ.get("PATH", os.defpath), **hello["env"]}
        self.shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        self.spills = Spills(hello["spill"])
        self.wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        while True:
            request, body = self.link.next()
            op = request["op"]
            if op == "run":
                self.link.send(*self.run(request, body))
            elif op == "read":
                self.link.send(*self.apart(request["id"], read_file, request["path"], request["limit"]))
            elif op == "write":
                self.link.send(*self.apart(request["id"], write_file, request["path"], body))
            elif op != "interrupt":  # one that came too late
                raise Closed

    def run(self, request: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """One command, from its start to the death of all it started."""
        kills = oom_kills()
        stdout = stderr = Output(request["cap"], self.spills)
        read, write = os.pipe()
        outputs, ends = {read: stdout}, [write]
        if not request["merge"]:
            read, write = os.pipe()
            stderr = outputs[read] = Output(request["cap"], self.spills)
            ends.append(write)
        notes = Output(request.get("report", 0), self.spills)
        channel = []
        if request.get("report"):  # one way, and nobody but us can read it or take back what was written
            read, write = os.pipe()
            outputs[read] = notes
            channel.append(write)
        stdin, feed = os.pipe() if body else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), None)
        began = time.monotonic()
        main = self.start(request, (stdin, ends[0], ends[-1], *channel))
        for end in (stdin, *ends, *channel):
            os.close(end)
        pump = Pump(self.link, self.wake, request["id"], main, outputs)
        if feed is not None:
            pump.give(feed, body)
        timed_out = pump.until_exit(began + request["timeout"])
        micros = int((time.monotonic() - began) * 1e6)
        stuck = not pump.finish()
        status = signal.SIGKILL if pump.status is None else pump.status
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        now = oom_kills()
        out, err = stdout.kept(), b"" if stderr is stdout else stderr.kept()
        total = stdout.total + (0 if stderr is stdout else stderr.total)
        said = notes.kept()
        return {
            "re": "run", "id": request["id"], "exit": 124 if timed_out else code, "micros": micros,
            "timed_out": timed_out, "out": len(out), "err": len(err), "elided": total - len(out) - len(err),
            "oom": now > kills if now is not None and kills is not None else code == 137 and not pump.killed,
            "spill": stdout.number or stderr.number, "stuck": stuck,
            "report": len(said), "lost": notes.total - len(said),
        }, out + err + said  # fmt: skip

    def start(self, request: dict[str, Any], ends: tuple[int, ...]) -> int:
        """Fork the command, `ends` as its descriptors from 0 on; what keeps it from starting is printed."""
        pid = os.fork()
        if pid:
            return pid
        place, missing = "sandbox", 126
        try:
            for number, end in enumerate(ends):
                os.dup2(end, number)
            self.become_agent()
            place = request["cwd"]
            os.chdir(place)
            argv = request["argv"]
            argv = [self.shell, "-c", argv] if isinstance(argv, str) else argv
            place, missing = argv[0], 127
            os.execvpe(argv[0], argv, {**self.env, **request["env"]})  # noqa: S606
        except OSError as error:
            os.write(2, os.fsencode(f"{place}: {error.strerror}\n"))
            os._exit(missing if error.errno == errno.ENOENT else 126)
        except BaseException as error:
            os.write(2, os.fsencode(f"{place}: {error}\n"))
        os._exit(126)

    def apart(self, number: int, work: Callable[..., bytes], *given: Any) -> tuple[dict[str, Any], bytes]:
        """Run `work` in a child that has become the agent; its answer comes back through a pipe."""
        read, write = os.pipe()
        main = os.fork()
        if main == 0:
            with contextlib.suppress(BaseException):
                self.become_agent()
                send(write, attempt(work, *given))
            os._exit(0)
        os.close(write)
        answer = Output(BODY_LIMIT, self.spills)
        pump = Pump(self.link, self.wake, number, main, {read: answer})
        timed_out = pump.until_exit(time.monotonic() + FILE_SECONDS)
        stuck = not pump.finish()
        data = answer.kept()
        if data[:1] == b"+" and pump.status == 0 and not timed_out:
            return {"re": "data", "id": number, "stuck": stuck}, data[1:]
        why = data[1:].decode("utf-8", "replace")[:500] if data[:1] == b"-" else "it could not be finished"
        return {"re": "refused", "id": number, "why": why, "stuck": stuck}, b""

    def become_agent(self) -> None:
        """In a forked child: a session of its own, no root, no capability."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        # When memory runs out, in here or on the whole machine, the command goes before anything else.
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        os.umask(0o022)
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)


def attempt(work: Callable[..., bytes], *given: Any) -> bytes:
    """The answer of `work` after a `+`, or why there is none after a `-`."""
    try:
        return b"+" + work(*given)
    except OSError as error:
        return b"-" + os.fsencode(error.strerror or str(error))
    except (Refused, ValueError) as error:
        return b"-" + os.fsencode(str(error))
    except MemoryError:
        return b"-there is not enough memory"


def send(end: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(end, view) :]


def oom_kills() -> int | None:
    """How many processes of this container the kernel has killed for memory; None when it does not tell.

    `memory.events` is cgroup v2's, `memory.oom_control` v1's.
    """
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            for line in file:
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return None


def main() -> None:
    if os.getpid() != 1:  # `kill(-1)` outside a namespace of our own would end the whole machine
        sys.exit("this program works as PID 1 of a container only")
    link = Link()
    try:
        hello, _ = link.next()
        runner = Runner(link, hello)
        owner = os.stat(hello["workspace"]).st_uid
        link.send({"re": "hello", "id": 0, "nonce": hello["nonce"], "owner": owner})
        runner.serve()
    except (Closed, BrokenPipeError, ConnectionError):
        pass
