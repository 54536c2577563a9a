"""The command line: click commands, one file a family, no logic of their own."""

from harness.cli.app import main

__all__ = ["main"]
