"""The walls, looked at and run against from inside."""

import json
import socket
import textwrap

import pytest

from sandboxes.base import Sandbox, SandboxUnavailable
from sandboxes.docker import DockerEngine
from tests.sandbox_support import Opener, containers

pytest_plugins = ("tests.sandbox_fixtures",)


def python(box: Sandbox, source: str) -> str:
    """Run Python inside; what it prints."""
    return box.run(["python3", "-c", textwrap.dedent(source)], timeout=60).stdout.decode()


def test_no_root_no_capability_no_way_back(box: Sandbox, docker_engine: DockerEngine) -> None:
    status = dict(line.split(":\t", 1) for line in box.run("cat /proc/self/status").stdout.decode().splitlines())
    uid = str(docker_engine.uid)
    assert status["Uid"].split() == status["Gid"].split() == [uid] * 4
    assert status["Groups"].split() == []
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    # SETGID (6), SETUID (7) and KILL (5) are all that a set-user-id program could dream of, and it may not
    assert int(status["CapBnd"], 16) & ~0b11100000 == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_the_runner_is_root_with_three_capabilities(box: Sandbox) -> None:
    status = box.run("grep -E '^(CapEff|CapPrm|NoNewPrivs|Seccomp):' /proc/1/status").stdout.decode().split()
    assert status == ["CapPrm:", f"{0xE0:016x}", "CapEff:", f"{0xE0:016x}", "NoNewPrivs:", "1", "Seccomp:", "2"]


@pytest.mark.parametrize(
    "line",
    [
        "touch /etc/x", "touch /usr/bin/x", "touch /x", "echo 1 > /proc/sys/kernel/panic", "mkdir /w2",
        "echo x > /opt/venv/bin/pytest", "echo x > /opt/loopwright/bin/ruff", "rm -rf /opt/loopwright/bin/ruff",
        "mount -t tmpfs none /tmp", "mount -o remount,rw /", "unshare -r true", "unshare -m true", "chroot / true",
        "mknod /tmp/sda b 8 0", "chown 0 /tmp", "su -c true", "echo x > /run/output/1", "echo c > /proc/sysrq-trigger",
        "echo 1 > /sys/fs/cgroup/memory/memory.limit_in_bytes", "mkdir /sys/fs/cgroup/memory/x",
        "hostname evil", "date -s 2020-01-01", "dmesg", "renice -n -5 $$", "cat /proc/1/environ", "ls /proc/1/fd",
        "cat /proc/1/mem", "cat /proc/kcore", "ls /root",
    ],
)  # fmt: skip
def test_refused(box: Sandbox, line: str) -> None:
    assert box.run(line).exit_code != 0


def test_a_set_user_id_program_gives_nothing(box: Sandbox) -> None:
    told = python(
        box,
        """
        import os, shutil, subprocess
        for place in ("/tmp/x", "/home/agent/x", "/w/x", "/dev/shm/x"):
            shutil.copy("/usr/bin/id", place); os.chmod(place, 0o6755)
            try: print(subprocess.run([place, "-u"], capture_output=True, text=True).stdout.strip() != "0")
            except OSError: print(True)
            os.unlink(place)
        try: os.setuid(0); print(False)
        except PermissionError: print(True)
        """,
    )
    assert told.split() == ["True"] * 5


def test_nothing_of_the_host_is_mounted_but_the_workspace(box: Sandbox) -> None:
    kinds = {}
    for line in box.run("cat /proc/self/mountinfo").stdout.decode().splitlines():
        before, _, after = line.partition(" - ")
        kinds[before.split()[4]] = (after.split()[0], before.split()[5].split(","))
    disks = {
        place
        for place, (kind, _) in kinds.items()
        if kind not in ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2")
    }
    # Docker's own resolv.conf, hosts and hostname are files of its own making
    assert disks == {"/", "/w", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}
    assert kinds["/"][1][0] == "ro"
    assert kinds["/w"][1][0] == "rw"
    assert {"nosuid", "nodev"} <= set(kinds["/w"][1])
    assert box.run("find / -xdev -name 'docker*.sock' -o -name 'containerd*.sock'", merge=False).stdout == b""


def test_no_secret_of_the_host_gets_in(
    open_box: Opener, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-7f3a9c"
    for name in ("ANTHROPIC_API_KEY", "GITHUB_TOKEN", "PIP_INDEX_URL", "HTTPS_PROXY", "CANARY"):
        monkeypatch.setenv(name, f"https://user:{canary}@proxy")
    box = open_box()
    everywhere = "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null; grep -rf - /etc /home /run /tmp /w"
    assert canary.encode() not in box.run(everywhere, stdin=canary.encode(), cap=1_000_000).stdout
    assert canary not in json.dumps(docker_engine.client.inspect_container(box.id))


def test_there_is_no_network(box: Sandbox) -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))  # noqa: S104 - reachable on every address, so that a hole would show
        server.listen()
        hosts = [*{info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}, "172.17.0.1", "1.1.1.1",
                 "169.254.169.254", "10.0.0.1", "::ffff:1.1.1.1", "host.docker.internal", "localhost"]  # fmt: skip
        told = python(
            box,
            f"""
            import errno, re, socket
            now = (errno.ENETUNREACH, errno.ECONNREFUSED, errno.EADDRNOTAVAIL)
            servers = re.findall(r"^nameserver +(\\S+)", open("/etc/resolv.conf").read(), re.M)
            tried = 0
            for host, port in [*((host, {server.getsockname()[1]}) for host in {hosts!r}), *((s, 53) for s in servers)]:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    try:
                        found = socket.getaddrinfo(host, port, type=kind)
                    except socket.gaierror:
                        continue
                    for family, _, _, _, address in found:
                        inside = address[0].startswith(("127.", "::1"))
                        with socket.socket(family, kind) as s:
                            s.setblocking(inside)  # what is outside is refused in this very call, not after any wait
                            code = s.connect_ex(address)
                            tried += 1
                            if code not in now and not (inside and kind == socket.SOCK_DGRAM):
                                print(host, address, kind, errno.errorcode.get(code, "connected"))
            print(tried > 2 * 6, sorted(name for _, name in socket.if_nameindex()))
            """,
        )
        assert told == "True ['lo']\n"
    assert box.run("cat /proc/net/route | wc -l").stdout == b"1\n"


