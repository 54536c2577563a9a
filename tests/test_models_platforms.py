"""One model on many platforms: each of the SDK's clients asks the scripted server, and nothing of a key goes astray."""

from pathlib import Path

import msgspec
import pytest

from harness.events import Usage
from harness.models import CatalogError, Ledger, MessagesModel, ModelError, Profile, cost, load, worst
from harness.models.catalog import servers
from tests.models_support import KEY, LS, NAME, SONNET, TOOLS, Called, credentials, hello, playing
from tests.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials(monkeypatch, tmp_path)
    for name in ("AWS_REGION", "AWS_BEARER_TOKEN_BEDROCK", "CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUD_KEY", "cloud-key-0123456789")


def served(server: ScriptedServer, **fields: object) -> Profile:
    return msgspec.structs.replace(SONNET, base_url=server.url, key_env="CLOUD_KEY", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"platform": "bedrock", "region": "eu-north-1"},
        {"platform": "vertex", "region": "europe-west1", "project": "p-1"},
        {"platform": "foundry"},
        {"platform": "anthropic"},
    ],
)
def test_every_platform_is_asked_by_its_own_client_with_its_own_key(fields: dict[str, str]) -> None:
    with playing(LS, key="cloud-key-0123456789") as server:
        reply = MessagesModel(served(server, **fields)).attempt(hello(), timeout=30)
    assert server.breaches == []
    assert (reply.stop_reason, reply.usage.prompt > 0) == ("tool_use", True)
    assert all(KEY not in value for value in server.requests[0].headers.values())


def test_a_model_goes_by_another_name_where_it_is_served() -> None:
    wire = "anthropic.claude-sonnet-5-5"
    with ScriptedServer({wire: [[LS]]}) as server:
        profile = served(server, platform="bedrock", region="eu-north-1", model=wire)
        called = Called(MessagesModel(profile), Ledger(10**9, 10**9), profile)
    assert server.breaches == []
    assert called.reply is not None
    assert called.kinds() == ["ModelRequested", "ModelReplied"]


@pytest.mark.parametrize("platform", ["bedrock", "vertex"])
def test_without_region_or_key_nothing_is_sent(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_KEY")
    with playing(LS) as server, pytest.raises(ModelError) as failure:
        MessagesModel(served(server, platform=platform)).attempt(hello(), timeout=30)
    assert failure.value.kind == "auth"
    assert server.requests == []


def written(place: Path, text: str) -> Path:
    path = place / "models.toml"
    path.write_text(text)
    return path


def test_a_model_like_another_costs_what_that_costs_where_it_is_served(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[models.bedrock-opus]\nlike = "claude-opus-5-5"\nplatform = "bedrock"\nregion = "eu-north-1"\n'
        'model = "anthropic.claude-opus-5-5"\npercent = 110\n',
    )
    profile = load(file).profile("bedrock-opus")
    assert (profile.family, profile.wire_name, profile.context) == (
        "claude-opus-5-5", "anthropic.claude-opus-5-5", 1_000_000,
    )  # fmt: skip
    # (10 * 4 + 6,000 * 8 + 1,000 * 5 + 100 * 20) * 1.1
    usage = Usage(input=10, cache_write_1h=6_000, cache_write_5m=1_000, output=100)
    assert cost(profile, usage) == 60_544
    assert worst(profile, 1_000, 100) == 12_100  # (1,000 * 8 + 100 * 20) * 1.1 * 1.1
    assert load(file).profile(NAME).family == NAME


def test_local_servers_start_from_what_is_known_of_them(tmp_path: Path) -> None:
    for kind in servers():
        file = written(
            tmp_path,
            f'[models.mine]\nserver = "{kind}"\nprice = {{ input = 0, output = 0 }}\ncontext = 65_536\n'
            'max_output = 8_192\nbase_url = "http://127.0.0.1:9/v1"\n',
        )
        profile = load(file).profile("mine")
        assert [f for f in ("cache", "thinking", "format", "effort", "diagnostics") if getattr(profile, f)] == []
        assert profile.truncates == (kind == "ollama")
        assert profile.limits
        with ScriptedServer({"mine": [[LS]]}, strict=True) as server:
            asked = MessagesModel(msgspec.structs.replace(profile, base_url=server.url))
            assert asked.attempt(hello(tools=TOOLS, schema={"type": "object"}, previous="msg_1"), timeout=30).calls
        assert server.breaches == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('server = "olama"', "ollama"),
        ('like = "claude-nothing"', "no catalog"),
        ('like = "mine"', "itself like"),
        ('platform = "azure"', "azure"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, table: str, said: str) -> None:
    text = f"[models.mine]\n{table}\nprice = {{ input = 0, output = 0 }}\ncontext = 9\nmax_output = 9\n"
    with pytest.raises(CatalogError, match=said):
        load(written(tmp_path, text))
