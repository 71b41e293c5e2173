"""E-mail to the applicant, sent by the worker (PRD 3.10.2). What it says never tells of a vote (PRD 3.10.5).

A message goes out with the change (`transitions.announce` writes ``application.*`` for Discord; `write_to_applicant`
writes the e-mail), and is delivered later, so a mail server that is down fails nothing that a person does.
"""

from __future__ import annotations

from guildhall.core import mail, outbox
from guildhall.core.guild import guild_name
from guildhall.core.models import OutboxMessage

from .models import Application
from .trail import MAILED, order_key

TOPIC = "recruitment.email"
_TEXTS = {
    "submitted": (
        "We have your application",
        "Thank you, {name}. We have your application and will look at it soon.",
    ),
    "trial_accepted": (
        "Your trial begins",
        "Welcome, {name}. You are on trial until {until}. Come to our raids, and ask whatever you want to know.",
    ),
    "rejected": ("Your application", "Dear {name},\n\n{reason}"),
    "reopened": (
        "Your application is open again",
        "{name}, we are looking at your application once more. You need do nothing; we will be in touch.",
    ),
    "approved": ("Welcome to the guild", "Welcome, {name}. You are a full member now."),
    "withdrawn": ("Your application is withdrawn", "{name}, your application has been withdrawn. Come back any time."),
    "comment": ("A message about your application", "{name}, a recruiter wrote:\n\n{comment}"),
    "recycled": ("Your trial goes on", "{name}, your trial goes on until {until}."),
    "trial_reminder": (
        "Your trial ends soon",
        "{name}, your trial ends on {until}. If something keeps you from raiding, or you want to know where you stand, "
        "tell us before then.",
    ),
}


def write_to_applicant(application: Application, topic: str, *, comment: str = "") -> None:
    """Put an e-mail to the applicant into the outbox, if they gave an address and `topic` is one they are told of."""
    if not application.email or topic not in _TEXTS:
        return
    subject, text = _TEXTS[topic]
    until = f"{application.trial_ends_at:%d %B %Y}" if application.trial_ends_at else ""
    body = text.format(
        name=application.character_name, until=until, reason=application.rejection_reason, comment=comment
    )
    outbox.put(
        topic=TOPIC,
        payload={"to": application.email, "subject": f"{guild_name()}: {subject}", "body": body},
        order_key=order_key(MAILED, application.pk),
        target=application,
    )


@outbox.handler(TOPIC, lane=outbox.Lane.MAIL)
def send(message: OutboxMessage) -> str:
    """Send one e-mail; an error is retried by the outbox."""
    payload = message.payload
    return mail.send(to=payload["to"], subject=payload["subject"], body=payload["body"])
