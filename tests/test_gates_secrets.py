"""Planted credentials are found, and what only looks like one is left alone.

The planted ones are put together here from pieces, so that this file holds none.
"""

import hashlib
import random
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates import Gate
from gates.dependencies import dependency_notes
from gates.kinds import run
from gates.secrets import scan
from tests.gates_support import paper_room

LETTERS, UPPER = string.ascii_letters + string.digits, string.ascii_uppercase + string.digits


def some(n: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=n))


BODY = "\n".join(some(64, LETTERS + "+/", seed) for seed in range(3))
PLANTED = {
    "aws-access-key": "AK" + "IA" + some(16, UPPER),
    "aws-secret-key": f'aws_secret_access_key = "{some(40)}"',
    "github-token": "gh" + "p_" + some(36),
    "gitlab-token": "gl" + "pat-" + some(20),
    "anthropic-key": "sk-" + "ant-api03-" + some(95),
    "openai-key": "sk-" + "proj-" + some(48),
    "slack-token": "xo" + "xb-123456789012-" + some(24),
    "slack-webhook": "https://hooks.slack" + f".com/services/T{some(8, UPPER)}/B{some(8, UPPER)}/{some(24)}",
    "google-api-key": "AI" + "za" + some(35),
    "google-oauth": "GOC" + "SPX-" + some(28),
    "stripe-key": "sk_" + "live_" + some(24),
    "npm-token": "np" + "m_" + some(36),
    "pypi-token": "py" + "pi-AgEIcHlwaS5vcmc" + some(60),
    "sendgrid-key": "S" + "G." + some(22) + "." + some(43),
    "huggingface-token": "h" + "f_" + some(34),
    "digitalocean-token": "do" + "p_v1_" + some(64, "0123456789abcdef"),
    "azure-storage-key": "Account" + f"Key={some(86)}==",
    "twilio-key": "S" + "K" + some(32, "0123456789abcdef"),
    "jwt": f"ey{'J'}{some(30)}.ey{'J'}{some(60)}.{some(43)}",
    "private-key": f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{BODY}\n-----END RSA {'PRIVATE'} KEY-----",
    "url-credentials": f"postgres://svc:{some(14)}@db.prod.acme.io:5432/app",
    "random-value": f'SERVICE_TOKEN = "{some(32)}"',
}


def found(text: str, *, lenient: bool = False) -> set[str]:
    return {secret.rule for secret in scan(list(enumerate(text.split("\n"), 1)), lenient=lenient)}


@pytest.mark.parametrize("rule", PLANTED)
@pytest.mark.parametrize("around", ["{}", 'key = "{}"', "  - value: {}  # keep", "export X='{}'", "x" * 9_000 + " {} "])
def test_a_planted_credential_is_found(rule: str, around: str) -> None:
    assert rule in found(around.replace("{}", PLANTED[rule]))


@pytest.mark.parametrize("rule", sorted(set(PLANTED) - {"jwt", "twilio-key", "url-credentials", "random-value"}))
def test_in_tests_the_unmistakable_ones_are_still_found(rule: str) -> None:
    assert rule in found(PLANTED[rule], lenient=True)


