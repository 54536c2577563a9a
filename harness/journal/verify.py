"""Check the archive of a run: python verify.py RUN.lwa [SEQ:HASH]. Needs Python 3.8 and nothing else.

Each event's hash covers the event, its payload's digest, and the hash before it. SEQ:HASH is an anchor from outside:
the trailer Loopwright-Audit of the run's commit. Without one, whoever wrote the archive may have rewritten it whole.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from typing import Any


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check(path: str, anchor: str = "") -> tuple[list[str], int, int]:
    """(problems, events, erased payloads) of the archive at `path`."""
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        bodies = {}
        for line in archive.read("payloads.jsonl").splitlines():
            row = json.loads(line)
            bodies[row["digest"]] = row["body"]
        problems: list[str] = []
        erased, prev, at, epoch = 0, "0" * 64, 0, 0
        links: dict[int, str] = {}
        for line in archive.read("events.jsonl").splitlines():
            row = json.loads(line)
            at += 1
            link = {name: row[name] for name in ("seq", "epoch", "ts", "type", "payload", "prev")}
            # the header goes in as the bytes it is, in its place among the sorted keys
            text = canonical({**link, "run": manifest["id"], "v": 1, "hdr": "@"})
            text = text.replace(b'"hdr":"@"', b'"hdr":' + row["hdr"].encode(), 1)
            if row["seq"] != at:
                problems.append(f"event {at} is missing")
                break
            if hashlib.sha256(text).hexdigest() != row["hash"]:
                problems.append(f"event {at} was changed")
            if row["prev"] != prev or row["epoch"] < epoch:
                problems.append(f"event {at} does not follow the one before it")
            if row["payload"]:
                body = bodies.get(row["payload"])
                if body is None:
                    erased += 1
                elif hashlib.sha256((manifest["salt"] + body).encode()).hexdigest() != row["payload"]:
                    problems.append(f"the payload of event {at} was changed")
            prev, epoch = row["hash"], row["epoch"]
            links[at] = prev
    if (at, prev) != (manifest["seq"], manifest["head"]):
        problems.append("the last events are missing")
    if anchor:
        seq, _, digest = anchor.partition(":")
        if links.get(int(seq)) != digest:
            problems.append(f"the anchor {anchor} does not hold: events were cut off or rewritten")
    return problems, at, erased


if __name__ == "__main__":
    found, events, gone = check(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    for problem in found:
        print(problem)  # this file is a program, shipped in every archive
    print(f"{events} events, {gone} payloads erased: {'broken' if found else 'the chain holds'}")
    sys.exit(1 if found else 0)
