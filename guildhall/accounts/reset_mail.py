"""A new password by e-mail, where a mail server is set (`EMAIL_URL`).

Invariants (`accounts/tests/test_sign_in_links.py`): the request does the same work and says the same whether anybody has
that name or address, because the worker looks it up; the secret is made when the e-mail is sent, so that it stands in no
row; nobody gets more than `MOST_MAILS` in `WITHIN`, and whoever came with an import and never signed in gets none.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db.models import Q

from guildhall.core import clock, mail, outbox
from guildhall.core.guild import guild_name
from guildhall.core.models import OutboxMessage
from guildhall.core.transactions import use_case

from .access_history import record_access_change
from .models import SignInLink, User
from .services.sign_in_links import hash_of, link_path, new_token

TOPIC = "accounts.reset_mail"
LASTS = dt.timedelta(hours=1)
MOST_MAILS, WITHIN = 3, dt.timedelta(hours=1)
#: Several people may have one address; more than this many are nobody's family.
MOST_PEOPLE = 3


@use_case
def ask_for_reset_mail(*, name: str) -> None:
    """Have an e-mail sent to whoever has this user name or address, if anybody has."""
    outbox.put(topic=TOPIC, payload={"name": name.strip()[:254]})


@outbox.handler(TOPIC, lane=outbox.Lane.MAIL, secrets=("name",))
def send(message: OutboxMessage) -> str:
    """Send the e-mail, each with a link of its own; an error is retried by the outbox, with new links."""
    name = str(message.payload.get("name", ""))
    named = Q(username=name) | Q(email__iexact=name)
    people = User.objects.filter(named, is_active=True, is_bot=False, is_placeholder=False, merged_into=None)
    there = people.exclude(email="").order_by("pk") if name else User.objects.none()
    sent = 0
    for user in there[:MOST_PEOPLE]:
        token = _make(user, str(message.uid))
        if token:
            address = settings.SITE_URL + link_path(token, kind=SignInLink.Kind.MAIL)
            subject = f"{guild_name()}: a new password"
            mail.send(to=user.email, subject=subject, body=_text(user, address))
            sent += 1
    return f"{sent} sent"


@use_case
def _make(user: User, request: str) -> str:
    """Make a link for this person and return its secret; nothing where they have had enough. One that was made for the
    same request, and could not be sent, gets a new secret."""
    now = clock.now()
    locked = User.objects.select_for_update().get(pk=user.pk)
    mailed = SignInLink.objects.filter(user=locked, kind=SignInLink.Kind.MAIL)
    again = mailed.filter(uses=0, revoked_at=None, note=request).first()
    if again is not None:
        token = new_token()
        again.token_hash, again.expires_at = hash_of(token), now + LASTS
        again.save(update_fields=["token_hash", "expires_at"])
        return token
    if mailed.filter(made_at__gt=now - WITHIN).count() >= MOST_MAILS:
        return ""
    mailed.filter(uses=0, revoked_at=None).update(revoked_at=now)
    token = new_token()
    link = SignInLink.objects.create(
        kind=SignInLink.Kind.MAIL, token_hash=hash_of(token), user=locked, most_uses=1, made_at=now,
        expires_at=now + LASTS, note=request,
    )  # fmt: skip
    record_access_change(
        action="accounts.make_sign_in_link", user=locked, actor=None, data={"link": link.pk}, tell=False,
        summary=f"{locked}: somebody asked for an e-mail to set a new password",
    )  # fmt: skip
    return token


def _text(user: User, address: str) -> str:
    return (
        f"Somebody, most likely you, asked for a new password for {user} at {guild_name()}.\n\n"
        f"Your name to sign in with: {user.username}\nSet a new password here, within an hour: {address}\n\n"
        "If it was not you, do nothing: your password stays as it is."
    )
