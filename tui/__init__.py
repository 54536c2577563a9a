"""Watching runs: plain lines for logs and screen readers, and a full-screen view. Both read the journal alone.

Only `tui.app` and what it draws with import Textual, and only the command `tui` imports those.
"""
