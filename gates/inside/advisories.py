"""Runs inside a clean room, by the image's own Python: the advisories that name the wanted packages."""

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path


def documents(place: str, ecosystem: str) -> Iterator[bytes]:
    """Every advisory of an ecosystem. Raises `FileNotFoundError` when there is no source for it."""
    archive, directory = Path(place, f"{ecosystem}.zip"), Path(place, ecosystem)
    if archive.is_file():
        with zipfile.ZipFile(archive) as opened:
            yield from (opened.read(name) for name in opened.namelist() if name.endswith(".json"))
    else:
        if not directory.is_dir():
            raise FileNotFoundError(ecosystem)
        yield from (path.read_bytes() for path in sorted(directory.glob("*.json")))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    orders = json.loads(sys.stdin.buffer.read())
    sources, records = [], []
    for ecosystem, names in orders["wanted"].items():
        wanted = {normal(name) for name in names}
        quick = re.compile(b"|".join(re.escape(name.split("-")[0].encode()) for name in wanted), re.IGNORECASE)
        try:
            for data in documents(orders["place"], ecosystem):
                if quick.search(data):  # most advisories name none of them: they are not even parsed
                    record = json.loads(data)
                    if any(normal(a.get("package", {}).get("name", "")) in wanted for a in record.get("affected", ())):
                        records.append(record)
        except FileNotFoundError:
            continue
        sources.append(ecosystem)
    json.dump({"sources": sources, "records": records}, sys.stdout)


main()
