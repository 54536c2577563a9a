"""Foreign text: what terminals, readers and secrets can be attacked with is gone, and nothing else is."""

import base64
import json
import re
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clean import Cleaner, clean, redact

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)
NASTY = [
    "\x1b", "\x1b[", "\x1b]", "\x1bP", "\x9b", "\x9d", "\x9c", "\x07", "\x1b\\", "\r", "\n", "\r\n", "\t", "0;1m",
    "m", "52;c;aGk=",
    "\u200b", "\u202e", "\u2066", "\ufeff", "\ufe0f", "\u2028", "\udc80", "\ud800", "\U000e0041", "é",
    "⚠", "a", " ", "[31m", "\x00", "\x7f",
]  # fmt: skip
nasty_text = st.one_of(st.text(), st.lists(st.sampled_from(NASTY), max_size=30).map("".join))


@given(nasty_text)
def test_cleaning_leaves_nothing_forbidden_and_is_idempotent(text: str) -> None:
    once = clean(text)
    assert not FORBIDDEN.search(once)
    assert clean(once) == once
    once.encode()


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from("\n\t")))
def test_plain_text_is_untouched(text: str) -> None:
    assert clean(text) is text


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u3164\uffa0\u115f\u1160")))
def test_letters_of_every_script_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[38;5", ""),
        ("\x9b2Jx", "x"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cm0gLXJm\x07clipboard", "clipboard"),
        ("\x1bPq#0;2;0;0;0\x1b\\sixel", "sixel"),
        ("\x1b_Gf=100;AAAA\x1b\\kitty", "kitty"),
        ("\x1b(0lqk\x1b(B", "lqk"),
        ("\x1bc reset", " reset"),
        ("a\x08b\x00c\x7fd", "abcd"),
        ("one\r\ntwo\rthree\r\r\nfour", "one\ntwo\nthree\nfour"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("ad\u200bmin\ufeff", "admin"),
        ("tag\U000e0068\U000e0069", "tag"),
        ("\udce9", "\ufffd"),
        ("⚠\ufe0f ok", "⚠\ufe0f ok"),
        ("⚠" + "\ufe0e\ufe0f" * 40, "⚠\ufe0e"),
        ("tab\tstays\n", "tab\tstays\n"),
    ],
)
def test_sequences(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_an_unterminated_string_sequence_hides_nothing_after_it() -> None:
    """A program that prints the start of a title must not make the rest of its output vanish from the record."""
    assert "FAILED test_a" in clean("\x1b]0;\nFAILED test_a\n")
    assert "FAILED test_a" in clean("\x1bP FAILED test_a")
    assert "FAILED test_a" in clean("\x9d FAILED test_a \x1b[0m")


def test_an_overwritten_line_keeps_both_texts() -> None:
    assert clean("rm -rf /\rls      ") == "rm -rf /\nls      "


SECRETS = {
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws key": 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
    "github": "ghp_" + "a1B2" * 9,
    "github pat": "github_pat_" + "A1b2" * 8 + "_" + "x" * 30,
    "gitlab": "glpat-" + "Zx9_" * 5,
    "anthropic": "sk-ant-api03-" + "q-W_" * 10,
    "openai": "sk-proj-" + "aB3_" * 12,
    "openai old": "sk-" + "a1B2" * 12,
    "slack": "xoxb-123456789012-abcdefABCDEF",
    "slack hook": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "google": "AIza" + "Sy-_" * 8 + "abc",
    "stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "npm": "npm_" + "a1B2" * 9,
    "azure": "AccountKey=" + "Ab3/" * 21 + "Ab==",
    "docker": "dckr_pat_" + "aB3-" * 7,
    "huggingface": "hf_" + "aB3c" * 8,
    "sendgrid": "SG." + "aB3c" * 5 + "." + "dE4f" * 10,
    "pypi": "pypi-AgEIcHlwaS5vcmc" + "a-B_" * 12,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "bearer": "Authorization: Bearer mF_9.B5f-4.1JqMxxxxxxxxxx",
    "basic": "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Z2hzXzEyMw==",
    "url": "postgres://app:s3cr3tpw@db.internal:5432/x",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA1234567890abcdef\n" * 6
    + "-----END RSA PRIVATE KEY-----",
    "pem cut": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
    "pem json": '"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEF\\n-----END PRIVATE KEY-----\\n"',
}
CORES = {
    "aws key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "slack hook": "T00000000", "bearer": "mF_9.B5f",
    "url": "s3cr3tpw", "basic": "eC1hY2Nlc3M", "pem": "MIIEpAIBAAK", "pem cut": "b3BlbnNzaC1r",
    "pem json": "MIIEvQIBADAN",
}  # fmt: skip


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "x = '{}'\n", "log: {} end", "({})", "a\n{}\nb"])
def test_credentials_are_recognised_by_their_shape(kind: str, frame: str) -> None:
    text, count = redact(frame.format(SECRETS[kind]))
    assert count >= 1
    assert CORES.get(kind, SECRETS[kind]) not in text
    assert redact(text) == (text, 0)


