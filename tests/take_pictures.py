"""Take the pictures of docs/pictures/ from a running demo guild: ``python -m tests.take_pictures`` (`make pictures`).

Starts a Guildhall of its own with the demo guild in a temporary folder, signs in as an officer and saves each page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/pictures"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PORT = os.environ.get("PICTURES_PORT", "18801")

#: The name of a picture, the path of its page, and who looks at it; a path that ends in "*" is the last link there.
PAGES = (
    ("home", "/", "officer"),
    ("standings", "/standings/", "officer"),
    ("roster", "/roster/", "officer"),
    ("statement", "/me/", "member"),
    ("raids", "/raids/", "officer"),
    ("raid", "/raids/*", "officer"),
    ("raid-import", "/raids/import/", "officer"),
    ("auctions", "/auctions/", "member"),
    ("items", "/items/", "officer"),
    ("calendar", "/calendar/", "member"),
    ("recruitment", "/recruitment/", "officer"),
    ("adjustments", "/officers/adjust/", "officer"),
    ("audit", "/officers/audit/", "officer"),
    ("api-keys", "/me/keys/", "member"),
)


@contextmanager
def demo_server() -> Iterator[str]:
    """Yield the address of a demo guild of its own; stop it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PORT": PORT,
            "GUILDHALL_EMBEDDED": "1",
            "GUILDHALL_IGNORE_ENV_FILE": "1",
            "DATABASE_URL": f"sqlite:///{folder}/demo.sqlite3",
            "VAR_DIR": folder,
        }
        command = [sys.executable, "manage.py", "serve", "--migrate", "--demo"]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{PORT}"
            wait_for(f"{address}/sign-in/", server)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes], seconds: int = 300) -> None:
    """Return when `address` answers; raise if the server ends before, or the time is over."""
    for _ in range(seconds):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise TimeoutError(address)


def sign_in(page: Any, address: str, role: str) -> None:
    """Sign in by the demo's button for `role`."""
    page.goto(f"{address}/sign-in/")
    page.locator("form[action*='/sign-in/as/']", has_text=role).first.locator("button").click()
    page.wait_for_load_state()


def path_of(page: Any, address: str, path: str) -> str:
    """Return the path itself, or for a path that ends in "*" the last link on its page to one thing of the list."""
    if not path.endswith("*"):
        return path
    listing = path.rstrip("*")
    page.goto(f"{address}{listing}")
    links = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.getAttribute('href'))")
    return [link for link in links if link.removeprefix(listing).strip("/").isdigit()][-1]


def take(address: str) -> None:
    """Save each page of `PAGES` as docs/pictures/NAME.png."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for role in sorted({role for _, _, role in PAGES}):
            page = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
            sign_in(page, address, role)
            for name, path, _ in (one for one in PAGES if one[2] == role):
                answer = page.goto(f"{address}{path_of(page, address, path)}")
                if answer is None or answer.status != 200:
                    raise RuntimeError(f"{path} answered {answer and answer.status}")
                page.screenshot(path=PICTURES / f"{name}.png")
                print(f"docs/pictures/{name}.png")
        browser.close()


def main() -> None:
    """Take the pictures of the server named on the command line, or of one started for it."""
    if len(sys.argv) > 1:
        take(sys.argv[1].rstrip("/"))
        return
    with demo_server() as address:
        take(address)


if __name__ == "__main__":
    main()
