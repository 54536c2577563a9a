"""Loopwright's harness: it drives a coding agent on a repository until its work is proven."""

__version__ = "0.1.0"
