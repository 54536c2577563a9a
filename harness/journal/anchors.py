"""Anchors: what stands outside of the journal and says how it stood, so that cut tails and rewritten chains show.

A chain of hashes alone cannot show either: whoever can write the file can compute it anew. Two anchors can. The
trailers `Loopwright-Run` and `Loopwright-Audit` of a commit, which whoever fetched the branch has as well. And
checkpoints: the Merkle root (RFC 6962) over the heads of all runs, as the text of a C2SP tlog-checkpoint, signed by
`ssh-keygen -Y sign`.
"""

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from harness.journal.base import JournalError

ORIGIN, NAMESPACE = "loopwright.dev/journal", "loopwright-audit"


class Anchor(msgspec.Struct, frozen=True):
    """That event `seq` of `run` had this hash; `where` says who says so."""

    run: str
    seq: int
    hash: str
    where: str = ""


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed statement of how every run stood. `signer` is empty when nobody known signed it, `why` says more."""

    path: Path
    leaves: tuple[Anchor, ...]
    signer: str
    why: str


class CheckpointRefused(JournalError):
    """A checkpoint could not be made or does not hold in itself: what, why, fix."""


class Heads(Protocol):
    """What an anchor is held against."""

    def link(self, run: str, seq: int) -> str: ...


def broken(journal: Heads, anchors: Iterable[Anchor]) -> tuple[str, ...]:
    """What the anchors speak against, in words."""
    found = []
    for anchor in anchors:
        link = journal.link(anchor.run, anchor.seq)
        if link != anchor.hash:
            how = "was rewritten" if link else "is gone: the run was cut off or removed"
            found.append(f"event {anchor.seq} of run {anchor.run} {how} ({anchor.where})")
    return tuple(found)


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def write(directory: Path, heads: Sequence[Anchor], key: Path, stamp: str) -> Path:
    """Write and sign a checkpoint of these heads, and return its file; its leaves and signature lie beside it.

    `key` is a private key of ssh, or a public one whose private half an agent holds. Raises `CheckpointRefused`.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = (stamp, *(f"{stamp}-{n}" for n in range(2, 1_000)))
    path = next(each for each in (directory / f"{name}.checkpoint" for name in names) if not each.exists())
    leaves = [_leaf(head) for head in heads]
    try:
        path.with_suffix(".leaves").write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
        path.write_text(f"{ORIGIN}\n{len(leaves)}\n{base64.b64encode(root(leaves)).decode()}\n")
        _ssh(("-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(path)), b"", "name a key with --key")
    except BaseException:  # half of a checkpoint would be found broken ever after
        for each in (path.with_suffix(".leaves"), path, path.with_name(f"{path.name}.sig")):
            each.unlink(missing_ok=True)
        raise
    return path


def read(path: Path, signers: Path | None = None) -> Checkpoint:
    """A checkpoint whose leaves and signature belong to it. Raises `CheckpointRefused`.

    `signers` is a file as ssh-keygen's ALLOWED SIGNERS; without one nobody is known, and a signature only shows that
    the text is as its maker left it.
    """
    try:
        text = path.read_bytes()
        lines = path.with_suffix(".leaves").read_bytes().splitlines()
        origin, size, top, *_ = text.decode().split("\n")
    except (OSError, ValueError) as error:
        raise CheckpointRefused(f"{path} is no checkpoint", str(error), "its .leaves and .sig lie beside it") from None
    if origin != ORIGIN or size != str(len(lines)) or base64.b64encode(root(lines)).decode() != top:
        raise CheckpointRefused(
            f"the checkpoint {path.name} does not hold", "its leaves are not those that were signed"
        )
    anchors = []
    for line in lines:
        run, _, rest = line.decode("utf-8", "replace").partition(" ")
        seq, _, link = rest.partition(" ")
        if not seq.isdecimal() or len(seq) > 18:
            raise CheckpointRefused(f"the checkpoint {path.name} does not hold", "its leaves name no events")
        anchors.append(Anchor(run, int(seq), link, f"checkpoint {path.name}"))
    signer, why = _signer(path, text, signers)
    return Checkpoint(path, tuple(anchors), signer, why)


def _signer(path: Path, text: bytes, signers: Path | None) -> tuple[str, str]:
    sig = str(path.with_name(f"{path.name}.sig"))
    if signers is None:
        said = _ssh(("-Y", "check-novalidate", "-n", NAMESPACE, "-s", sig), text, "it was changed after it was signed")
        return "", said.strip().splitlines()[-1] if said.strip() else ""
    who = _ssh(("-Y", "find-principals", "-f", str(signers), "-s", sig), text, "no known signer signed it").split()[0]
    said = _ssh(
        ("-Y", "verify", "-f", str(signers), "-I", who, "-n", NAMESPACE, "-s", sig), text, "the signature does not hold"
    )
    return who, said.strip()


def _leaf(anchor: Anchor) -> bytes:
    return f"{anchor.run} {anchor.seq} {anchor.hash}".encode()


def _ssh(args: Sequence[str], stdin: bytes, fix: str) -> str:
    try:
        done = subprocess.run(
            ["ssh-keygen", *args], input=stdin, capture_output=True, timeout=60, check=False, env=dict(os.environ)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckpointRefused("ssh-keygen cannot be used", str(error), "install OpenSSH 8.1 or newer") from None
    if done.returncode:
        why = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise CheckpointRefused(f"the checkpoint's signature: ssh-keygen {args[1]} says no", why, fix)
    return done.stdout.decode(errors="replace")
