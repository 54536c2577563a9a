"""PID 1 of every sandbox: it runs what the harness sends and answers on its own standard output.

It is root with SETUID, SETGID and KILL and nothing else; whatever it starts becomes the agent's user first. The
end of its input means that the harness is gone: this process ends, and the kernel ends the container with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

from sandboxes.inside.agent import Agent
from sandboxes.inside.counters import Counters
from sandboxes.inside.disk import Watch, reading_as
from sandboxes.inside.jobs import MOST, Job, Jobs
from sandboxes.inside.output import Output, Spills
from sandboxes.inside.pump import DEATH, Pump
from sandboxes.inside.wire import BODY_LIMIT, TYPE_CHECKING, Closed, Link

if TYPE_CHECKING:
    from typing import Any

CWD_BYTES = 1_000
"""The longest directory that is kept from one command to the next."""
GREETING = 60
"""Seconds within which the harness has to say hello."""
FILE_SECONDS = 60.0
"""The longest that reading or writing one file may take."""


class Runner:
    """What the harness said in its hello, and the work it asks for afterwards, one piece at a time."""

    def __init__(self, link: Link, hello: dict[str, Any]) -> None:
        self.link, self.uid = link, hello["uid"]
        env = {"PATH": os.environ.get("PATH", os.defpath), **hello["env"]}
        self.agent = Agent(hello["uid"], hello["gid"], env, hello["workspace"])
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
            self.agent.stand_by()
            request, body = self.next()
            op = request["op"]
            if op == "interrupt":  # one that came too late
                continue
            number = request["id"]
            if op == "run":
                self.link.send(*self.run(request, body))
            elif op == "read":
                self.link.send(*self.apart(number, "read", request["path"], request["limit"]))
            elif op == "write":
                self.link.send(*self.apart(number, "write", request["path"], body))
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
                self.agent.ended(pid)
                self.jobs.reaped(pid, status)

    def run(self, request: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """One command, from its start to the death of all it started."""
        before = self.counters.read()
        began = time.monotonic()
        merge, reports = request["merge"], bool(request.get("report"))
        command = self.agent.launch(self.wanted(request), merge=merge, notes=reports, feed=bool(body))
        stdout = stderr = Output(request["cap"], self.spills)
        notes = Output(request.get("report", 0), self.spills)
        outputs = {command.out: stdout}
        if command.err is not None:
            stderr = outputs[command.err] = Output(request["cap"], self.spills)
        if command.notes is not None:
            outputs[command.notes] = notes
        if self.watch:
            with reading_as(self.uid):
                self.watch.begin()
        watch = self.disk if self.watch else None
        pump = Pump(self.link, self.jobs, self.wake, request["id"], command.pid, outputs, watch)
        if command.feed is not None:
            pump.give(command.feed, body)
        timed_out = pump.until_exit(began + request["timeout"])
        micros = int((time.monotonic() - began) * 1e6)
        stuck = not pump.finish()
        self.follow(command.told)
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

    def wanted(self, request: dict[str, Any]) -> dict[str, Any]:
        """What of a request the fork has to know."""
        return {"argv": request["argv"], "cwd": request["cwd"], "env": request["env"], "last": self.cwd}

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
        command = self.agent.launch(self.wanted(request))
        os.close(command.told)
        return told_of(request["id"], self.jobs.add(command.pid, command.out), 0)

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
        return self.apart(number, "empty", ["/tmp", "/dev/shm", self.agent.env["HOME"]])  # noqa: S108 - the container's own

    def apart(self, number: int, work: str, *given: Any) -> tuple[dict[str, Any], bytes]:
        """Have something done by a child that has become the agent; its answer comes back through a pipe."""
        command = self.agent.work(work, *given)
        os.close(command.told)
        answer = Output(BODY_LIMIT, self.spills)
        pump = Pump(self.link, self.jobs, self.wake, number, command.pid, {command.out: answer})
        timed_out = pump.until_exit(time.monotonic() + FILE_SECONDS)
        stuck = not pump.finish()
        data = answer.kept()
        if data[:1] == b"+" and pump.status == 0 and not timed_out:
            return {"re": "data", "id": number, "stuck": stuck}, data[1:]
        why = data[1:].decode("utf-8", "replace")[:500] if data[:1] == b"-" else "it could not be finished"
        return {"re": "refused", "id": number, "why": why, "stuck": stuck}, b""


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
