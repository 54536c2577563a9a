"""The catalog: packaged prices, the user's additions, and refusals that say what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.models import CatalogError, Price, Tier, UnpricedModel, load


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text)
    return path


def test_every_packaged_price_stands_in_a_plausible_relation() -> None:
    catalog = load()
    assert catalog.dated == "2026-11-22"
    assert len(catalog.profiles) >= 16
    for profile in catalog.profiles.values():
        price = profile.price
        assert price.output == 5 * price.input
        assert price.cache_write_5m == price.input * 5 // 4
        assert price.cache_write_1h == price.input * 2
        assert price.cache_read is not None
        assert price.input // 50 < price.cache_read <= price.input // 10
        assert profile.cache
        assert profile.max_output < profile.context


def test_the_two_models_of_the_defaults_are_as_published() -> None:
    catalog = load()
    assert catalog.profile("claude-sonnet-5-5").price == Price(
        input=2_000_000, output=10_000_000, cache_write_5m=2_500_000, cache_write_1h=4_000_000, cache_read=100_000
    )
    haiku = catalog.profile("haiku-5-5")
    assert haiku.name == "claude-haiku-5-5"
    assert haiku.tiers == (Tier(over=100_000, percent=500),)


@pytest.mark.parametrize("name", ["claude-fable-5-2", "mythos-5-2"])
def test_a_model_whose_price_nobody_published_is_refused(name: str) -> None:
    with pytest.raises(UnpricedModel) as refused:
        load().profile(name)
    assert refused.value.why == "its price is not published"


def test_an_unknown_model_is_refused_with_the_nearest_and_the_fix() -> None:
    with pytest.raises(UnpricedModel) as refused:
        load().profile("claude-sonet-5-5")
    assert refused.value.name == "claude-sonet-5-5"
    assert refused.value.near[0] == "claude-sonnet-5-5"
    assert "claude-sonnet-5-5" in refused.value.fix
    assert "models.toml" in refused.value.fix


def test_a_price_for_an_unpriced_model_is_all_it_needs(tmp_path: Path) -> None:
    path = written(tmp_path, "[models.claude-fable-5-2]\nprice = { input = 11_000_000, output = 55_000_000 }")
    profile = load(path).profile("claude-fable-5-2")
    assert profile.price.input == 11_000_000
    assert (profile.context, profile.thinking) == (1_000_000, True)


def test_a_local_server_is_declared_with_prices_of_zero(tmp_path: Path) -> None:
    text = """
    [models."qwen3-coder:30b"]
    base_url = "http://127.0.0.1:11434/v1/"
    price = { input = 0, output = 0 }
    context = 65_536
    max_output = 8_192
    """
    profile = load(written(tmp_path, text)).profile("qwen3-coder:30b")
    assert profile.base_url == "http://127.0.0.1:11434"
    assert not any((profile.cache, profile.thinking, profile.format, profile.effort))


def test_single_fields_of_a_packaged_model_can_be_overridden(tmp_path: Path) -> None:
    text = "[models.claude-sonnet-5-5]\nprice = { cache_read = 200_000 }\ncontext = 200_000"
    profile = load(written(tmp_path, text)).profile("claude-sonnet-5-5")
    assert (profile.price.input, profile.price.cache_read, profile.context) == (2_000_000, 200_000, 200_000)


def test_a_model_without_a_price_stays_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "[models.free]\ncontext = 1000\nmax_output = 100")
    with pytest.raises(UnpricedModel):
        load(path).profile("free")


WHOLE = "context = 1000\nmax_output = 100\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.a]\nbase_ulr = 'http://x'\n", "Did you mean `base_url`"),
        ("[model.a]\n", "Did you mean `models`"),
        ("[models.a]\nprice = { imput = 0, output = 0 }\n" + WHOLE, "Did you mean `input`"),
        ("[models.a]\nprice = { input = 0, output = 0 }\ntiers = [{ above = 1, percent = 2 }]\n" + WHOLE, "above"),
        ("[models.a]\nprice = { input = 0 }\n" + WHOLE, "output"),
        ("[models.a]\nprice = { input = 0, output = 0 }\n", "context"),
        ("[models.a]\nprice = { input = 2.5, output = 0 }\n" + WHOLE, "whole micro-dollars"),
        ("[models.a]\nprice = { input = -1, output = 0 }\n" + WHOLE, ">= 0"),
        ("[models.a]\nprice = { input = 2, output = 10 }\n" + WHOLE, "less than any model costs"),
        ("[models.a]\nprice = 5\n" + WHOLE, "price"),
        ("[models.a]\nprice = { input = 0, output = 0 }\nbase_url = 'ftp://x'\n" + WHOLE, "no address"),
        ("[models.a]\nname = 'b'\n", "unknown key `name`"),
        ("models = 5\n", "table"),
        ("[models]\na = 5\n", "table"),
    ],
)
def test_a_mistake_in_the_users_file_is_told_with_the_way_out(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(CatalogError) as wrong:
        load(path)
    assert words in str(wrong.value)
    assert str(path) in wrong.value.what
    assert wrong.value.fix


def test_malformed_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as wrong:
        load(written(tmp_path, "[models.a]\ncontext = 5\nprice = {\n"))
    assert wrong.value.line == 3
    assert "line 3" in wrong.value.why


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml").profiles == load().profiles
    (tmp_path / "models.toml").write_bytes(b"\xff\xfe[models]")
    with pytest.raises(CatalogError, match="UTF-8"):
        load(tmp_path / "models.toml")


def test_the_room_opens_without_the_sdk() -> None:
    code = "import harness.models, sys; print({'anthropic', 'httpx2', 'pydantic', 'docker'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
