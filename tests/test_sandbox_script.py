"""scripts/docker.sh and finding an engine: what answers is used, what is not ours is not stopped."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandboxes import engine
from sandboxes.base import SandboxUnavailable, Spec
from sandboxes.connect import candidates
from sandboxes.docker import DockerEngine

SCRIPT = Path(__file__).parent.parent / "scripts/docker.sh"


def script(command: str, state: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"LOOPWRIGHT_DOCKER_STATE": str(state)} | environ
    return subprocess.run([SCRIPT, command], env=env, capture_output=True, text=True, check=False)


def test_an_engine_that_answers_is_used_and_never_stopped(tmp_path: Path) -> None:
    started = script("start", tmp_path)
    assert (started.returncode, "using the Docker engine that answers" in started.stderr) == (0, True)
    assert list(tmp_path.iterdir()) == []
    stopped = script("stop", tmp_path)
    assert (stopped.returncode, "nothing to stop" in stopped.stderr) == (0, True)
    status = script("status", tmp_path)
    assert (status.returncode, status.stdout.startswith("running: Docker ")) == (0, True)


def test_stop_spares_a_process_that_only_has_the_number(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (tmp_path / "dockerd.pid").write_text(str(bystander.pid))
        assert "nothing to stop" in script("stop", tmp_path).stderr
        assert bystander.poll() is None
        bystander.kill()
    assert not (tmp_path / "dockerd.pid").exists()


def test_a_host_that_was_chosen_and_is_silent_is_an_error_with_its_fix(tmp_path: Path) -> None:
    dead = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    started = script("start", tmp_path, **dead)
    assert started.returncode == 1
    assert f"DOCKER_HOST={dead['DOCKER_HOST']} does not answer" in started.stderr
    assert "fix: unset DOCKER_HOST" in started.stderr
    status = script("status", tmp_path, **dead)
    assert (status.returncode, status.stdout) == (1, "not running\n")


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    assert script("destroy", tmp_path).returncode == 1


@pytest.mark.parametrize("host", ["unix:///none.sock", "tcp://127.0.0.1:1", "nonsense"])
def test_no_engine_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    engine = DockerEngine(tmp_path)
    with pytest.raises(SandboxUnavailable) as refused:
        engine.open(Spec(image="x", seed=tmp_path, run="r", purpose="p"))
    assert refused.value.what == "no Docker engine answers"
    assert host in refused.value.why
    assert "DOCKER_HOST" in refused.value.fix
    (check,) = engine.probe()
    assert (check.name, check.ok, bool(check.why), bool(check.fix)) == ("docker", False, True, True)


def test_the_chosen_context_is_the_only_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert [how for how, _ in candidates()][0] == "unix:///var/run/docker.sock"

    name = hashlib.sha256(b"elsewhere").hexdigest()
    (tmp_path / "contexts/meta" / name).mkdir(parents=True)
    endpoint = {"Host": "unix:///elsewhere.sock", "SkipTLSVerify": False}
    meta = {"Name": "elsewhere", "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (tmp_path / "contexts/meta" / name / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "elsewhere"}))
    ((how, options),) = candidates()
    assert (how, options["base_url"]) == ("context elsewhere (unix:///elsewhere.sock)", "unix:///elsewhere.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert [how for how, _ in candidates()][0] == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_CONTEXT", "missing")
    with pytest.raises(SandboxUnavailable, match="no Docker context 'missing'"):
        list(candidates())
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    ((how, options),) = candidates()
    assert options["base_url"] == "tcp://10.0.0.1:2375"


def test_engines_are_found_by_name(tmp_path: Path) -> None:
    assert isinstance(engine("docker", tmp_path), DockerEngine)
    with pytest.raises(SandboxUnavailable, match="no sandbox engine 'podman'"):
        engine("podman", tmp_path)


def test_naming_the_room_does_not_import_docker() -> None:
    program = "import sys, sandboxes; print('docker' in sys.modules, 'requests' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "False False\n"
