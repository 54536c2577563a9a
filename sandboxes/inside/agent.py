"""The forks that become the agent: a session of their own, no root, no capability; then a command, or work on a file.

To fork a Python process and to make the fork ready takes as long as a short command does. So the next command's fork
is made while nobody waits: it stands by as root, where the agent cannot reach it, until it is told what to run.
"""

from __future__ import annotations

import contextlib
import errno
import marshal
import os
import signal
from collections.abc import Callable

from sandboxes.inside.files import Refused, empty, read_file, write_file
from sandboxes.inside.wire import TYPE_CHECKING, send

if TYPE_CHECKING:
    from typing import Any

TRAP = "trap 'pwd -P >&9' EXIT; "
"""On the command's own first line, so that the numbers of its lines stay what they are."""

WORKS: dict[str, Callable[..., bytes]] = {"empty": empty, "read": read_file, "write": write_file}
"""What is done as the agent without a command."""
LARGE = 1 << 20
"""Bytes of a file that a fork takes over with the memory it shares; fewer go to the one that stands by."""


class Command:
    """A command and its pipes, both ends of each: ours by name, `theirs` from descriptor 0 on."""

    pid = 0
    """0 while it is not started."""

    def __init__(self, *, merge: bool = True, notes: bool = False, feed: bool = False) -> None:
        self.err: int | None = None
        """None where it goes with `out`."""
        self.notes: int | None = None
        """One way, and nobody but us can read it or take back what was written."""
        self.feed: int | None = None
        """Its standard input; None where there is nothing to read."""
        if feed:
            stdin, self.feed = os.pipe2(os.O_CLOEXEC)
        else:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.out, stdout = os.pipe2(os.O_CLOEXEC)
        self.theirs = [stdin, stdout, stdout]
        if not merge:
            self.err, self.theirs[2] = os.pipe2(os.O_CLOEXEC)
        if notes:
            self.notes, write = os.pipe2(os.O_CLOEXEC)
            self.theirs.append(write)
        self.told, self.tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        """Where a shell that goes on where the last one stopped says where it stops itself."""

    def place(self) -> None:
        """In a fork: their ends become its descriptors."""
        for number, end in enumerate(self.theirs):
            os.dup2(end, number)

    def started(self, pid: int) -> Command:
        """Let go of their ends: only who was started holds them."""
        self.pid = pid
        for end in {*self.theirs, self.tell}:
            os.close(end)
        return self


class Agent:
    """Who commands run as, and what they are given."""

    def __init__(self, uid: int, gid: int, env: dict[str, str], home: str) -> None:
        self.uid, self.gid, self.env, self.home = uid, gid, env, home
        self.shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        self.standby: Command | None = None
        self.order = -1
        """Where the one that stands by reads what to run, to the end."""

    def stand_by(self) -> None:
        """Make the next command's fork, unless there is one, or no room for one more process."""
        if self.standby:
            return
        heard, order = os.pipe2(os.O_CLOEXEC)
        command = Command()
        pid = -1
        with contextlib.suppress(OSError):
            pid = os.fork()
        if pid == 0:
            try:
                os.close(order)
                command.place()
                self.prepare()
                self.obey(marshal.loads(b"".join(iter(lambda: os.read(heard, 1 << 20), b""))), command)  # noqa: S302
            finally:
                os._exit(126)
        os.close(heard)
        self.standby, self.order = command.started(pid), order
        if pid < 0:
            self.ended(pid)

    def ended(self, pid: int) -> None:
        """A process was reaped; perhaps it is the one that stands by."""
        if self.standby and self.standby.pid == pid:
            for end in (self.order, self.standby.out, self.standby.told):
                os.close(end)
            self.standby = None

    def dismiss(self) -> None:
        """Have nobody stand by: whatever runs next has to be alone when it has ended."""
        if self.standby:
            pid = self.standby.pid
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self.ended(pid)

    def launch(self, wanted: dict[str, Any], *, merge: bool = True, notes: bool = False, feed: bool = False) -> Command:
        """Start a command. What keeps it from starting is printed."""
        return self.begin(wanted, Command(merge=merge, notes=notes, feed=feed) if notes or feed or not merge else None)

    def work(self, name: str, *given: Any) -> Command:
        """Have one of `WORKS` done; what `attempt` gives is printed."""
        large = any(isinstance(each, bytes) and len(each) > LARGE for each in given)
        return self.begin((name, *given), Command() if large else None)

    def begin(self, wanted: Any, command: Command | None = None) -> Command:
        """Give an order to the one that stands by, or to a fork that is made for a `command` of its own kind."""
        if self.standby and command is None:
            command, self.standby = self.standby, None
            with contextlib.suppress(BrokenPipeError):  # killed for memory, as the command itself might have been
                send(self.order, marshal.dumps(wanted))
            os.close(self.order)
            return command
        self.dismiss()
        command = command or Command()
        pid = os.fork()
        if pid == 0:
            try:
                command.place()
                self.prepare()
                self.obey(wanted, command)
            finally:
                os._exit(126)
        return command.started(pid)

    def obey(self, wanted: Any, command: Command) -> None:
        """In a fork: become the agent, and the command that is wanted, or do the work."""
        if isinstance(wanted, dict):
            self.execute(wanted, command.tell)
        else:
            name, *given = wanted
            self.become()
            send(1, attempt(WORKS[name], *given))
            os._exit(0)

    def prepare(self) -> None:
        """In a fork: all that root may do as well as the agent."""
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

    def become(self) -> None:
        """From here on there is no root and no capability."""
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)

    def execute(self, wanted: dict[str, Any], tell: int) -> None:
        """Become the agent and the command. Comes back, having said why, only where there is none."""
        place, missing = "sandbox", 126
        try:
            self.become()
            argv, place = wanted["argv"], wanted["cwd"]
            if place is None:
                place = wanted["last"] if os.access(wanted["last"], os.X_OK) else self.home
                if isinstance(argv, str):
                    os.dup2(tell, 9)
                    os.set_inheritable(9, True)  # dup2 changes nothing of a descriptor that is 9 already
                    argv = TRAP + argv
            os.chdir(place)
            argv = [self.shell, "-c", argv] if isinstance(argv, str) else argv
            place, missing = argv[0], 127
            os.execvpe(argv[0], argv, {**self.env, **wanted["env"]})  # noqa: S606
        except OSError as error:
            os.write(2, os.fsencode(f"{place}: {error.strerror}\n"))
            os._exit(missing if error.errno == errno.ENOENT else 126)
        except BaseException as error:
            os.write(2, os.fsencode(f"{place}: {error}\n"))


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