@pytest.mark.parametrize(
    "innocent",
    [
        "task-management-system-with-a-long-name-and-no-secret",
        "https://example.com/a:b@c",
        "https://user@example.com/path",
        "git+ssh://git@github.com/a/b.git",
        "https://$USER:$TOKEN@host/",
        "Bearer authentication-is-required-here-always",
        "The bearer of this letter",
        "sk-learn is a library; disk-usage-analyzer-tool-for-linux-systems",
        "npm_config_registry and pypi-server and npm_lifecycle_event",
        "eyJust an ordinary word.eyJ",
        "deadbeef" * 5,
        "d41d8cd98f00b204e9800998ecf8427e sha256:" + "ab" * 32,
        "AKIA is a prefix, AKIAlowercase is none",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "test_live_update test_sk_live_mode whsec_",
        "def redact(text: str, secrets: Sequence[str] = ()) -> tuple[str, int]:",
    ],
)
def test_ordinary_text_is_not_redacted(innocent: str) -> None:
    assert redact(innocent) == (innocent, 0)


secrets = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8, max_size=40).map(
    lambda text: text + "7"
)


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_an_exact_secret_is_found_in_base64_at_any_offset(secret: str, before: bytes, after: bytes) -> None:
    for coder in (base64.b64encode, base64.urlsafe_b64encode):
        coded = coder(before + secret.encode() + after).decode()
        shown, count = redact(coded, [secret])
        assert count >= 1
        missing = 24 // 6 + 1  # at most the edges, which the neighbours share, are left
        assert len(shown.replace("[redacted:secret]", "")) <= len(coded) - len(secret) + missing


@given(secrets, st.text(max_size=20))
def test_an_exact_secret_is_found_in_every_coding(secret: str, around: str) -> None:
    if "[redacted" in secret or secret in "[redacted:secret]":
        return
    cleaner = Cleaner([secret])
    quoted = (urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), urllib.parse.quote_plus(secret))
    for form in (secret, *quoted, json.dumps(secret)[1:-1]):
        shown = cleaner(f"{clean(around)} {form} {clean(around)}")
        assert secret not in shown.replace("[redacted:secret]", "")
        assert "[redacted:" in shown


def test_a_secret_that_is_split_by_invisible_characters_is_found() -> None:
    token = SECRETS["github"]
    assert "a1B2" not in Cleaner()(token[:10] + "\u200b" + token[10:20] + "\x1b[0m" + token[20:])
    assert Cleaner(["hunter2-hunter2"])("hunter2\u2060-hunter2") == "[redacted:secret]"


@pytest.mark.parametrize("secret", ["", " ", "a", "redact", "secret", "[redacted:secret]", "plain", "with", "TEXT"])
def test_a_secret_that_is_none_does_not_destroy_the_text(secret: str) -> None:
    cleaner = Cleaner([secret])
    once = cleaner("a plain text with ghp_" + "x" * 36)
    assert once == "a plain text with [redacted:github]"
    assert cleaner(once) == once


BEGINNINGS = [
    "AccountKey=" + "a" * 39, "hf_" + "a" * 29, "SG." + "a" * 20 + ".", "dckr_pat_a",
    "eyJ", "eyJ-", "sk-", "sk-ant-", "ghp_", "://", "://a:", "\x1b]", "\x9d", "\x1b[", "\r", "xox", "npm_", "a@",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "PRIVATE KEY", "Bearer a.", "AKIA", "aws_secret_access_key=",
    "whsec_", "\ufe0f", "Authorization: ",
]  # fmt: skip
fragments = st.sampled_from([*SECRETS.values(), *NASTY, *BEGINNINGS, "hunter2hunter2", "[redacted:", "]"])


@given(st.lists(fragments | st.text(max_size=4), max_size=12).map("".join))
def test_the_cleaner_is_idempotent_on_adversarial_text(text: str) -> None:
    """What a model was told, cleaned, is stored byte for byte: resuming depends on it."""
    cleaner = Cleaner(["hunter2hunter2", "Bearer-token-9"])
    once = cleaner(text)
    assert cleaner(once) == once
    assert "hunter2hunter2" not in once


@given(st.text())
def test_redacted_json_stays_json(text: str) -> None:
    document = json.dumps({"text": text, "key": SECRETS["pem"], "cut": SECRETS["pem cut"], "url": SECRETS["url"]})
    shown = json.loads(Cleaner()(document))
    assert shown["key"] == "[redacted:private-key]"
    assert shown["cut"] == "[redacted:private-key]"


@pytest.mark.parametrize("piece", BEGINNINGS)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """A megabyte of each beginning: with a quadratic pattern this test would not end."""
    text = piece * (1_000_000 // len(piece))
    assert len(Cleaner(["hunter2hunter2"])(text)) <= len(text)


@pytest.mark.parametrize(("secret", "found"), [("postgres", False), ("Postgres", False), ("postgres1", True),
                                               ("pOstGres", True), ("correcthorsebatterystaple", True)])  # fmt: skip
def test_a_password_that_is_a_plain_word_is_not_hunted_through_every_path(secret: str, found: bool) -> None:
    assert (redact(f"/var/lib/{secret}/data", [secret])[1] == 1) is found
