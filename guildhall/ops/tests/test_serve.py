"""One command starts the web server and the worker, and leaves nothing behind, however it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CHILD = "import time\nwhile True: time.sleep(0.1)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(0.1)"


def parent_of(tmp_path: Path, *children: str, grace: float = 5.0) -> subprocess.Popen[str]:
    """A process that runs `children` (Python code, with ``restart`` before it where it may die) together."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from guildhall.ops.processes import Child, ProcessGroup\n"
        "children = [Child(f'child {n}', [sys.executable, '-c', code.removeprefix('restart ')],"
        " restart=code.startswith('restart ')) for n, code in enumerate(sys.argv[1:])]\n"
        "def pids(): print('PIDS', *[child.process.pid for child in children], flush=True)\n"
        f"sys.exit(ProcessGroup(children, say=lambda line: print(line, flush=True), grace={grace})"
        ".run(ready=lambda: True, when_ready=pids))\n"
    )
    return subprocess.Popen(
        [sys.executable, str(script), *children],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )


def pids_of(parent: subprocess.Popen[str]) -> list[int]:
    assert parent.stdout is not None
    return [int(pid) for pid in parent.stdout.readline().split()[1:]]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_them(tmp_path: Path, how: signal.Signals) -> None:
    parent = parent_of(tmp_path, CHILD, CHILD)
    pids = pids_of(parent)
    parent.send_signal(how)
    assert parent.wait(15) == 0
    assert all(gone(pid) for pid in pids)


def test_one_that_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, STUBBORN, grace=1.0)
    pids = pids_of(parent)
    time.sleep(0.5)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(15) == 0
    assert all(gone(pid) for pid in pids)


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, STUBBORN, grace=60.0)
    pids = pids_of(parent)
    time.sleep(0.5)
    parent.send_signal(signal.SIGINT)
    time.sleep(0.5)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(15) == 0
    assert all(gone(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_none_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, CHILD, CHILD)
    pids = pids_of(parent)
    parent.kill()
    parent.wait(15)
    assert all(gone(pid) for pid in pids)


def test_when_the_web_server_dies_all_stop_and_the_exit_code_says_so(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, CHILD, "import time; time.sleep(1); raise SystemExit(7)")
    pids = pids_of(parent)
    assert parent.wait(20) == 1
    assert all(gone(pid) for pid in pids)


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    code = f"restart open({str(marks)!r}, 'a').write('x')"
    parent = parent_of(tmp_path, CHILD, code)
    pids_of(parent)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(marks.read_text() if marks.exists() else "") < 2:
        time.sleep(0.1)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(15) == 0
    assert len(marks.read_text()) >= 2


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(tmp_path: Path, free_port: int) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """Guildhall as `make run` starts it, on a database of its own, without the demo guild."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DJANGO_SETTINGS_MODULE")},
        "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}",
        "GUILDHALL_VAR": str(tmp_path),
        "GUILDHALL_EMBEDDED": "1",
        "GUILDHALL_IGNORE_ENV_FILE": "1",
        "PORT": str(free_port),
        "REDIS_URL": "",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--migrate"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, f"http://127.0.0.1:{free_port}", environment
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for_line(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"never said “{words}”: {said}")


def test_it_serves_its_worker_beats_and_ctrl_c_ends_it(site: Any) -> None:
    process, address, environment = site
    wait_for_line(process, f"Guildhall is at {address}")
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
        assert answer.status == 200
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
            if 'guildhall_check_status{check="worker"} 0' in answer.read().decode():
                break
        time.sleep(0.3)
    else:
        pytest.fail("the worker showed no heartbeat")
    second = subprocess.run(
        [sys.executable, "manage.py", "serve"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert second.returncode != 0
    assert "Is Guildhall running already?" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_a_live_stream_hears_of_other_processes_and_ends_with_the_site(site: Any) -> None:
    process, address, environment = site
    wait_for_line(process, f"Guildhall is at {address}")
    code = "from guildhall.points.services import create_pool; create_pool(name='DKP', actor=None)"
    subprocess.run([sys.executable, "manage.py", "shell", "-v0", "-c", code], env=environment, timeout=60, check=True)
    made = [sys.executable, "manage.py", "create_api_key", "--bot", "b", "--scopes", "all"]
    key = subprocess.run(made, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    headers = {"Authorization": f"Token {key}"}
    connections = [http.client.HTTPConnection(address.removeprefix("http://"), timeout=20) for _ in range(3)]
    streams = []
    for connection in connections:
        connection.request("GET", "/api/bidding/stream/", headers=headers)
        streams.append(connection.getresponse())
    assert [stream.status for stream in streams] == [200] * 3
    for stream in streams:
        assert next_event(stream) == "hello"
    body = json.dumps({"item_name": "Cloak", "duration_seconds": 60}).encode()
    for _ in range(4):  # whichever web process answers
        post = urllib.request.Request(
            f"{address}/api/bidding/start-bid/", body, {**headers, "Content-Type": "application/json"}
        )
        with urllib.request.urlopen(post, timeout=20) as answer:
            assert answer.status == 201
    for stream in streams:
        assert [next_event(stream) for _ in range(4)] == ["session"] * 4
    assert (Path(environment["GUILDHALL_VAR"]) / "stream.sock").is_socket()
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert time.monotonic() - begun < 30  # and not the five minutes that a stream may last
    assert streams[1].read().count(b"event:") == 0


def next_event(stream: http.client.HTTPResponse) -> str:
    while line := stream.readline():
        if line.startswith(b"event: "):
            return line[7:].decode().strip()
    pytest.fail("the stream ended")


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_port_that_is_none_is_refused_in_words(port: str, monkeypatch: Any) -> None:
    from django.core.management import CommandError, call_command

    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="must be a number from 1 to 65535"):
        call_command("serve")
