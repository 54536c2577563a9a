"""The action's inputs as data: what starts runs, what they may change, how they are published."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from harness.config import ConfigError
from harness.forge import LADDER, Permission
from harness.github.actions import given
from harness.github.admission import Policy
from harness.github.deliver import Signing
from harness.github.patch import PatchPolicy

Pr = Literal["draft", "ready", "branch"]
OnFailure = Literal["comment", "branch", "draft"]
SPARE = 3.0
"""Minutes between our own deadline and the job's: enough to say how it ended."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a result is published."""

    pr: Pr = "draft"
    """`draft` opens drafts and makes them ready once gates and checks are green; `ready` needs the gates alone;
    `branch` opens none."""
    on_failure: OnFailure = "comment"
    base: str = ""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    ask_actor: bool = False
    fixes: bool = True
    co_author: bool = True
    signing: Signing = "auto"
    key: Path | None = None
    patch: PatchPolicy = PatchPolicy()


def policy(environ: Mapping[str, str]) -> Policy:
    """What starts runs. Raises `ConfigError` for a value that means nothing, and for `*` among the bots."""
    bots = _list("allowed-bots", environ)
    wrong = [each for each in bots if not each.isdecimal()]
    if wrong:
        raise ConfigError(
            f"allowed-bots has {wrong[0]!r}", "a bot is known by its numeric id; a name can be taken", "give ids"
        )
    return Policy(
        label=given("label", "loopwright", environ),
        command=given("command", "/loopwright", environ),
        assignee=given("assignee", "", environ),
        allowed_users=_list("allowed-users", environ),
        allowed_bots=tuple(int(each) for each in bots),
        min_permission=_one_of("min-permission", LADDER, "write", environ),
        ci_autofix=_flag("ci-autofix", True, environ),
        ci_attempts=_number("ci-attempts", 3, environ),
        goal=given("goal", "", environ),
        review_comments=_flag("review-comments", True, environ),
    )


def options(environ: Mapping[str, str], command: Any = None) -> Options:
    """How a result is published. Raises `ConfigError`."""
    pr: Pr = _one_of("pr", get_args(Pr), "draft", environ)
    if command is not None and command.draft is not None and pr != "branch":
        pr = "draft" if command.draft else "ready"
    return Options(
        pr=pr,
        on_failure=_one_of("on-failure", get_args(OnFailure), "comment", environ),
        base=given("base-branch", "", environ),
        labels=_list("labels", environ),
        reviewers=_list("reviewers", environ),
        ask_actor=_flag("request-review-from-trigger", False, environ),
        fixes=_flag("fixes-keyword", True, environ),
        co_author=_flag("co-author", True, environ),
        signing=_one_of("commit-signing", get_args(Signing), "auto", environ),
        patch=PatchPolicy(
            allow=_list("allow-paths", environ),
            protected=_list("protected-paths", environ),
            max_files=_number("max-patch-files", 100, environ),
            max_kb=_number("max-patch-kb", 4096, environ),
        ),
    )


def trust(environ: Mapping[str, str], private: bool) -> Permission:
    """What an author needs for words to be shown to the model: `write` where everybody can write to us."""
    least: Permission = _one_of("min-content-trust", LADDER, "read" if private else "write", environ)
    return least


def overrides(environ: Mapping[str, str], max_cost: float = 0.0) -> dict[str, Any]:
    """The configuration that the inputs change; our deadline lies below the job's."""
    limits: dict[str, Any] = {}
    if given("max-iterations", "", environ):
        limits["iterations"] = _number("max-iterations", 1, environ)
    if given("max-turns", "", environ):
        limits["turns"] = _number("max-turns", 1, environ)
    if (cost := max_cost or _real("max-cost-usd", environ)) > 0:
        limits["usd"] = min(cost, _real("max-cost-usd", environ) or cost)
    if (minutes := _real("timeout-minutes", environ)) > 0:
        limits["minutes"] = max(1.0, minutes - SPARE) if minutes > 2 * SPARE else minutes / 2
    found: dict[str, Any] = {"limits": limits} if limits else {}
    if model := given("model", "", environ):
        found["models"] = {"maker": model}
    if image := given("sandbox-image", "", environ):
        found["sandbox"] = {"image": image}
    return found


def _list(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(each for each in re.split(r"[\s,]+", given(name, "", environ)) if each)


def _flag(name: str, default: bool, environ: Mapping[str, str]) -> bool:
    value = given(name, "true" if default else "false", environ).lower()
    if value not in ("true", "false"):
        raise ConfigError(f"{name} is {value!r}", "it is true or false", "correct the input")
    return value == "true"


def _number(name: str, default: int, environ: Mapping[str, str]) -> int:
    value = given(name, str(default), environ)
    if not value.isdecimal() or not 0 < int(value) < 10**9:
        raise ConfigError(f"{name} is {value!r}", "it is a number above zero", "correct the input")
    return int(value)


def _real(name: str, environ: Mapping[str, str]) -> float:
    value = given(name, "", environ)
    if not value:
        return 0.0
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value) or float(value) <= 0:
        raise ConfigError(f"{name} is {value!r}", "it is a number above zero", "correct the input")
    return float(value)


def _one_of(name: str, known: tuple[Any, ...], default: str, environ: Mapping[str, str]) -> Any:
    value = given(name, default, environ)
    if value not in known:
        raise ConfigError(f"{name} is {value!r}", f"it is one of {', '.join(known)}", "correct the input")
    return value
