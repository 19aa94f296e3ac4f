"""``python -m mammoscope``: the command where no script of that name is on the path."""

from mammoscope.cli import main

main()
