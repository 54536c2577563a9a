"""devcontainer.json: what describes an environment is honoured, what reaches for the host is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config import ConfigError
from harness.config.devcontainer import IGNORED, REFUSED, devcontainer, read

PLACE = ".devcontainer/devcontainer.json"


def told(**more: Any) -> bytes:
    return json.dumps({"image": "debian:12"} | more).encode()


def test_an_environment_with_comments_and_trailing_commas() -> None:
    found = read(
        b"""// see https://containers.dev
{
    "name": "x", /* of
    many lines */ "build": {"dockerfile": "Dockerfile", "context": "..", "args": {"V": "3"}, "target": "dev",},
    "containerEnv": {"URL": "https://x.test//y", "AT": "${containerWorkspaceFolder}/src", "Q": "a \\" // b",},
    "customizations": {"vscode": {"extensions": ["a",]}},
    "onCreateCommand": {"one": "make deps", "two": ["echo", "a b"]},
    "postCreateCommand": "pip install -e .",
    "postAttachCommand": "code .",
}""",
        PLACE,
    )
    assert (found.image, found.dockerfile, found.context) == ("", ".devcontainer/Dockerfile", "")
    assert (found.args, found.target) == ({"V": "3"}, "dev")
    assert found.env == {"URL": "https://x.test//y", "AT": "/w/src", "Q": 'a " // b'}
    assert found.setup == ("make deps", "echo 'a b'", "pip install -e .")


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_what_asks_for_more_is_refused_by_name(key: str) -> None:
    value: Any = "x" if key != "privileged" else True
    data = told(**{key: value})
    if key.startswith("build."):
        data = json.dumps({"build": {"dockerfile": "D", key.removeprefix("build."): value}}).encode()
    with pytest.raises(ConfigError) as refused:
        read(data, PLACE)
    assert refused.value.what == f"{PLACE} asks for {key}"
    assert refused.value.why == REFUSED[key]


def test_asking_for_nothing_is_no_asking() -> None:
    assert read(told(privileged=False, mounts=[], features={}, capAdd=[]), PLACE).image == "debian:12"
    assert read(told(**dict.fromkeys(IGNORED, "x")), PLACE).image == "debian:12"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (told(unheardOf=1), "unheardOf"),
        (told(containerEnv={"K": "${localEnv:GITHUB_TOKEN}"}), "nothing of the host"),
        (told(postCreateCommand="curl ${localEnv:HOME}"), "nothing of the host"),
        (told(postCreateCommand=["a", 1]), "no command"),
        (told(containerEnv={"K": 1}), "no table of texts"),
        (told(build={"dockerfile": "D"}), "names no environment"),
        (b"{}", "names no environment"),
        (b"[]", "no object"),
        (b"{", "cannot be read"),
        (b'{"image": 1}', "no text"),
        (b'{"build": {"dockerfile": "../../D"}}', "outside of the repository"),
        (b'{"build": {"dockerfile": "/etc/D"}}', "outside of the repository"),
        (b'{"build": {"dockerfile": "D", "context": "../.."}}', "outside of the repository"),
        (b'{"build": {"dockerfile": "D", "more": 1}}', "build.more"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_what_cannot_be_honoured(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(data, PLACE)
    assert words in f"{refused.value.what} {refused.value.why}"


def test_it_is_looked_for_where_it_may_lie() -> None:
    assert devcontainer({".devcontainer.json": told()}.get).source == ".devcontainer.json"
    with pytest.raises(ConfigError, match="there is none"):
        devcontainer({}.get)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60) | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(json.dumps))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(ConfigError):
        read(text.encode("utf-8", "replace"), PLACE)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.text(st.characters(codec="utf-8", exclude_characters="$"))))
def test_comments_are_told_from_texts(env: dict[str, str]) -> None:
    assert read(told(containerEnv=env), PLACE).env == env
