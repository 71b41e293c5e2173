"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

import datetime as dt

from guildhall.core.retention import Retention, register

from .models import SignInLink

register(
    Retention(
        name="reset_mails",
        what="links to set a new password that were sent by e-mail",
        rows=lambda before: SignInLink.objects.filter(kind=SignInLink.Kind.MAIL, expires_at__lt=before),
        fixed=dt.timedelta(days=30),
    )
)
