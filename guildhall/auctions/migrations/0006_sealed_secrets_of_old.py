"""What was there before sealed bids were kept secret: mark what running sealed auctions hold, keep shown what was shown."""

from collections import defaultdict
from uuid import UUID

from django.db import migrations


def bring_over(apps, schema_editor):
    BidSession = apps.get_model("auctions", "BidSession")
    ChatLine = apps.get_model("auctions", "ChatLine")
    Hold = apps.get_model("points", "Hold")
    UserPointsSummary = apps.get_model("points", "UserPointsSummary")
    sealed = BidSession.objects.exclude(mode="open")
    # Everybody could read the bids of these since they were decided: that is not undone.
    sealed.filter(status__in=["closed", "awarded"]).update(disclosure="all")
    running = list(sealed.filter(status="open").values_list("pk", flat=True))
    holds = Hold.objects.filter(reference__in=running)
    totals = defaultdict(int)
    for user_id, pool_id, amount in holds.values_list("user_id", "pool_id", "amount"):
        totals[(user_id, pool_id)] += amount
    holds.update(is_sealed=True)
    for (user_id, pool_id), total in totals.items():
        UserPointsSummary.objects.filter(user_id=user_id, pool_id=pool_id).update(held_sealed=total)
    known = set(BidSession.objects.values_list("pk", flat=True))
    for line in ChatLine.objects.filter(session=None).iterator(chunk_size=1000):
        try:
            found = UUID(str((line.result or {}).get("bid_session_id")))
        except ValueError:
            continue
        if found in known:
            ChatLine.objects.filter(pk=line.pk).update(session_id=found)


class Migration(migrations.Migration):
    dependencies = [("auctions", "0005_sealed_secrets")]
    operations = [migrations.RunPython(bring_over, migrations.RunPython.noop)]
