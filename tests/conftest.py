# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test: it has folders of its own and one thread, and no model but what it names."""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

from hypothesis import settings

# Before anything imports bpy or torch: both read these once.
_own = Path(tempfile.mkdtemp(prefix="aigc-test-"))
atexit.register(shutil.rmtree, _own, ignore_errors=True)
for _name in ("BLENDER_USER_RESOURCES", "AIGC_HOME"):
    _folder = _own / _name.lower()
    _folder.mkdir()  # Blender ignores a folder that is not there
    os.environ[_name] = str(_folder)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop("AIGC_MODEL_PATH", None)
# A job in the background ignores it, and so would the processes that are to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no fault of the code, and a failure must be seen again on the next run.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
