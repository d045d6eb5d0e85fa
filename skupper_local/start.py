"""The way in to this program where a bundle put it: ``python3 -I .../skupper_local/start.py MODULE ARGUMENTS``.

Python finds this file by its path, whatever characters are in that; a directory in ``PYTHONPATH`` could hold no colon, and
would be inherited by every program that is started from here.
"""

from __future__ import annotations

import os
import runpy
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
