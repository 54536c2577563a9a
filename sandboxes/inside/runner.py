"""PID 1 of every sandbox: it runs what the harness sends and answers on its own standard output.

It is root with SETUID, SETGID and KILL and nothing else; whatever it starts becomes the agent's user first. The
end of its input means that the harness is gone: this process ends, and the kernel ends the container with it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable

from sandboxes.inside.counters import Counters
from sandboxes.inside.disk import Watch, reading_as
from sandboxes.inside.files import Refused, empty, read_file, write_file
from sandboxes.inside.jobs import MOST, Job, Jobs
from sandboxes.inside.output import Output, Spills
from sandboxes.inside.pump import DEATH, Pump
from sandboxes.inside.wire import BODY_LIMIT, TYPE_CHECKING, Closed, Link, send

if TYPE_CHECKING:
    from typing import Any

CWD_BYTES = 1_000
"""The longest directory that is kept from one command to the next."""
TRAP = "trap 'pwd -P >&9' EXIT; "
"""On the command's own first line, so that the numbers of its lines stay what they are."""
GREETING = 60
"""Seconds within which the harness has to say hello."""
FILE_SECONDS = 60.0
"""The longest that reading or writing one file may take."""


class Runner:
    """What the harness said in its hello, and the work it asks for afterwards, one piece at a time."""

    def __init__(self, link: Link, hello: dict[str, Any]) -> None:
        self.link, self.uid, self.gid = link, hello["uid"], hello["gid"]
        self.env: dict[str, str] = {"PATH": os.environ.get("PATH", os.defpath), **hello["env"]}
        self.shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        self.spills, self.counters = Spills(hello["spill"]), Counters()
        self.home = self.cwd = hello["workspace"]
        self.watch = Watch(self.home, *hello["disk"]) if hello["disk"] else None
        self.wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        for end in (0, self.wake):
            poll.register(end, select.POLLIN)
        self.jobs = Jobs(poll)

    def serve(self) -> None:
        while True:
            request, body = self.next()
            op = request["op"]
            if op == "interrupt":  # one that came too late
                continue
            number = request["id"]
            if op == "run":
                self.link.send(*self.run(request, body))
            elif op == "read":
                self.link.send(*self.apart(number, read_file, request["path"], request["limit"]))
            elif op == "write":
                self.link.send(*self.apart(number, write_file, request["path"], body))
            elif op == "start":
                self.link.send(*self.background(request))
            elif op == "reset":
                self.link.send(*self.reset(number))
            elif op in ("poll", "kill"):
                self.link.send(*self.attend(request))
            else:
                raise Closed

    def next(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a whole frame, and look after the background jobs meanwhile."""
        while True:
            frame = self.link.take()
            if frame:
                return frame
            for end, _event in self.jobs.poll.poll():
                if end == 0:
                    self.link.feed()
                elif end == self.wake:
                    os.read(end, 4096)
                elif end in self.jobs.ends:
                    self.jobs.read(end)
            self.reap()

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self.jobs.reaped(pid, status)

    def run(self, request: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """One command, from its start to the death of all it started."""
        before = self.counters.read()
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
        told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        began = time.monotonic()
        main = self.start(request, (stdin, ends[0], ends[-1], *channel), tell)
        for end in (stdin, *ends, *channel, tell):
            os.close(end)
        if self.watch:
            with reading_as(self.uid):
                self.watch.begin()
        pump = Pump(self.link, self.jobs, self.wake, request["id"], main, outputs, self.disk if self.watch else None)
        if feed is not None:
            pump.give(feed, body)
        timed_out = pump.until_exit(began + request["timeout"])
        micros = int((time.monotonic() - began) * 1e6)
        stuck = not pump.finish()
        self.follow(told)
        code = exit_code(signal.SIGKILL if pump.status is None else pump.status)
        after = self.counters.read()
        oom = after["oom"] > before["oom"] if "oom" in after and "oom" in before else code == 137 and not pump.killed
        out, err = stdout.kept(), b"" if stderr is stdout else stderr.kept()
        total = stdout.total + (0 if stderr is stdout else stderr.total)
        said = notes.kept()
        return {
            "re": "run", "id": request["id"], "exit": 124 if timed_out else code, "micros": micros,
            "timed_out": timed_out, "out": len(out), "err": len(err), "elided": total - len(out) - len(err),
            "oom": oom, "pids": after.get("pids", 0) > before.get("pids", 0), "file": code == 128 + signal.SIGXFSZ,
            "disk": pump.full, "spill": stdout.number or stderr.number, "stuck": stuck,
            "report": len(said), "lost": notes.total - len(said), "cwd": self.cwd if request["cwd"] is None else "",
        }, out + err + said  # fmt: skip

    def disk(self) -> tuple[bool, float]:
        """Whether the workspace has outgrown its limit, and in how many seconds to look again."""
        if self.watch is None:
            return False, 1.0
        with reading_as(self.uid):
            return self.watch.look()

    def follow(self, told: int) -> None:
        """Keep the directory in which a shell said it ended."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            said = os.read(told, CWD_BYTES + 2).decode().partition("\n")
            if said[1] and said[0].startswith("/"):
                self.cwd = said[0]
        os.close(told)

    def background(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Start a job; its output is kept until it is asked for."""
        if len(self.jobs.known) >= MOST:
            why = f"there are {MOST} background processes already"
            return {"re": "refused", "id": request["id"], "why": why, "stuck": False}, b""
        read, write = os.pipe2(os.O_CLOEXEC)
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        main = self.start(request, (null, write, write), None)
        os.close(null)
        os.close(write)
        return told_of(request["id"], self.jobs.add(main, read), 0)

    def attend(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """What a job has printed since the last time, and whether it runs; for `kill` once it is dead."""
        number, job = request["id"], self.jobs.known.get(request["job"])
        if job is None:
            return {"re": "refused", "id": number, "why": "there is no such process any more", "stuck": False}, b""
        deadline = time.monotonic() + DEATH
        while request["op"] == "kill" and self.jobs.kill(job) and time.monotonic() < deadline:
            time.sleep(0.002)
        self.reap()
        if job.status is not None:
            self.jobs.drain(job)
            self.jobs.forget(job)
        return told_of(number, job, request["cap"])

    def reset(self, number: int) -> tuple[dict[str, Any], bytes]:
        """Kill the background jobs too, and empty what is writable besides the workspace."""
        self.jobs.known.clear()
        self.cwd = self.home
        return self.apart(number, empty, ["/tmp", "/dev/shm", self.env["HOME"]])  # noqa: S108 - the container's own

    def start(self, request: dict[str, Any], ends: tuple[int, ...], tell: int | None) -> int:
        """Fork the command, `ends` as its descriptors from 0 on; what keeps it from starting is printed.

        A shell that goes on where the last one stopped says on `tell` where it stops itself.
        """
        pid = os.fork()
        if pid:
            return pid
        place, missing = "sandbox", 126
        try:
            for number, end in enumerate(ends):
                os.dup2(end, number)
            self.become_agent()
            argv, place = request["argv"], request["cwd"]
            if place is None:
                place = self.cwd if os.access(self.cwd, os.X_OK) else self.home
                if tell is not None and isinstance(argv, str):
                    os.dup2(tell, 9)
                    os.set_inheritable(9, True)  # dup2 changes nothing of a descriptor that is 9 already
                    argv = TRAP + argv
            os.chdir(place)
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
        pump = Pump(self.link, self.jobs, self.wake, number, main, {read: answer})
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
        with contextlib.suppress(OSError):
            file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(file, b"1000")
            os.close(file)
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


def exit_code(status: int) -> int:
    """A wait status as a shell tells it: 128 + signal for what was killed."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def told_of(number: int, job: Job, cap: int) -> tuple[dict[str, Any], bytes]:
    output, elided = job.take(cap) if cap else (b"", 0)
    code = None if job.status is None else exit_code(job.status)
    return {"re": "job", "id": number, "job": job.main, "exit": code, "elided": elided, "stuck": False}, output


def main() -> None:
    if os.getpid() != 1:  # `kill(-1)` outside a namespace of our own would end the whole machine
        sys.exit("this program works as PID 1 of a container only")
    link = Link()
    try:
        link.live(GREETING)
        hello, _ = link.next()
        link.live(hello["ttl"])
        runner = Runner(link, hello)
        owner = os.stat(hello["workspace"]).st_uid
        link.send({"re": "hello", "id": 0, "nonce": hello["nonce"], "owner": owner})
        runner.serve()
    except (Closed, BrokenPipeError, ConnectionError):
        pass