def test_loopback_works_for_the_tests_of_the_repository(box: Sandbox) -> None:
    told = python(
        box,
        """
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        server.accept()[0].sendall(b"hi"); print(client.recv(2))
        """,
    )
    assert told == "b'hi'\n"


def test_the_runner_cannot_be_killed_read_traced_or_written(open_box: Opener) -> None:
    box = open_box()
    told = python(
        box,
        """
        import ctypes, os, signal
        for number in range(1, 65):
            try: os.kill(1, number); print("signalled", number)
            except (PermissionError, OSError): pass
        for name, mode in (("mem", "rb"), ("mem", "r+b"), ("environ", "rb"), ("maps", "r"), ("fd/0", "rb"),
                           ("fd/1", "wb"), ("root/etc/shadow", "rb"), ("oom_score_adj", "w"), ("clear_refs", "w")):
            try:
                with open(f"/proc/1/{name}", mode) as file:
                    if "r" in mode: file.read(1)
                    else: file.write("x" if mode == "w" else b"x")
                print("opened", name, mode)
            except OSError: pass
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.ptrace(16, 1, 0, 0), libc.process_vm_readv(1, 0, 0, 0, 0, 0))
        """,
    )
    assert told == "-1 -1\n"
    assert box.run("kill -9 1; kill -STOP 1; kill -15 1; echo alive").stdout.endswith(b"alive\n")
    assert box.run("sleep 100 & kill -9 -1; wait; kill -9 $$").exit_code == 137
    assert box.run("python3 -c 'import os, signal; os.killpg(0, 9)'").exit_code == 137
    assert box.run("echo still here").stdout == b"still here\n"


def test_fake_frames_in_the_output_are_only_output(box: Sandbox) -> None:
    forged = b'LWR1\0\0\0\x10\0\0\0\0{"re":"run","id":' + b"1" * 20
    result = box.run("cat; printf '\\033]52;c;ZXZpbA==\\007\\033[2J'", stdin=forged * 50)
    assert result.stdout == forged * 50 + b"\x1b]52;c;ZXZpbA==\x07\x1b[2J"
    assert box.run("echo next").stdout == b"next\n"


def test_a_program_that_reads_its_parents_pipes_finds_none(box: Sandbox) -> None:
    told = python(box, "import os; print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))")
    assert told == "['0', '1', '2'] 4\n"


def test_the_engine_was_asked_for_nothing_more(open_box: Opener, docker_engine: DockerEngine) -> None:
    box = open_box(purpose="inspected")
    info = docker_engine.client.inspect_container(box.id)
    host = info["HostConfig"]
    assert (host["Privileged"], host["NetworkMode"], host["ReadonlyRootfs"], host["Binds"]) == (
        False,
        "none",
        True,
        None,
    )
    assert (host["CapDrop"], sorted(host["CapAdd"])) == (["ALL"], ["KILL", "SETGID", "SETUID"])
    assert (host["IpcMode"], host["PidMode"], host["UTSMode"], host["UsernsMode"]) == ("private", "", "", "")
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (2 << 30, 2 << 30, 512)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["LogConfig"]["Type"], host["AutoRemove"], host["Devices"]) == ("none", True, None)
    assert [mount["Type"] for mount in info["Mounts"]] == ["volume"]
    assert len(containers(docker_engine, run="tests", purpose="inspected")) == 1


def test_the_runtime_is_the_one_that_is_asked_for(open_box: Opener, docker_engine: DockerEngine) -> None:
    box = open_box(runtime="runc")
    assert docker_engine.client.inspect_container(box.id)["HostConfig"]["Runtime"] == "runc"
    with pytest.raises(SandboxUnavailable, match="no-such-runtime"):
        open_box(runtime="no-such-runtime")


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "../../etc"}, {"run": ""}, {"run": "a b"}, {"purpose": "x,y=z"}, {"workspace": "../x"}, {"run": "-rf"},
        {"runtime": "a b"},
        {"workspace": "a" * 80}, {"env": {"A=B": "c"}}, {"env": {"": "c"}}, {"env": {"A": "b\0c"}},
        {"image": "no/such:image"},
    ],
)  # fmt: skip
def test_a_spec_that_means_something_else_is_refused(open_box: Opener, changes: dict[str, object]) -> None:
    with pytest.raises(SandboxUnavailable):
        open_box(**changes)