@pytest.mark.parametrize(
    "text",
    [
        'AWS_KEY = "AKIAIOSFODNN7EXAMPLE"',
        'token = "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
        'api_key = os.environ["SERVICE_API_KEY"]',
        'api_key = "your-api-key-goes-here-please"',
        "password: ${{ secrets.DEPLOY_PASSWORD }}",
        'PASSWORD = "<the password from the vault>"',
        "postgres://user:password@localhost:5432/app",
        "https://user:hunter22@example.com/path",
        "redis://:${REDIS_PASSWORD}@cache:6379/0",
        'if "-----BEGIN PRIVATE KEY-----" in text: raise Leak',
        f'sha256 = "{hashlib.sha256(b"x").hexdigest()}"',
        f"numpy==1.26.4 --hash=sha256:{hashlib.sha256(b'y').hexdigest()}",
        f'"integrity": "sha512-{some(86)}=="',
        'token = tokenizer.next_token_after(previous_token, stop_words="and_or_not")',
        'SECRET_NAME = "projects/acme/secrets/database-password/versions/latest"',
        "password_hasher = django.contrib.auth.hashers.PBKDF2PasswordHasher",
        'TOKEN_URL = "https://login.acme.io/oauth2/v2.0/token"',
        "def test_token_expires_after_sixty_minutes_of_inactivity():",
        'credentials = load_credentials_from_file("/etc/service/credentials.json")',
        "commit 5f2b8c1d9e3a4f60718293a4b5c6d7e8f9012345",
        'ID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"',
        "password = getpass.getpass('Password for %s: ' % user)",
        "sk-learn-contrib-estimators-are-good",
        'API_KEY = "0123456789abcdef0123456789abcdef"',
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == set()


@given(st.text(max_size=3_000))
def test_any_text_can_be_scanned(text: str) -> None:
    assert isinstance(found(text), set)


@pytest.mark.parametrize("unit", ["eyJ-", "token=", "aws", "a://b:", "-----BEGIN RSA ", "SG.", "sk-"])
def test_text_made_to_be_slow_is_scanned_to_its_end(unit: str) -> None:
    planted = PLANTED["github-token"]
    assert "github-token" in found(unit * (200_000 // len(unit)) + f" {planted}")


SECURITY = Gate(name="security", kind="security")


def test_only_added_lines_count_and_the_secret_is_not_repeated() -> None:
    old, new = PLANTED["github-token"], PLANTED["stripe-key"]
    room = paper_room({"notes.txt": f"a\n{old}\n"}, {"notes.txt": f"{old}\nb = '{new}'\na\n"})
    (failure,) = run(SECURITY, room).failures
    assert (failure.path, failure.line) == ("notes.txt", 2)
    assert "stripe-key" in failure.message
    assert new not in repr(failure)


def test_the_commit_message_is_looked_at_too() -> None:
    room = msgspec.structs.replace(paper_room({}, {"a": "b"}), message=f"Use it\n\n{PLANTED['npm-token']}\n")
    (failure,) = run(SECURITY, room).failures
    assert failure.id.startswith("commit message: secret npm-token")
    assert (failure.line, "the commit message" in failure.message) == (3, True)


def test_a_file_of_credentials_and_one_too_large_to_scan_are_named() -> None:
    head = {".env": "PORT=8000\n", "deploy/id_rsa": "x\n", "data.bin": b"\0" * 2_000_001, ".env.example": "A=\n"}
    result = run(SECURITY, paper_room({}, head))
    assert {failure.path for failure in result.failures} == {".env", "deploy/id_rsa"}
    assert any("data.bin" in note and "not scanned" in note for note in result.notes)


def test_dependencies_are_named() -> None:
    base = {
        "pyproject.toml": '[project]\ndependencies = ["requests>=2", "Flask_Login"]\n',
        "requirements-dev.txt": "pytest==8.0\n# comment\nold\n",
        "package.json": '{"dependencies": {"left-pad": "1.0.0"}}',
    }
    head = {
        "pyproject.toml": '[project]\ndependencies = ["requests>=2", "flask-login"]\n'
        '[dependency-groups]\ndev = ["evil-package", {include-group = "x"}]\n',
        "requirements-dev.txt": "pytest==9.0\n",
        "package.json": "{ broken",
        "uv.lock": "version = 1\n",
    }
    room = paper_room(base, head)
    assert set(dependency_notes(room.diff.changes, room)) == {
        "dependency changed: flask-login, Flask_Login to flask-login in pyproject.toml",
        "dependency added: evil-package in pyproject.toml",
        "dependency changed: pytest, pytest==8.0 to pytest==9.0 in requirements-dev.txt",
        "dependency removed: old in requirements-dev.txt",
        "dependencies of package.json cannot be read",
        "lock file added: uv.lock",
    }
