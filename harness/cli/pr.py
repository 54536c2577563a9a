"""`pr` and the issue of `run --issue`: a run that begins or ends on a forge."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from harness.cli.secrets import secrets
from harness.config import places
from harness.events import Event
from harness.journal import CannotResume, Journal

if TYPE_CHECKING:
    from harness.forge import Forge
    from harness.loop import Wish


@click.command()
@click.argument("run", default="last")
@click.option("--ready", is_flag=True, help="Ready for review, if every gate is green; default: a draft.")
def pr(run: str, ready: bool) -> int:
    """Push the branch of RUN (an id, the start of one, or `last`) and open or update its pull request.

    The forge is that of the remote `origin`; the token comes from the environment (GH_TOKEN, GITHUB_TOKEN,
    GITLAB_TOKEN, GITEA_TOKEN) or from `gh auth token`.
    """
    journal = Journal(places().home / "journal.db")
    return publish(journal, journal.resolve(run), ready=ready)


def forge_of(repo: Path) -> "Forge":
    """The forge of the repository's remote `origin`, with a token for it. Raises `ForgeRejected`, `ForgeDenied`."""
    from harness.forge.open import connect, where
    from harness.repo import discover
    from harness.repo.remote import url_of

    return connect(where(url_of(discover(repo))))


def with_issue(wish: "Wish", number: int) -> "Wish":
    """The wish to resolve an issue of the repository's forge, as it stands now; its own text goes with it."""
    from harness.github.local import issue
    from harness.github.snapshot import goal_text

    context = issue(forge_of(wish.repo), number, wish.text)
    return msgspec.structs.replace(
        wish, text=goal_text(context), criteria=(*wish.criteria, *context.criteria), source=f"issue#{number}"
    )


def publish(journal: Journal, run: str, *, ready: bool) -> int:
    """Open the pull request of a run; what was intended and made stands in its journal."""
    from harness.github.local import propose
    from harness.loop.plan import Settings
    from harness.repo import Store, discover

    with journal.hold(run):
        state = journal.state(run)
        if state.created is None:
            raise AssertionError(f"run {run} has no first event")
        if not state.created.settings:
            raise CannotResume(f"run {run} cannot be published", "what it was configured with was erased", "start anew")
        repository = discover(Path(state.created.repo))
        forge = forge_of(repository.root)
        gates = msgspec.json.decode(state.created.settings, type=Settings).gates

        def record(event: Event) -> None:
            journal.append(run, state.epoch, event)

        store = Store(places().home, repository)
        made = propose(forge, state, store, gates, ready=ready, secrets=secrets(), record=record)
    click.echo(f"{'opened' if made.ending == 'pr_opened' else 'updated'} #{made.number} {made.url}", err=True)
    return made.exit_code
