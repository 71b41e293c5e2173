"""The server under measurement, started as `manage.py serve` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from .processes import cpu_ms, family

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = "benchmarks.server:application"


@dataclass(slots=True)
class Server:
    """A running server on a port of this machine; `stop` ends it."""

    process: subprocess.Popen[bytes]
    port: int
    pids: list[int] = field(default_factory=list)

    def cpu_ms(self) -> float:
        """Return the milliseconds of CPU that its processes have used."""
        return cpu_ms(self.pids)

    def stop(self) -> None:
        """End it, and wait for its end."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:  # it waits for live streams to end
            self.process.kill()
            self.process.wait()


def command(port: int) -> list[str]:
    """Return how `manage.py serve` starts the web server, with the floors beside the site."""
    from guildhall.ops.management.commands import serve

    child = serve.Command._web("127.0.0.1", port, serve._workers())
    return [*child.command[:-1], APPLICATION]


def start(environment: dict[str, str]) -> Server:
    """Start the server on a free port with `environment` beside this process's own; ends the program where it does not answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(command(port), cwd=ROOT, env={**os.environ, **environment})
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return Server(process, port, family(process.pid))
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    process.kill()
    sys.exit("the server did not start")
