"""`manage.py serve_stream`: the process that has every live stream; `manage.py serve` starts it."""

from __future__ import annotations

import asyncio
import signal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.auctions.stream_server import StreamServer
from guildhall.core.file_limit import raise_file_limit


class Command(BaseCommand):
    """Serve live streams until SIGTERM."""

    help = "Serve the live streams that web processes hand over at STREAM_SOCKET."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--socket", default=settings.STREAM_SOCKET, help="default: STREAM_SOCKET")

    def handle(self, *args: object, **options: str) -> None:
        if not options["socket"]:
            raise CommandError("Say where it listens: STREAM_SOCKET=/path/of/a/socket, the same for the web processes.")
        raise_file_limit()
        asyncio.run(_serve(options["socket"]))


async def _serve(path: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await StreamServer(path).run(stopped)
