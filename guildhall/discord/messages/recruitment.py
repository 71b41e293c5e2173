"""What the recruiters' channel, the voters' channel and the applicant are shown.

Invariant (PRD 3.10.5): the voters' channel sees totals and never a voter; the applicant is never told that there is a
vote, nor its result, nor its timing; drafts are nobody's business. `tests/test_who_sees_a_vote.py` looks for leaks.
"""

from __future__ import annotations

from guildhall.recruitment.models import Application
from guildhall.recruitment.services.transitions import rules_of
from guildhall.recruitment.services.voting import standing_votes
from guildhall.recruitment.tally import count

from .embeds import BLUE, GOLD, GREEN, GREY, PURPLE, RED, Embed, button, escape, lines, link_button, message, page, when
from .embeds import row as button_row
from .posting import builder

_LOOKS = {
    "submitted": ("New application", BLUE),
    "trial_accepted": ("On trial", GREEN),
    "voting_active": ("Being voted on", PURPLE),
    "voting_complete": ("Voted on", PURPLE),
    "approved": ("Approved", GREEN),
    "rejected": ("Rejected", RED),
    "withdrawn": ("Withdrawn", GREY),
}
VOTE_LABELS = {"pass": ("Pass", 3), "fail": ("Fail", 4), "recycle": ("Recycle", 2)}


def _find(application_id: int) -> Application | None:
    return Application.objects.filter(pk=application_id).exclude(status=Application.Status.DRAFT).first()


def _summary(application: Application, title: str, color: int) -> Embed:
    embed = Embed(title, color=color, url=page(f"/recruitment/{application.pk}/"), at=application.submitted_at)
    embed.description = f"**{escape(application.character_name)}**"
    level = f"level {application.level} " if application.level else ""
    embed.add("Character", f"{level}{escape(application.character_class)}".strip())
    embed.add("Server", escape(application.server))
    embed.add("Time zone", escape(application.timezone))
    embed.add("Discord", escape(application.discord_username))
    embed.add("Availability", escape(application.availability), inline=False)
    embed.add("Guilds before", escape(application.previous_guilds), inline=False)
    embed.add("References", escape(application.references), inline=False)
    for answer in application.answers[:10]:
        shown = answer.get("answer")
        text = ", ".join(map(str, shown)) if isinstance(shown, list) else str(shown)
        embed.add(escape(answer.get("wording", ""))[:250], escape(text)[:900], inline=False)
    return embed


@builder("application")
def application(*, application_id: int) -> dict[str, object] | None:
    """Return the application for recruiters, changed as it goes on."""
    found = _find(application_id)
    if found is None:
        return None
    title, color = _LOOKS.get(found.status, ("Application", BLUE))
    embed = _summary(found, title, color)
    if found.status == "rejected" and found.rejection_reason:
        embed.add("Reason", escape(found.rejection_reason), inline=False)
    address = page(f"/recruitment/{found.pk}/")
    return message(embed, components=[button_row(link_button("Open", address))] if address else None)


@builder("trial")
def trial(*, application_id: int, news: str) -> dict[str, object] | None:
    """Return the message that a trial begins, nears its end, or is over (PRD 3.10.3: the summary is posted when a
    trial is accepted)."""
    found = _find(application_id)
    if found is None:
        return None
    until = f" until {when(found.trial_ends_at, 'D')} ({when(found.trial_ends_at, 'R')})" if found.trial_ends_at else ""
    if news == "trial_accepted":
        embed = _summary(found, "Trial accepted", GREEN)
        embed.description = f"**{escape(found.character_name)}** is on trial{until}."
    elif news == "trial_reminder":
        embed = Embed("A trial ends soon", f"**{escape(found.character_name)}** is on trial{until}.", GOLD,
                      page(f"/recruitment/{found.pk}/"))  # fmt: skip
    elif news == "recycled":
        embed = Embed("A trial goes on", f"**{escape(found.character_name)}** stays on trial{until}.", GOLD,
                      page(f"/recruitment/{found.pk}/"))  # fmt: skip
    else:
        embed = Embed("A trial is over", f"**{escape(found.character_name)}** waits for a decision.", GOLD,
                      page(f"/recruitment/{found.pk}/"))  # fmt: skip
    return message(embed)


