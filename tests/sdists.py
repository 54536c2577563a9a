"""Source distributions from the package index, kept between test runs."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SHELF = Path(os.environ.get("TMPDIR", "/tmp")) / "loopwright-sdists"


def unpacked(package: str, under: Path) -> Path:
    """The unpacked source distribution of `name==version`, fetched once."""
    archive = SHELF / f"{package.replace('==', '-')}.tar.gz"
    if not archive.exists():
        SHELF.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SHELF) as fresh:
            fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*fetch, "-d", fresh, package], check=True)
            shutil.move(next(Path(fresh).iterdir()), archive)
    with tarfile.open(archive) as tar:
        tar.extractall(under, filter="data")
    return next(path for path in under.iterdir() if path.is_dir())
