# SPDX-License-Identifier: GPL-3.0-or-later
"""Why uv failed, in one sentence with the remedy."""

from __future__ import annotations

import re
from pathlib import Path

_BASE = "choose an installed Python 3.11 or later as Base Python, or name a mirror in UV_PYTHON_INSTALL_MIRROR"
_NET = "check the connection and the proxy and try again (what was downloaded is kept), or use a wheel folder"

# Pattern, reason, remedy, the first that fits counts: the innermost cause stands before what it led to.
_FAULTS = (
    (
        r"No space left on device|os error 112\b|os error 28\b",
        "no space is left on the disk",
        "free some and try again",
    ),
    (
        r"(?:UnknownIssuer|invalid peer certificate|certificate verify failed)",
        "the certificate of the network is not known",
        "set UV_SYSTEM_CERTS=1 or name your network's certificates in SSL_CERT_FILE",
    ),
    (r"python-build-standalone|No interpreter found for Python", "Python cannot be downloaded", _BASE),
    (r"No interpreter found at path `([^`]+)`", "there is no Python at {0}", _BASE),
    (
        r"No download found for request|No Python download",
        "there is no Python for this machine to be downloaded",
        _BASE,
    ),
    (r"Because (\S+) was not found in the provided package locations", "{folder} has no {0}", "add its wheel"),
    (
        r"Because (\S+?)(?:==\S+)? has no wheels with a matching (?:platform|Python ABI|Python implementation)",
        "{folder} has no {0} for this system and Python",
        "choose another build of torch or Base Python, or add the wheel",
    ),
    (
        r"(?:Because )?there is no version of (\S+)",
        "{folder} has no {0}",
        "choose another build of torch, or add the wheel",
    ),
    (r"(?i)hash mismatch", "a download is damaged", "try again"),
    (
        r"(?:dns error|error sending request|client error \(Connect\)|tcp connect error|timed out|connection closed)",
        "{host} cannot be reached",
        _NET,
    ),
    (r"HTTP status (?:client|server) error \(([^)]+)\)", "{host} answered {0}", _NET),
    (
        r"Permission denied|Access is denied|os error (?:5|13)\b",
        "a file may not be written",
        "mend the permissions of the folder of AIGC_HOME",
    ),
    (r"os error 32\b", "a file is in use", "close other Blenders, let the virus scanner finish and try again"),
)


def explain(said: list[str], wheels: Path | None, log: Path) -> str:
    """One sentence from the lines that uv printed; ``wheels`` is the folder that it was to take packages from."""
    text = "\n".join(said)
    host = next(iter(re.findall(r"https?://(?:[^@/\s`]*@)?([^/\s`]+)", text)), "the package index")
    folder = f"The wheel folder {wheels}" if wheels else "The package index"
    for pattern, reason, remedy in _FAULTS:
        if found := re.search(pattern, text):
            told = reason.format(*found.groups(), host=host, folder=folder[0].lower() + folder[1:])
            return f"The runtime cannot be installed ({told}); {remedy}."
    errors = [line.removeprefix("error:").strip() for line in said if line.startswith("error:")]
    last = errors[0] if errors else (said[-1].strip() if said else "uv ended without a word")
    return f"The runtime cannot be installed ({last}); see {log}."
