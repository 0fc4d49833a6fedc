# SPDX-License-Identifier: GPL-3.0-or-later
"""uv, the program that installs: one that is there, or this release of it from a Python package index.

The index, unlike the project's release page, is what studios mirror; the digests make any mirror as good as the first.
"""

from __future__ import annotations

import hashlib
import html.parser
import importlib.util
import io
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import RuntimeMissingError
from .environment import NO_WINDOW, network_environment
from .folders import user_folder

VERSION = "0.13.9"
OLDEST = (0, 9)  # knows today's builds of torch
URL_VARIABLE = "AIGC_UV_URL"
INDEX_VARIABLES = ("AIGC_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
INDEX = "https://pypi.org/simple"
PROGRAM = "uv.exe" if sys.platform == "win32" else "uv"
SECONDS = 30.0  # without a byte
_LARGEST = 64 * 2**20

# By system and machine: the end of the wheel's name, and the wheel's SHA-256.
_WHEELS = {
    ("linux", "x86_64"): (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("linux", "aarch64"): (
        "manylinux_2_28_aarch64",
        "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    ),
    ("darwin", "x86_64"): (
        "macosx_10_12_x86_64",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
    ("darwin", "arm64"): (
        "macosx_11_0_arm64",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
    ("win32", "amd64"): (
        "win_amd64",
        "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    ),
    ("win32", "arm64"): (
        "win_arm64",
        "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
    ),
}


def find_uv(named: Path | None, wheels: Path | None, network: bool, tell: Callable[[str, float], None]) -> Path:
    """The program to install with: the named one, else one fetched before, on PATH, in the wheel folder or the index.

    ``tell`` gets a text and how far the fetching is (0 to 1).

    Raises:
        RuntimeMissingError: there is none, or the named one is broken; says what to do.
        OSError: it cannot be written.
    """
    if named:
        version(named)
        return named
    fetched = user_folder() / "uv" / VERSION / PROGRAM
    if fetched.is_file():
        return fetched
    if (found := shutil.which("uv")) and _is_new_enough(Path(found)):
        return Path(found)
    name, digest = _wheel()
    local = wheels / name if wheels else None
    if local and local.is_file():
        data = local.read_bytes()
    elif network:
        data = _download(name, tell)
    else:
        raise RuntimeMissingError(
            f"uv, which installs the runtime, is not here and may not be downloaded; put {name} into the wheel folder "
            "or name a uv that is installed."
        )
    if hashlib.sha256(data).hexdigest() != digest:
        raise RuntimeMissingError(
            f"{name} is damaged or was tampered with (its SHA-256 is wrong); try again, or from another index."
        )
    _unpack(data, fetched)
    return fetched


def version(uv: Path) -> tuple[int, ...]:
    """The version of a uv.

    Raises:
        RuntimeMissingError: it is none, does not run or is too old.
    """
    try:
        done = subprocess.run(
            [str(uv), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            env=network_environment(),
            creationflags=NO_WINDOW,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or error
        raise RuntimeMissingError(f"uv at {uv} cannot be run ({reason}); name another or none.") from None
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode or not found:
        raise RuntimeMissingError(f"{uv} is no uv; name another program or none.")
    number = tuple(map(int, found.groups()))
    if number < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise RuntimeMissingError(f"{uv} is uv {found[0][3:]} and {oldest} is needed; update it or name none.")
    return number


def _is_new_enough(uv: Path) -> bool:
    """Whether a uv that nobody named will do; if not, another is fetched."""
    try:
        version(uv)
    except RuntimeMissingError:
        return False
    return True


def _wheel() -> tuple[str, str]:
    """Name and digest of the wheel for this machine."""
    machine = platform.machine().lower()
    if (sys.platform, machine) not in _WHEELS:
        raise RuntimeMissingError(
            f"There is no uv for {sys.platform} on {machine} to be downloaded; name a uv that is installed."
        )
    tag, digest = _WHEELS[sys.platform, machine]
    return f"uv-{VERSION}-py3-none-{tag}.whl", digest


class _Links(html.parser.HTMLParser):
    """Where the files of an index page lie, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a link."""
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            self.found[urllib.parse.unquote(urllib.parse.urlsplit(href).path).rpartition("/")[2]] = href


def _download(name: str, tell: Callable[[str, float], None]) -> bytes:
    """The bytes of a wheel, from the address in ``AIGC_UV_URL`` or from the index."""
    index = next((os.environ[n] for n in INDEX_VARIABLES if os.environ.get(n)), INDEX)
    page = index.rstrip("/") + "/uv/"
    try:
        url = os.environ.get(URL_VARIABLE)
        if not url:
            links = _Links()
            with _open(page) as answer:
                links.feed(answer.read(_LARGEST).decode("utf-8", "replace"))
            if name not in links.found:
                raise RuntimeMissingError(f"{page} has no {name}; name a uv that is installed, or another index.")
            url = urllib.parse.urljoin(page, links.found[name])
        with _open(url) as answer:
            total = int(answer.headers.get("Content-Length") or 18 * 2**20)
            data = bytearray()
            while chunk := answer.read(2**18):
                data += chunk
                if len(data) > _LARGEST:
                    raise RuntimeMissingError(f"{url} is larger than any uv; check {URL_VARIABLE} or the index.")
                tell(f"Downloading uv, {len(data) / 2**20:.0f} MiB", min(len(data) / total, 1.0))
            return bytes(data)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLError):
            remedy = "name your network's certificates in SSL_CERT_FILE"
        else:
            remedy = "check the connection and the proxy, name a uv that is installed, or use a wheel folder"
        raise RuntimeMissingError(f"uv cannot be downloaded from {url or page} ({reason}); {remedy}.") from None


def _open(url: str) -> Any:
    """The answer to a request, open."""
    if urllib.parse.urlsplit(url).scheme not in ("https", "http", "file"):
        raise ValueError("not an address")
    request = urllib.request.Request(url, headers={"User-Agent": f"aigc uv/{VERSION}", "Accept": "text/html, */*"})  # noqa: S310 - see above
    return urllib.request.urlopen(request, timeout=SECONDS, context=_certificates())  # noqa: S310


def _certificates() -> ssl.SSLContext:
    """The system's certificates; those that Blender ships where its Python knows of none."""
    context = ssl.create_default_context()
    known = any(ssl.get_default_verify_paths()[:2])  # a file or a folder that is there
    if not known and not context.get_ca_certs() and (shipped := importlib.util.find_spec("certifi")):
        context.load_verify_locations(Path(str(shipped.origin)).with_name("cacert.pem"))
    return context


def _unpack(data: bytes, target: Path) -> None:
    """Write the program that a wheel holds, whole or not at all."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = next(name for name in archive.namelist() if name.endswith(f".data/scripts/{PROGRAM}"))
        program = archive.read(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = target.with_name(f".{PROGRAM}.{os.getpid()}")
    try:
        stage.write_bytes(program)
        stage.chmod(0o755)
        stage.replace(target)
    finally:
        stage.unlink(missing_ok=True)
