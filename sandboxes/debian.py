"""A root file system without any registry: debootstrap from the mirror this machine itself uses."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import msgspec

from sandboxes.base import ImageFailed

Log = Callable[[str], None]

PACKAGES = ("ca-certificates", "git", "python3", "python3-venv")
SUITE = "bookworm"
"""Debian's, where the host is neither Debian nor Ubuntu and so gives no hint."""
SECONDS = 1_800
"""How long a tool of the host may take."""
COMPONENTS = {"debian": "main", "ubuntu": "main,universe"}
UNUSED = ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
"""What an image without people does not need; most of its small files."""


class Origin(msgspec.Struct, frozen=True):
    """What to bootstrap and from where; an empty mirror means debootstrap's default."""

    family: str
    suite: str
    mirror: str


def origin(root: Path = Path("/")) -> Origin:
    """This machine's own distribution and mirror, or Debian's."""
    release = os_release(root)
    family, suite = release.get("ID", ""), release.get("VERSION_CODENAME", "")
    if family not in COMPONENTS or not suite:
        return Origin("debian", SUITE, "")
    return Origin(family, suite, mirror(root, suite))


def os_release(root: Path) -> dict[str, str]:
    try:
        text = (root / "etc/os-release").read_text()
    except OSError:
        return {}
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in text.splitlines())}


def mirror(root: Path, suite: str) -> str:
    """The first source of exactly this suite in apt's lists, in either of their formats (sources.list(5))."""
    lists = root / "etc/apt"
    for path in (lists / "sources.list", *sorted((lists / "sources.list.d").glob("*"))):
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        for uri, suites in sources(text) if path.suffix == ".sources" else lines(text):
            if suite in suites.split() and re.match(r"https?://", uri):
                return uri
    return ""


def sources(text: str) -> Iterator[tuple[str, str]]:
    """The deb822 format: paragraphs of fields."""
    plain = re.sub(r"^#.*\n?", "", text, flags=re.M)
    for paragraph in re.split(r"\n\s*\n", plain):
        fields = dict(re.findall(r"^(\w[\w-]*):\s*(.*)$", paragraph, flags=re.M))
        if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").lower() != "no":
            for uri in fields.get("URIs", "").split():
                yield uri, fields.get("Suites", "")


def lines(text: str) -> Iterator[tuple[str, str]]:
    """The one-line format: `deb [options] uri suite components`."""
    for found in re.finditer(r"^\s*deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)", text, flags=re.M):
        yield found[1], found[2]


def bootstrap(client: docker.APIClient, home: Path, labels: dict[str, str], log: Log) -> tuple[str, str]:
    """Import a fresh root file system: (image id, where it came from). Needs root and debootstrap."""
    fix = "let the engine reach a registry, or run `loopwright image build` as root with debootstrap installed"
    if os.geteuid() != 0:
        raise ImageFailed("no base image", "no registry answers, and building one here needs root", fix)
    if not shutil.which("debootstrap"):
        raise ImageFailed("no base image", "no registry answers, and debootstrap is not installed", fix)
    source = origin()
    # Not in /tmp, which is often mounted without devices; debootstrap needs some.
    with tempfile.TemporaryDirectory(prefix="root-", dir=home, ignore_cleanup_errors=True) as scratch:
        root = Path(scratch, "root")
        command = [
            "debootstrap", "--variant=minbase", f"--components={COMPONENTS[source.family]}",
            f"--include={','.join(PACKAGES)}", source.suite, str(root), *filter(None, [source.mirror]),
        ]  # fmt: skip
        try:
            run(command, log)
        finally:  # a failed one leaves them mounted, and what is removed next should be our files alone
            for name in ("proc", "sys"):
                subprocess.run(["umount", "-l", str(root / name)], stderr=subprocess.DEVNULL, check=False)
        for name in UNUSED:
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir(parents=True, exist_ok=True)
        return import_tree(client, root, labels), f"debootstrap {source.family} {source.suite}"


def run(command: list[str], log: Log) -> None:
    """Run a tool of the host, its output passed on; `ImageFailed` with the end of it."""
    last: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as tool:
        alarm = threading.Timer(SECONDS, os.killpg, (tool.pid, signal.SIGKILL))
        alarm.daemon = True
        alarm.start()
        try:
            for line in tool.stdout or ():
                last = [*last[-40:], line.rstrip()]
                log(line.rstrip())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(tool.pid, signal.SIGKILL)
            raise
        finally:
            alarm.cancel()
    if tool.returncode:
        raise ImageFailed(
            f"{command[0]} ended with {tool.returncode}",
            "\n".join(last),
            "see that the package mirror can be reached",
        )


def import_tree(client: docker.APIClient, root: Path, labels: dict[str, str]) -> str:
    """Make an image of a directory, streamed; returns its id."""
    changes = [f'LABEL "{name}"="{value}"' for name, value in labels.items()]
    with subprocess.Popen(
        ["tar", "-C", str(root), "--numeric-owner", "--one-file-system", "-c", "."], stdout=subprocess.PIPE
    ) as tar:
        text = str(client.import_image_from_stream(tar.stdout, changes=changes))
    found = re.findall(r"sha256:[0-9a-f]{64}", text)
    if tar.returncode or not found:
        raise ImageFailed("the base image could not be imported", text[-500:], "run `loopwright doctor`")
    return str(found[-1])
