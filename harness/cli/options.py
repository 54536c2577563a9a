"""Options that several commands have: limits, and how progress and result are shown."""

import math
from typing import Any

import click


class Amount(click.FloatRange):
    """A number above zero; not `nan`, which no range keeps out."""

    def __init__(self) -> None:
        super().__init__(1e-9, 1e6)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found


PROGRESS = click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "json", "none"]),
    default="auto",
    show_default=True,
    help="How progress is shown on stderr.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
COST = click.option("--max-cost", type=Amount(), help="Money in USD.")
MINUTES = click.option("--max-minutes", type=Amount(), help="Wall clock, in minutes.")
