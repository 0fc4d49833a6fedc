# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of a child process: ``python -I bootstrap.py worker`` or ``python -I bootstrap.py cli ...``.

An isolated interpreter looks for modules nowhere but in its own installation; this adds the folder
that this copy of the package lies in. Copy and environment are marked as used while the process lives.
"""

import contextlib
import sys
from pathlib import Path

if __name__ == "__main__":
    code = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(code))
    from aigc_blender.runtime.exclusive import hold
    from aigc_blender.runtime.managed import RECORD

    with contextlib.suppress(OSError):  # not ours to write to: then it is not ours to remove either
        hold(code)
        if (Path(sys.prefix) / RECORD).is_file():
            hold(Path(sys.prefix))
    if sys.argv[1:] == ["worker"]:
        from aigc_blender.worker.server import main as work

        sys.exit(work())
    else:
        from aigc_blender.cli import main

        sys.exit(main(sys.argv[2:]))
