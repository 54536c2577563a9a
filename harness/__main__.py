"""`python -m harness`: the command line, for those who have the Python and not the script."""

from harness.cli import main

main()
