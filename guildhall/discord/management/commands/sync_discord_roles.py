"""`manage.py sync_discord_roles`: compare everybody with Discord now, and put it right."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.discord.client import DiscordError, default_client
from guildhall.discord.client.errors import as_text
from guildhall.discord.models import DiscordMember
from guildhall.discord.roles.drift import compare
from guildhall.discord.roles.mirror import known_roles, store_members
from guildhall.discord.roles.reconcile import reconcile


class Command(BaseCommand):
    """The worker carries the changes out; with --dry-run nothing is changed at all."""

    help = "Compare desired and actual roles of all members and queue what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="read Discord, show what differs, change nothing")
        parser.add_argument("--force", action="store_true", help="try again what Discord refused before")

    def handle(self, *args: object, **options: object) -> None:
        client = default_client()
        try:
            if options["dry_run"]:
                roles = known_roles(client, force=True)
                store_members(list(client.members()), everybody=True)
                report = compare(list(DiscordMember.objects.filter(in_server=True)), roles)
            else:
                report = reconcile(client=client, source="force" if options["force"] else "command")
        except DiscordError as error:
            raise CommandError(as_text(error)) from error
        self.stdout.write(str(report))
        for plan in report.plans:
            for change in plan.changes:
                sign = "+" if change.action == "role_add" else "-"
                blocked = f" (blocked: {change.blocked})" if change.blocked else ""
                self.stdout.write(
                    f"  {plan.discord_id} {sign} {change.role_name or change.role_id}: {change.why}{blocked}"
                )
        for stranger in report.strangers:
            self.stdout.write(
                f"  {stranger.discord_id} {stranger.name} is linked to nobody: {', '.join(stranger.role_names)}"
            )
