"""`/apply` and `/vote`.

Invariant (PRD 3.10.5): guests and applicants learn nothing of votes, not even that there are any: for them the vote
does not exist, in the command, in the completion and in the buttons alike. Votes are answered to the voter alone.
"""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, NotAllowed, NotFound
from guildhall.core.time_zones import find_time_zone
from guildhall.discord.interactions.context import Answer, Choices, Context, Form, Reply
from guildhall.discord.interactions.registry import Option, button, command, completer, form
from guildhall.discord.messages.embeds import GREEN, Embed, escape, message, page, when
from guildhall.recruitment.models import Application, ApplicationQuestion, ApplicationVote
from guildhall.recruitment.selectors import of_others
from guildhall.recruitment.services.admission import refuse_to_apply
from guildhall.recruitment.services.applying import apply as submit_application
from guildhall.recruitment.services.transitions import rules_of
from guildhall.recruitment.services.voting import cast_vote, may_vote


@command("apply", "Apply to join the guild")
def apply(context: Context) -> Answer:
    """Return a form; where the guild asks more than a form can hold, the way to the page."""
    refuse_to_apply(context.sign_in())  # before anybody fills in a form for nothing
    address = page("/apply/")
    if ApplicationQuestion.objects.filter(is_active=True, required=True).exists():
        return Reply(message(Embed("Apply to join", f"Please fill in the form at {address}", url=address)))
    return Form(
        "apply",
        "Apply to join",
        [
            ("character_name", "Your character's name", False, True, 60),
            ("class_level", "Class and level, such as Cleric 60", False, True, 60),
            ("availability", "When you can raid, and your time zone (CET …)", True, True, 1000),
            ("previous_guilds", "Guilds before", True, False, 1000),
            ("references", "Who knows you here", True, False, 1000),
        ],
    )


@form("apply")
def applied(context: Context, parts: list[str]) -> Reply:
    """Return the form came back."""
    person = context.sign_in()
    words = context.text("class_level").split()
    level = next((word for word in words if word.isdecimal()), "")
    character_class = " ".join(word for word in words if not word.isdecimal())
    availability = context.text("availability")
    zone = find_time_zone(availability)
    if not zone:
        raise BadInput(
            "Say your time zone with when you can raid, such as “evenings, Europe/Berlin” or “after 8 pm EST”.",
            code="unknown_time_zone",
            attr="availability",
        )
    application, _ = submit_application(
        user=person,
        character_name=context.text("character_name"),
        character_class=character_class,
        level=level,
        availability=availability,
        timezone=zone,
        previous_guilds=context.text("previous_guilds"),
        references=context.text("references"),
        discord_username=context.profile.username,
    )
    return Reply(
        message(
            Embed(
                "We have your application",
                f"Thank you, **{escape(application.character_name)}**. We will look at it soon.",
                GREEN,
                page(f"/recruitment/{application.pk}/"),
            )
        )
    )


def _voter(context: Context) -> User:
    """Return the asker, if they are a voter. Whoever is not hears what they would hear of any unknown thing."""
    person = context.user
    if not may_vote(person) or not context.principal.can("recruitment:write"):
        raise NotAllowed("This is for members of the guild.")
    return person


@completer("votes")
def complete_votes(context: Context, typed: str) -> Choices:
    """Open votes, for voters."""
    person = context.principal.user
    if person is None or not may_vote(person):
        return Choices([])
    rows = Application.objects.filter(status=Application.Status.VOTING_ACTIVE, character_name__icontains=typed).exclude(
        user=person
    )[:25]
    return Choices([(row.character_name, str(row.pk)) for row in rows if row.voting_open])


@command(
    "vote",
    "Vote on an applicant, or change your vote",
    Option("applicant", "Who", required=True, complete="votes"),
    Option("vote", "Your vote", required=True, choices=("pass", "fail", "recycle")),
    Option("comment", "Why; officers and recruiters see it"),
)
def vote(context: Context) -> Reply:
    """Cast or change a vote."""
    person = _voter(context)
    text = context.text("applicant")
    running = Application.objects.filter(status=Application.Status.VOTING_ACTIVE).exclude(user=person)
    found = running.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 12 else None
    found = found or running.filter(character_name__iexact=text).first()
    if found is None:
        raise NotFound("There is no open vote on anybody of that name.", code="unknown_application")
    return _cast(found, person, context.text("vote"), context.text("comment") or None)


@button("vote")
def vote_pressed(context: Context, parts: list[str]) -> Reply:
    """Return one of the three buttons under a vote."""
    person = _voter(context)
    others = of_others(
        context.principal
    )  # of the vote on themselves nobody hears, nor of what is not a member's business
    found = others.filter(pk=int(parts[0])).first() if parts and parts[0].isdecimal() else None
    if found is None or len(parts) < 2:
        raise NotFound("This vote no longer exists.", code="unknown_application")
    return _cast(found, person, parts[1], None)


def _cast(application: Application, person: User, choice: str, comment: str | None) -> Reply:
    cast = cast_vote(application=application, voter=person, vote=choice, comment=comment)
    embed = Embed(f"You voted {ApplicationVote.Choice(cast.vote).label.lower()}", color=GREEN)
    embed.description = f"on **{escape(application.character_name)}**."
    if application.voting_ends_at:
        embed.description += f" You may change it until {when(application.voting_ends_at)}."
    if not cast.is_counted:
        embed.add(
            "Not counted",
            f"Your attendance of the last 30 days is {cast.attendance_percentage} %; "
            f"from {rules_of(application).minimum_attendance} % on votes are counted. "
            "If you change your vote later, your attendance of that moment decides.",
            inline=False,
        )
    return Reply(message(embed))
