# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of child processes: an allow-list, so that nothing of Blender's own Python leaks into the runtime."""

from __future__ import annotations

import os
import subprocess

# No console window flashes up on Windows; 0 elsewhere.
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)

# fmt: off
_NAMES = frozenset((
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
    "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
))
_PREFIXES = ("LC_", "AIGC_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "ONEAPI_", "ZE_", "SYCL_", "PYTORCH_", "OMP_")

# What an installation needs beside: proxies, certificates, and where a studio has its own mirrors.
_NETWORK_NAMES = frozenset((
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX_STRATEGY",
    "UV_PYTHON_INSTALL_MIRROR", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES",
    "UV_KEYRING_PROVIDER", "UV_CONCURRENT_DOWNLOADS", "NETRC",
))

# fmt: on

# Blocks are computed by one thread each. Unless told otherwise glibc returns large tensors to the system at every
# free; the page faults that follow took 7% of the CPU time of a sequence.
_TUNING = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # glibc ignores more
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**26),
}


def child_environment() -> dict[str, str]:
    """The variables that a child process gets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _NAMES or name.upper().startswith(_PREFIXES)
    }
    return {**kept, **_TUNING}


def network_environment() -> dict[str, str]:
    """The variables of a child process that installs."""
    more = {name: value for name, value in os.environ.items() if name.upper() in _NETWORK_NAMES}
    return {**child_environment(), **more}
