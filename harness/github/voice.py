"""In whose name a job writes: the token it was given, or one that it mints for itself as a GitHub App."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.config import ConfigError
from harness.forge.app import give_back, mint
from harness.forge.github import GitHub
from harness.github import actions
from harness.github.begun import Begun

WRITES = {"contents": "write", "issues": "write", "pull_requests": "write", "statuses": "write", "checks": "read"}
"""What publishing needs."""
CANCELS = {"issues": "write", "actions": "write"}


@contextmanager
def speaking(begun: Begun, say: Callable[[str], None]) -> Iterator[tuple[str, ...]]:
    """Within the block `begun` writes as the app, if there is one; yields the secrets that there are besides.

    The token is minted when it is needed, for this repository and this work, masked in the log, and ended with the
    block.
    """
    app, key = begun.environ.get("LOOPWRIGHT_APP_ID", ""), begun.environ.get("LOOPWRIGHT_APP_PRIVATE_KEY", "")
    if not app and not key:
        yield ()
        return
    if not (app and key):
        raise ConfigError("app-id and app-private-key belong together", "one of them is empty", "give both, or none")
    runner, before = begun.runner, begun.github
    wanted = CANCELS if begun.ticket and begun.ticket.work == "cancel" else WRITES
    token = mint(runner.repository, app, key, wanted, runner.api)
    say(actions.command("add-mask", token))
    begun.github = GitHub(runner.repository, token, runner.api, runner.server, runner.graphql)
    begun.own_token = False
    try:
        yield (token, key)
    finally:
        begun.github.close()
        begun.github = before
        give_back(token, runner.api)
