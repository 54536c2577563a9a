"""Single byte ranges of HTTP."""

import os

from httprange.parse import Unsatisfiable, parse_range

__all__ = ["Unsatisfiable", "parse_range"]
