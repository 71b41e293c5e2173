"""E-mail: the one place that hands a message to the mail server, for handlers of the outbox."""

from __future__ import annotations

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage

from . import leases
from .outbox import NotSent, PermanentFailure, RetryLater


def is_set_up() -> bool:
    """Return whether there is a mail server to send by (`EMAIL_URL`)."""
    return not settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend")


def send(*, to: str, subject: str, body: str) -> str:
    """Send one e-mail; returns the line for the outbox's record.

    Raises:
        NotSent: no mail server is set.
        RetryLater: the mail server cannot be reached, or will not take it now.
        PermanentFailure: the mail server refuses this address for good.
        LeaseLost: another worker has the message that asks for it.
    """
    if not is_set_up():
        raise NotSent("not sent: no mail server is set (EMAIL_URL)")
    leases.check()
    try:
        EmailMessage(subject, body, to=[to]).send()
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients.get(to, (0, b""))
        words = f"the mail server refuses {to}: {code} {text.decode(errors='replace')}"
        raise (PermanentFailure(words) if code >= 500 else RetryLater(words)) from refused
    except OSError as error:  # SMTPException is one too
        raise RetryLater(f"the mail server does not take it: {type(error).__name__}: {error}") from error
    return f"to {to}"
