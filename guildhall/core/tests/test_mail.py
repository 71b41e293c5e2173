"""E-mail: without a mail server it is not sent, once and in plain sight; a wrong address of one is refused at the start."""

from __future__ import annotations

import logging
import os
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from environs import Env

from config.mail import DUMMY, email_settings
from guildhall.core import mail, outbox
from guildhall.core.models import OutboxMessage
from guildhall.ops import selectors

NOT_SENT = "not sent: no mail server is set (EMAIL_URL)"


def settings_of(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("EMAIL_URL", url)
    return email_settings(Env().dj_email_url("EMAIL_URL"))


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"EMAIL_URL": ""}], ids=["not set", "empty"])
def test_a_server_without_email_url_has_no_mail_server(environment: dict[str, str], tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EMAIL", "DJANGO"))}
    clean |= {"DEBUG": "0", "GUILDHALL_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"} | environment
    asked = "from django.conf import settings; print(settings.DEBUG, settings.EMAIL_BACKEND)"
    found = subprocess.run([sys.executable, "-c", asked], env=clean, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", DUMMY]


@pytest.mark.parametrize("url", ["dummymail://", "mail.example.org", "stmp://host:25", "submission://"])
def test_an_address_that_cannot_work_is_refused_at_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL .* smtp://user:password@host:587"):
        settings_of(url, monkeypatch)


def test_a_mail_server_is_used_as_its_address_says_and_never_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = settings_of("smtp://me:p%40ss@mail.example.org:587/?tls=True", monkeypatch)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("mail.example.org", 587, True)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("me", "p@ss")
    assert found["EMAIL_TIMEOUT"] > 0
    assert settings_of("smtp://h/?timeout=5", monkeypatch)["EMAIL_TIMEOUT"] == 5
    assert settings_of("file:///var/mails", monkeypatch)["EMAIL_FILE_PATH"] == "var/mails"


def put_mail(monkeypatch: pytest.MonkeyPatch) -> OutboxMessage:
    handler = lambda message: mail.send(to="a@example.org", subject="Hello", body="Text")  # noqa: E731
    monkeypatch.setitem(outbox._handlers, "t.mail", handler)
    with transaction.atomic():
        return outbox.put(topic="t.mail", payload={}, order_key="one applicant")


@pytest.mark.django_db
def test_without_a_mail_server_it_ends_at_once_and_health_and_the_outbox_say_so(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = DUMMY
    check = next(one for one in selectors.health().checks if one.name == "mail")
    assert (check.status, check.figures) == ("ok", {"not_sent": 0})
    messages = [put_mail(monkeypatch), put_mail(monkeypatch)]
    with caplog.at_level(logging.WARNING):
        assert outbox.deliver_due().skipped == 2
        assert outbox.deliver_due().total == 0
    assert caplog.records == []
    for message in messages:
        message.refresh_from_db()
        assert (message.state, message.attempts, message.outcome) == ("skipped", 1, NOT_SENT)
        assert message.delivered_at is not None
    checks = {one.name: one for one in selectors.health().checks}
    assert (checks["mail"].status, checks["mail"].figures) == ("warning", {"not_sent": 2})
    assert "EMAIL_URL" in checks["mail"].detail
    assert checks["outbox"].figures == {"pending": 0, "dead": 0, "oldest_due_at": None}


class Refusing(BaseEmailBackend):
    error: Exception = OSError()

    def send_messages(self, email_messages: Any) -> int:
        raise self.error


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (ConnectionRefusedError(111, "refused"), "pending", "ConnectionRefused"),
        (TimeoutError("slow"), "pending", "TimeoutError"),
        (smtplib.SMTPServerDisconnected("gone"), "pending", "SMTPServerDisconnected"),
        (smtplib.SMTPAuthenticationError(535, b"no"), "pending", "535"),
        (smtplib.SMTPRecipientsRefused({"a@example.org": (451, b"later")}), "pending", "451 later"),
        (smtplib.SMTPRecipientsRefused({"a@example.org": (550, b"unknown")}), "dead", "550 unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_a_mail_server_says_is_kept_without_a_traceback(
    error: Exception, state: str, words: str, settings: Any, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "error", error)
    message = put_mail(monkeypatch)
    with caplog.at_level(logging.ERROR):
        outbox.deliver_due()
    message.refresh_from_db()
    assert (message.state, message.attempts) == (state, 1)
    assert words in message.last_error
    assert caplog.records == []
