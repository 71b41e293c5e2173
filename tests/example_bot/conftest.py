"""The bot as its own process, a gateway to connect to, and a key with the scopes that the documents name."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guildhall.accounts.models import APIKey
from guildhall.accounts.services import create_api_key, get_or_create_bot
from tests import bytecode
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.fixtures import fake_discord
from tests.fake_discord.gateway import FakeGateway
from tests.fake_discord.state import DEMO_BOT_TOKEN

__all__ = ["fake_discord"]
ROOT = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], Any], what: str | Callable[[], str], seconds: float = 20) -> Any:
    """The first true value of `condition`; fails naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what() if callable(what) else what} did not happen within {seconds:.0f} s")


class BotProcess:
    """``python -m guildhall_bot`` with its settings; it can be killed and started again."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has printed so far, over all its starts."""
        return (self.folder / "bot.log").read_text() if (self.folder / "bot.log").exists() else ""

    def start(self) -> BotProcess:
        with (self.folder / "bot.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "guildhall_bot"],
                cwd=ROOT / "examples" / "bot",
                env={"PATH": os.environ["PATH"], **bytecode.environment(), **self.settings},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture
def gateway(fake_discord: FakeDiscordServer) -> Iterator[FakeGateway]:
    with FakeGateway(fake_discord.state) as running:
        yield running


def documented_scopes() -> list[str]:
    """The scopes that docs/bots.md tells an administrator to give a bot."""
    text = (ROOT / "docs" / "bots.md").read_text()
    found = re.search(r"create_api_key --bot \S+ --scopes (\S+?)`", text.replace("\n", " "))
    assert found, "docs/bots.md does not say which scopes a bot needs"
    return found[1].split(",")


@pytest.fixture
def bot_key(db: None) -> str:
    bot = get_or_create_bot(name="auctioneer")
    _, key = create_api_key(user=bot, name="auctioneer", scopes=documented_scopes(), kind=APIKey.Kind.BOT)
    return key


@pytest.fixture
def bot(
    live_server: Any, fake_discord: FakeDiscordServer, gateway: FakeGateway, bot_key: str, tmp_path: Path
) -> Iterator[BotProcess]:
    """The bot, connected, listening in the channel ``auctions``."""
    channel = fake_discord.state.add_channel("auctions")
    made = BotProcess(
        tmp_path,
        {
            "GUILDHALL_URL": live_server.url,
            "GUILDHALL_KEY": bot_key,
            "DISCORD_BOT_TOKEN": DEMO_BOT_TOKEN,
            "BIDDING_CHANNELS": channel.id,
            "BOT_STATE_FILE": str(tmp_path / "state.json"),
            "DISCORD_API_BASE": fake_discord.api_base,
            "DISCORD_GATEWAY_URL": fake_discord.state.gateway_url,
        },
    ).start()
    try:
        wait_for(lambda: "connected to Discord" in made.log, lambda: f"the bot's connection: {made.log}")
        yield made
    finally:
        made.kill()
