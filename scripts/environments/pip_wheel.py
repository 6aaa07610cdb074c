"""Fetch the pip of requirements/pip.txt without pip, for a Python that has neither pip nor ensurepip.

python pip_wheel.py REQUIREMENTS FOLDER    puts `pip` into FOLDER, which runs as `python FOLDER/pip`

Debian's Python comes without both until python3-venv is installed. The index is the one that pip is configured with,
the file must have the hash of the lock file, and from there on everything is installed by pip itself.
"""

import configparser
import hashlib
import html
import io
import os
import re
import ssl
import sys
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 30


def index_url(environment: Mapping[str, str]) -> str:
    """The index that pip is configured with, by the order of https://pip.pypa.io/en/stable/topics/configuration/."""
    if "PIP_INDEX_URL" in environment:
        return environment["PIP_INDEX_URL"]
    home = Path(environment.get("HOME", "/"))
    files = [
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf",
        Path(environment.get("PIP_CONFIG_FILE") or os.devnull),
    ]
    config = configparser.RawConfigParser()
    config.read(files, encoding="utf-8")
    default = config.get("global", "index-url", fallback="https://pypi.org/simple")
    return config.get("install", "index-url", fallback=default)


def fetch(requirements: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Fetch and unpack it.

    Args:
        requirements: the lock file that pins it.
        folder: where `pip` goes.
        environment: variables that pip reads.

    Raises:
        OSError: the index cannot be reached.
        ValueError: the index does not have it, or has another file under its name.
    """
    lock = requirements.read_text(encoding="utf-8")
    (version,) = re.findall(r"^pip==(\S+)", lock, re.MULTILINE)
    hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))
    context = ssl.create_default_context(cafile=environment.get("PIP_CERT"))

    def get(url: str) -> tuple[str, bytes]:
        request = urllib.request.Request(url, headers={"Accept": "text/html"})  # noqa: S310 (the configured index)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:  # noqa: S310 (as above)
            return answer.url, answer.read()

    name = f"pip-{version}-py3-none-any.whl"
    page_url, page = get(f"{index_url(environment).rstrip('/')}/pip/")
    for link in re.findall(r"""href\s*=\s*["']([^"']+)""", page.decode()):
        url = urllib.parse.urljoin(page_url, html.unescape(link))
        if urllib.parse.urlsplit(url).path.endswith(f"/{name}"):
            break
    else:
        raise ValueError(f"{page_url} has no {name}")
    _, wheel = get(url)
    if hashlib.sha256(wheel).hexdigest() not in hashes:
        raise ValueError(f"{name} does not match the hashes of {requirements}: hash mismatch")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        archive.extractall(folder)


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[1]), Path(sys.argv[2]), os.environ)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
