#!/usr/bin/env python3
"""Make `.venv` and install pinned, hash-checked dependencies into it: ``python3 requirements/install.py base``.

Needs Python 3.11 or newer with its own `venv` and nothing else. uv, itself pinned and hash-checked, installs the
rest in seconds; where uv has no build for the machine or cannot reach the packages, pip does the same more slowly.
A stamp with the hash of what was installed makes the next call cost nothing.

Sets: ``base`` runs Guildhall; ``mysql`` adds mysqlclient, which is compiled (Debian: libmariadb-dev, pkg-config,
gcc, python3-dev); ``dev`` adds what tests and checks it; ``fuzz`` adds the fuzzer
(Linux on x86-64); ``docs`` adds what builds the site. A set is never taken away by installing a smaller one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE.parent / ".venv"
PYTHON = VENV / "bin" / "python"
SETS = ("base", "mysql", "dev", "fuzz", "docs")


def fail(message: str) -> None:
    """Stop with `message` and no traceback."""
    sys.exit(f"install: {message}")


def digest(name: str) -> str:
    """Return what the stamp of the set `name` must say: the pins and the Python they were installed for."""
    content = (HERE / f"{name}.txt").read_bytes() + (HERE / "uv.txt").read_bytes()
    return hashlib.sha256(content + repr(sys.version_info[:3]).encode()).hexdigest()


def make_environment() -> None:
    """Make `.venv` where it is missing, or was made by a Python that is gone."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0:
        return
    print("Making .venv …", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        fail(
            f"`{sys.executable} -m venv` failed. On Debian and Ubuntu: apt-get install python3-venv\n"
            f"{made.stdout}{made.stderr}"
        )


def install(name: str) -> None:
    """Install the set `name`, with uv if it can, else with pip."""
    wanted = ["--require-hashes", "-r", str(HERE / f"{name}.txt")]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    print(f"Installing requirements/{name}.txt …", flush=True)
    uv = VENV / "bin" / "uv"
    bootstrap = subprocess.run(
        [*pip, "--require-hashes", "-r", str(HERE / "uv.txt")], env=environment, capture_output=True, text=True
    )
    if bootstrap.returncode == 0 and uv.exists():
        # The system's certificates: behind a guild's or a company's proxy those are the ones that count.
        command = [str(uv), "pip", "install", "--quiet", "--system-certs", "--python", str(PYTHON), *wanted]
        tried = subprocess.run(command, env=environment, capture_output=True, text=True)
        if tried.returncode == 0:
            return
        print(f"uv could not ({tried.stderr.strip().splitlines()[:1]}); trying pip …", flush=True)
    if subprocess.run([*pip, *wanted], env=environment).returncode:
        fail(
            f"requirements/{name}.txt could not be installed; the lines above say why. "
            "Without a network, point pip at a mirror (PIP_INDEX_URL, PIP_FIND_LINKS) and run this again."
        )


def main() -> None:
    """Install each set named on the command line."""
    if sys.version_info < (3, 11):
        fail(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …")
    names = sys.argv[1:] or ["base"]
    for name in names:
        if name not in SETS:
            fail(f"there is no set “{name}”; the sets are {', '.join(SETS)}")
    make_environment()
    for name in names:
        stamp = VENV / f".installed-{name}"
        if stamp.exists() and stamp.read_text() == digest(name):
            continue
        install(name)
        stamp.write_text(digest(name))
        if name != "base":
            (VENV / ".installed-base").write_text(digest("base"))  # every set contains it, at the same versions


if __name__ == "__main__":
    main()
