"""The wheel works from an empty directory, with nothing of the source tree around."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.conftest import ROOT


def test_the_wheel_installs_and_speaks(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = set(zipfile.ZipFile(wheel).namelist())
    data = (
        "tui/styles.tcss",
        "harness/journal/journal.sql",
        "harness/models/models.toml",
        "harness/agent/prompts/maker.md",
    )
    assert names.issuperset(data)
    assert not [name for name in names if name.startswith(("tests/", "bench/", "demo/"))]
    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=False)
    packages = next((tmp_path / "venv" / "lib").iterdir()) / "site-packages"
    # dependencies from this environment, the harness from its wheel alone
    here = Path(next(path for path in sys.path if path.endswith("site-packages")))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(packages), str(wheel)], check=True
    )
    (packages / "dependencies.pth").write_text(f"{here}\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(empty), "LOOPWRIGHT_HOME": str(tmp_path / "home")}
    python = str(tmp_path / "venv" / "bin" / "python")

    def loopwright(*args: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-c", "from harness.cli import main; main()", *args]
        return subprocess.run(command, cwd=empty, env=environ, capture_output=True, text=True, check=False)

    place = [python, "-c", "import harness; print(harness.__file__)"]
    where = subprocess.run(place, cwd=empty, env=environ, capture_output=True, text=True, check=True).stdout
    assert where.startswith(str(packages))
    helped = loopwright("--help")
    assert helped.returncode == 0
    assert "Pursue a goal" in helped.stdout
    assert loopwright("ls").stdout.startswith("No runs yet")
    data = "import harness.agent, harness.models; harness.agent.prompt('maker'); print(harness.models.load().dated)"
    assert subprocess.run([python, "-c", data], cwd=empty, env=environ, capture_output=True, check=True).stdout.strip()


def test_looking_imports_nothing_heavy(tmp_path: Path) -> None:
    """`--help`, `ls` and `show` pay for none of the SDK, Docker, Textual and GitPython."""
    code = (
        "import sys; sys.argv = ['loopwright', *sys.argv[1:]]\n"
        "from harness.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'anthropic', 'docker', 'textual', 'git', 'rich', 'unidiff'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    for command in (["--help"], ["ls"], ["show", "x"], ["log", "x"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command],
            env={**os.environ, "LOOPWRIGHT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "HEAVY []" in done.stdout, (command, done.stdout, done.stderr)
