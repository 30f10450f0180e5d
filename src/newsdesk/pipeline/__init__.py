"""The DVC stages: each reads files, calls pure functions and writes files.

A stage computes with the same instructions on every x86-64 processor.
"""

import sys

from newsdesk.base.processor import restart_pinned

if sys.argv[0] == "-m":  # Python is locating the module of `python -m newsdesk.pipeline.STAGE`
    restart_pinned()