@builder("vote")
def vote(*, application_id: int, voting_round: int) -> dict[str, object] | None:
    """Return a vote: open with its buttons, or over with its result. Totals alone, and those only when it is over."""
    found = _find(application_id)
    if found is None or found.voting_round != voting_round or found.voting_ends_at is None:
        return None
    if found.voting_open:
        embed = _summary(found, "Vote open", PURPLE)
        embed.description = (
            f"**{escape(found.character_name)}** asks to join. Vote until {when(found.voting_ends_at)} "
            f"({when(found.voting_ends_at, 'R')}). You may change your vote until then; nobody here sees it."
        )
        buttons = [button(label, f"vote:{found.pk}:{choice}", style=style) for choice, (label, style) in
                   VOTE_LABELS.items()]  # fmt: skip
        return message(embed, components=[button_row(*buttons)])
    if found.status != Application.Status.VOTING_ACTIVE and not found.voting_decided_at:
        # It ended without a result: no tally, and no word that could be taken for a decision.
        is_gone = found.status == Application.Status.WITHDRAWN
        why = "the application was withdrawn." if is_gone else "what was cast counts for nothing."
        embed = Embed("Vote called off", f"**{escape(found.character_name)}**: {why}", GREY)
        return message(embed, components=[])
    result = count(standing_votes(found), rules_of(found))
    tally = (found.decision_trace or {}).get("tally") or {
        "counted_passes": result.counted_passes,
        "counted_fails": result.counted_fails,
        "counted_recycles": result.counted_recycles,
        "total": result.total,
        "counted": result.counted,
    }
    word = {"pass": "Voted in", "fail": "Voted out", "recycle": "Trial goes on", "no_quorum": "Too few votes"}
    decision = found.decision or result.decision
    color = {"pass": GREEN, "fail": RED}.get(decision, GREY)
    embed = Embed(word.get(decision, "Vote over"), f"**{escape(found.character_name)}**", color)
    embed.add("Pass", tally["counted_passes"]).add("Fail", tally["counted_fails"])
    embed.add("Recycle", tally["counted_recycles"])
    embed.add("Votes", f"{tally['counted']} counted of {tally['total']}")
    return message(embed, components=[])


_TO_APPLICANT = {
    "submitted": ("We have your application", "Thank you. We will look at it soon.", BLUE),
    "trial_accepted": ("Your trial begins", "Welcome! Come to our raids, and ask whatever you want to know.", GREEN),
    "recycled": ("Your trial goes on", "You stay on trial for a while longer.", GOLD),
    "approved": ("Welcome to the guild", "You are a full member now.", GREEN),
    "rejected": ("Your application", "", GREY),
    "reopened": ("Your application is open again", "We are looking at it once more. You need do nothing.", BLUE),
    "withdrawn": ("Your application is withdrawn", "It has been withdrawn. Come back any time.", GREY),
    "trial_reminder": (
        "Your trial ends soon",
        "If something keeps you from raiding, or you want to know where you stand, tell us before then.",
        GOLD,
    ),
}
APPLICANT_NOTICES = frozenset(_TO_APPLICANT)


@builder("to_applicant")
def to_applicant(*, application_id: int, news: str, comment_id: int | None = None) -> dict[str, object] | None:
    """Return what the applicant is told in a direct message. Never a word about votes."""
    found = _find(application_id)
    if found is None:
        return None
    if comment_id is not None:
        comment = found.comments.filter(pk=comment_id, visible_to_applicant=True).first()
        if comment is None:
            return None
        return message(Embed("A message about your application", lines(escape(comment.body).split("\n")), BLUE))
    title, text, color = _TO_APPLICANT[news]
    if news == "rejected":
        text = escape(found.rejection_reason) or "We cannot take you in at the moment."
    embed = Embed(title, f"**{escape(found.character_name)}**: {text}", color)
    if news in ("trial_accepted", "recycled", "trial_reminder") and found.trial_ends_at:
        embed.add("Until", when(found.trial_ends_at, "D"))
    return message(embed)
