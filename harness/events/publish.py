"""What leaves the machine: intent before each effect, result after it, so that each happens once."""

from harness.events.base import Fact


class PullRequestIntended(Fact, frozen=True, kw_only=True, tag="pull_request.intended"):
    forge: str
    repository: str
    branch: str
    commit: str
    target: str
    """The branch it is to be merged into."""


class PullRequestMade(Fact, frozen=True, kw_only=True, tag="pull_request.made"):
    """It was created, or the one that was there for this branch was updated."""

    forge: str
    repository: str
    number: int
    url: str
    draft: bool
    created: bool


class CommentMade(Fact, frozen=True, kw_only=True, tag="comment.made"):
    """A comment of ours stands on the forge; `marker` is how it is found again."""

    forge: str
    repository: str
    number: int
    url: str
    marker: str = ""
