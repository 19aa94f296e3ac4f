"""Runs ``mammoscope`` commands in processes that need no time to start: forks of this one.

Each line on standard input is a JSON object: the command line, a file for its output, and what to
put into its environment. The answer is the process's number.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import mammoscope.dicom_results.write
import mammoscope.node.service  # noqa: F401 - so that children have it
from mammoscope.cli import main


def run(order: dict) -> None:
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(order["environment"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = ["mammoscope", *order["arguments"]]
    code = 70
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    finally:
        os.write(1, f"exit code {code}\n".encode())
        os._exit(0)


# Nobody waits for the children: whoever started one looks at its output.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    os.write(1, f"{child}\n".encode())
