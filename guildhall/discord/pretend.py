"""A pretend Discord for trying everything without an account: what `make run` starts when no Discord is set up.

It exists only where DEBUG is on and the repository's tests are there, and it is reached through the same settings as
the real one. Nothing else in this app knows of it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from guildhall.accounts.models import RoleGroup, User
from guildhall.core.errors import GuildhallError
from guildhall.core.transactions import use_case
from guildhall.roster.models import Rank

from .client import DiscordConfig, default_client
from .connection import check_connection
from .linking.services import link_discord
from .models import DiscordRole, DiscordRoleMapping
from .roles.mapping import create_mapping

PORT = 8999
PEOPLE = 12
_START = (
    "import sys; sys.path.insert(0, {base!r}); from tests.fake_discord.__main__ import main; sys.exit(main({args!r}))"
)


def possible() -> bool:
    """Return whether a pretend Discord may stand in: DEBUG is on, no real one is set up, and it is there."""
    there = (Path(settings.BASE_DIR) / "tests" / "fake_discord" / "__main__.py").exists()
    return bool(settings.DEBUG and there and not settings.DISCORD_CLIENT_ID and not settings.DISCORD_BOT_TOKEN)


def command(*arguments: str) -> list[str]:
    """Return the command line that runs it, wherever it is started from."""
    return [sys.executable, "-c", _START.format(base=str(settings.BASE_DIR), args=list(arguments))]


def free_port() -> int:
    """Return 8999 if it is free, else any other."""
    for wanted in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def prepare(*, site: str) -> list[str]:
    """Put the settings for a pretend Discord into this process's environment, which its children get; returns the
    command that starts it.

    Args:
        site: our own address, to which slash commands are sent.
    """
    port = str(free_port())
    told = subprocess.run(command("--print-env", "--port", port), check=True, capture_output=True, text=True).stdout
    for line in told.splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)
    return command("--port", port, "--interactions-url", f"{site}/api/discord/interactions/")


def is_pretended() -> bool:
    """Return whether the settings point at this machine."""
    return urlsplit(DiscordConfig.from_settings().api_base).hostname in ("127.0.0.1", "localhost")


def join() -> str:
    """Bring some of the guild's people into the pretend server, link them, and map its roles; may be run again.

    Raises:
        RuntimeError: the settings point at the real Discord.
    """
    if not (settings.DEBUG and is_pretended()):
        raise RuntimeError("this is for a pretend Discord alone")
    people = list(
        User.objects.filter(is_bot=False, merged_into=None, is_active=True, is_placeholder=False).order_by("pk")[
            :PEOPLE
        ]
    )
    for person in people:
        _enter(person)
    check_connection(default_client())
    linked = sum(_link(person) for person in people)
    return f"{linked} people linked, {_map_roles()} roles mapped"


def _id_of(person: User) -> str:
    return person.discord_id or f"97{person.pk:016d}"


def _enter(person: User) -> None:
    base = urlsplit(DiscordConfig.from_settings().api_base)
    body = {"username": person.username[:30], "global_name": str(person)[:30], "person_id": _id_of(person)}
    request = urllib.request.Request(  # noqa: S310 - this machine, see `join`
        f"{base.scheme}://{base.netloc}/__fake__/people",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310


@use_case
def _link(person: User) -> bool:
    if person.discord_id:
        return False
    try:
        link_discord(user=person, discord_id=_id_of(person), actor=None, reason="pretend Discord")
    except GuildhallError:
        return False
    return True


@use_case
def _map_roles() -> int:
    """Map ranks to roles of the same name, and recruiters; only where nothing is mapped yet."""
    if DiscordRoleMapping.objects.exists():
        return 0
    roles = {role.name: role for role in DiscordRole.objects.all() if not role.problem}
    count = 0
    for rank in Rank.objects.all():
        role = roles.get("Trial" if rank.is_trial else rank.name)
        if role is not None:
            create_mapping(role_id=role.role_id, kind="rank", rank=rank, actor=None)
            count += 1
    if "Recruiter" in roles:
        create_mapping(role_id=roles["Recruiter"].role_id, kind="role_group", value=RoleGroup.RECRUITER, actor=None)
        count += 1
    return count
