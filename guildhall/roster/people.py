"""People of the guild by what the roster has of them."""

from __future__ import annotations

from django.db.models import QuerySet

from guildhall.accounts.models import User


def people_without_characters() -> QuerySet[User]:
    """Return the people with an open account who own no character, by name: whose main a row of a dump may be."""
    found = User.objects.filter(is_active=True, is_bot=False, merged_into=None, characters=None)
    return found.order_by("display_name", "pk")
