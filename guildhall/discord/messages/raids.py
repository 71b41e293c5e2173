"""What the raid channel shows: one message a raid, changed as the raid is amended."""

from __future__ import annotations

from django.db.models import Count, Sum

from guildhall.core.money import ZERO, show_points
from guildhall.points.models import Bucket, LedgerEntry
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName

from .embeds import BLUE, GREY, Embed, escape, message, page, when
from .posting import builder


@builder("raid")
def raid(*, raid_id: int) -> dict[str, object] | None:
    """Return a raid as it stands: who led it, how many were there, what it paid, and which names wait for an answer."""
    found = Raid.objects.select_related("event", "leader").filter(pk=raid_id).first()
    if found is None:
        return None
    undone = found.reversed_at is not None
    title = escape(found.name or found.event.name)
    embed = Embed(f"~~{title}~~" if undone else title, color=GREY if undone else BLUE, url=page(f"/raids/{found.pk}/"))
    embed.description = f"**{escape(found.event.name)}** · {when(found.started_at)}"
    if undone:
        embed.description += f"\nUndone: {escape(found.reversal_reason or 'no reason given')}"
    attended = RaidAttendance.objects.filter(attendance_check__raid=found, reversed_at=None)
    people = attended.filter(user__isnull=False).aggregate(n=Count("user", distinct=True))["n"]
    total = LedgerEntry.objects.filter(context=found.context, bucket=Bucket.EARNED).aggregate(s=Sum("amount"))["s"]
    embed.add("People", people).add("Points", show_points(total or ZERO))
    embed.add("Checks", found.checks.count())
    if found.leader:
        embed.add("Leader", escape(found.leader))
    waiting = list(UnmatchedName.objects.filter(raid=found, resolved_at=None).values_list("name", flat=True)[:20])
    if waiting:
        embed.add("Names nobody knows yet", ", ".join(escape(name) for name in waiting), inline=False)
    return message(embed)
