"""What every event is: a frozen fact with a tag, some of whose fields are stored as payload."""

from typing import ClassVar, Literal

import msgspec

Outcome = Literal["succeeded", "already_satisfied", "blocked", "exhausted", "stuck", "refused", "failed", "cancelled"]
Role = Literal["maker", "checker", "light", "explore", "refute", "answer", "plan"]
Place = Literal["base", "candidate"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of every event. `bulk` names the fields that are stored as payload."""

    bulk: ClassVar[tuple[str, ...]] = ()
