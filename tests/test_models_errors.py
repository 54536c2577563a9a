"""What goes wrong between us and the server: which kind it is, what it may have cost, and what it never quotes."""

from pathlib import Path

import pytest

from harness.models import MessagesModel, ModelError
from tests.models_support import KEY, LS, SONNET, credentials, failed, hello, playing
from tests.scripted import Step


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("kind", "expected", "transient"),
    [
        ("overloaded_error", "overloaded", True),
        ("api_error", "server", True),
        ("rate_limit_error", "rate_limited", True),
        ("a_type_from_the_future", "server", True),
        ("authentication_error", "auth", False),
        ("billing_error", "credit", False),
        ("invalid_request_error", "bad_request", False),
    ],
)
def test_an_error_inside_a_200_is_judged_by_its_type_and_charged(kind: str, expected: str, transient: bool) -> None:
    with playing(Step(tools=LS.tools, error_after=-1, error=kind, message="sorry")) as server:
        error = failed(server)
    assert (error.kind, error.transient, error.charged, error.status) == (expected, transient, True, 200)
    assert "sorry" in error.message


@pytest.mark.parametrize(
    ("step", "kind", "charged"),
    [
        (Step(status=400), "bad_request", False),
        (Step(status=400, message="prompt is too long: 1000001 tokens > 1000000 maximum"), "too_large", False),
        (Step(status=400, message="Your credit balance is too low to access the API."), "credit", False),
        (Step(status=400, code="organization_on_hold"), "credit", False),
        (Step(status=401), "auth", False),
        (Step(status=402), "credit", False),
        (Step(status=403), "permission", False),
        (Step(status=404), "not_found", False),
        (Step(status=413), "too_large", False),
        (Step(status=422), "bad_request", False),
        (Step(status=429, code="enforced_spend_limit_reached"), "credit", False),
        (Step(status=429, code="ramp_limit_exceeded"), "rate_limited", False),
        (Step(status=429), "rate_limited", False),
        (Step(status=500), "server", False),
        (Step(status=502), "server", True),
        (Step(status=503), "server", False),
        (Step(status=504), "timeout", True),
        (Step(status=529), "overloaded", False),
        (Step(status=0), "unreachable", True),
    ],
)
def test_every_status_has_its_kind_and_says_whether_it_may_have_been_billed(
    step: Step, kind: str, charged: bool
) -> None:
    with playing(step) as server:
        error = failed(server)
    assert (error.kind, error.charged) == (kind, charged)
    assert step.message in error.message


@pytest.mark.parametrize(
    ("given", "expected"),
    [("7", 7.0), ("0.01", 0.01), ("-3", 0.0), ("nan", None), ("inf", None), ("soon", None), ("9e99", 9e99)],
)
def test_the_pause_the_server_asks_for_is_read(given: str, expected: float | None) -> None:
    with playing(Step(status=429, retry_after=given)) as server:
        assert failed(server).retry_after == expected


def test_the_pause_may_be_a_date() -> None:
    with playing(Step(status=429, retry_after="Fri, 31 Dec 2100 23:59:59 GMT")) as server:
        assert (failed(server).retry_after or 0) > 1_000_000


def test_nobody_listening_is_unreachable_and_costs_nothing() -> None:
    with playing(Step()) as server:
        pass
    error = failed(server)
    assert (error.kind, error.charged) == ("unreachable", False)
    assert "127.0.0.1" in error.message
    assert "ANTHROPIC_BASE_URL" in error.message


def test_an_answer_that_is_no_event_stream_is_told_as_a_wrong_address() -> None:
    with playing(Step()) as server, pytest.raises(ModelError) as wrong:
        MessagesModel(SONNET, base_url=f"{server.url}/v1").attempt(hello(), timeout=30)
    assert wrong.value.kind == "not_found"
    assert "/v1" in wrong.value.message


def test_no_credentials_are_told_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with playing(Step()) as server:
        error = failed(server)
        assert not server.requests
    assert (error.kind, error.charged) == ("auth", False)
    assert "ANTHROPIC_API_KEY" in error.message


@pytest.mark.parametrize("spoilt", [KEY + "\n", " " + KEY, KEY + "\u2026", f"{KEY}\r\nX-Evil: 1"])
def test_a_key_that_no_header_can_carry_is_refused_unquoted(monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", spoilt)
    with playing(Step()) as server:
        error = failed(server)
        assert not server.requests
    assert error.kind == "auth"
    assert "0123456789" not in error.message


@pytest.mark.parametrize("spoilt", ["X-Secret: hush\rhush", "X-Secret: hush\udce9"])
def test_custom_headers_that_cannot_be_sent_are_not_quoted_either(monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", spoilt)
    with playing(Step()) as server:
        error = failed(server)
        assert not server.requests
    assert error.kind == "bad_request"
    assert "hush" not in repr(error.args)
    assert error.__context__ is None


def test_a_server_that_quotes_the_key_does_not_bring_it_into_the_message() -> None:
    for step in (Step(status=401, message=f"bad key {KEY}!"), Step(text="a", error_after=1, message=f"bad {KEY}")):
        with playing(step) as server:
            error = failed(server)
        assert KEY not in str(error)
        assert KEY not in repr(error.args)
        assert "[key]" in error.message


@pytest.mark.parametrize("url", ["http://[::1", "localhost:80", "not a url"])
def test_a_base_url_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    with pytest.raises(ModelError, match="ANTHROPIC_BASE_URL") as error:
        MessagesModel(SONNET).attempt(hello(), timeout=5)
    assert not error.value.transient


def test_a_probe_spends_nothing_and_tells_a_server_that_takes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing(Step(), key=KEY) as server, playing(Step(), strict=True) as local:
        assert MessagesModel(SONNET, base_url=server.url).probe() is None
        assert MessagesModel(SONNET, base_url=local.url).probe() is None
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-key")
        wrong = MessagesModel(SONNET, base_url=server.url).probe()
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        none = MessagesModel(SONNET, base_url=server.url).probe()
        assert not server.requests
        monkeypatch.setenv("ANTHROPIC_API_KEY", "line\nend")
        spoilt = MessagesModel(SONNET, base_url=server.url).probe()
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    gone = MessagesModel(SONNET, base_url=server.url).probe()
    failures = (wrong, none, spoilt, gone)
    assert [failure and failure.kind for failure in failures] == ["auth", "auth", "auth", "unreachable"]
