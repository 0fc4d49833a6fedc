# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of a child process: ``python -I bootstrap.py worker`` or ``python -I bootstrap.py cli ...``.

An isolated interpreter looks for modules nowhere but in its own installation; this adds the folder
that this copy of the package lies in.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.argv[1:] == ["worker"]:
        from aigc_blender.worker.server import main as work

        sys.exit(work())
    else:
        from aigc_blender.cli import main

        sys.exit(main(sys.argv[2:]))
