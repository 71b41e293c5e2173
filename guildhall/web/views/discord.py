"""Discord: the officers' page (connection, roles, drift, claims, deliveries) and everybody's own (link, claims)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from guildhall.accounts.models import APIKey, RoleGroup
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.selectors import keys_of
from guildhall.core.errors import BadInput, NotFound
from guildhall.discord import deliveries, selectors
from guildhall.discord.client import DiscordConfig, default_client
from guildhall.discord.connection import Check, check_connection
from guildhall.discord.linking import claims
from guildhall.discord.linking.services import unlink_discord
from guildhall.discord.linking.throttled import verify_claims_from_sent_log
from guildhall.discord.models import Claim, DiscordRoleMapping
from guildhall.discord.roles import mapping as mappings
from guildhall.discord.roles.drift import drift_report
from guildhall.discord.roles.sync import request_sync
from guildhall.roster.models import Character, Rank
from guildhall.roster.selectors import character_by_name
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.people import (
    ClaimButtonForm,
    ClaimForm,
    DecideClaimForm,
    MappingButtonForm,
    MappingForm,
    MessageButtonForm,
    SpokenForm,
    SyncForm,
)
from guildhall.web.pages import Done, go, me, officers, page
from guildhall.web.setup_steps import note_step


def _claim(form: ClaimButtonForm) -> Claim:
    found = Claim.objects.filter(pk=form.cleaned_data["claim"]).first()
    if found is None:
        raise NotFound("There is no such claim.", code="unknown_claim")
    return found


class _OfficersForms:
    """The forms of the officers' page, and what each of them does."""

    def __init__(self, request: HttpRequest, roles: Iterable[dict[str, object]]) -> None:
        self.request, self.actor, self.principal = request, me(request), principal_of(request)
        self.add, self.drop = MappingForm(request, "map"), MappingButtonForm(request, "drop")
        self.add.offer(_meanings(), _offered(roles))
        self.sync, self.test = SyncForm(request, "sync"), ButtonForm(request, "test")
        self.approve, self.refuse = DecideClaimForm(request, "approve"), DecideClaimForm(request, "refuse")
        self.resend, self.resend_all = MessageButtonForm(request, "resend"), ButtonForm(request, "resend-all")
        self.spoken = SpokenForm(request, "spoken")
        self.actions: tuple[tuple[PageForm, Callable[[], Done]], ...] = (
            (self.add, self.make_mapping),
            (self.drop, self.drop_mapping),
            (self.sync, self.sync_all),
            (self.approve, self.approve_claim),
            (self.refuse, self.refuse_claim),
            (self.spoken, self.look_in_log),
            (self.resend, self.send_again),
            (self.resend_all, self.send_all_again),
        )

    def run(self) -> HttpResponse | None:
        """Do what was sent; None where the page is to be shown."""
        for form, action in self.actions:
            if form.sent and (response := form.run(action)) is not None:
                return response
        return None

    def context(self) -> dict[str, object]:
        """Return what the template needs of the forms."""
        return {
            "test": self.test,
            "add": self.add,
            "drop": self.drop,
            "sync": self.sync,
            "approve": self.approve,
            "refuse": self.refuse,
            "spoken": self.spoken,
            "resend": self.resend,
            "resend_all": self.resend_all,
            "refused": self.refuse.cleaned_data.get("claim") if self.refuse.sent else None,
            "row_forms": (self.drop, self.approve, self.refuse, self.resend),
        }

    @property
    def http_status(self) -> int:
        return max(form.http_status for form, _ in self.actions)

    def look_in_log(self) -> Done:
        found = verify_claims_from_sent_log(
            self.request, text=self.spoken.cleaned_data["log"], principal=self.principal
        )
        if not found:
            raise BadInput(
                "No code of an open claim is in these lines, spoken by the character that is claimed. Paste the lines of "
                "your own log in which it was said.",
                code="no_code",
                attr="log",
            )
        names = ", ".join(f"{row['character_name']} ({row['state']})" for row in found)
        return go("discord", message=f"Seen in the log: {names}.", fragment="claims")

    def make_mapping(self) -> Done:
        meaning, _, value = self.add.cleaned_data["meaning"].partition(":")
        rank = Rank.objects.filter(pk=value).first() if meaning == "rank" and value.isdecimal() else None
        made = mappings.create_mapping(
            role_id=self.add.cleaned_data["role_id"],
            kind=meaning,
            rank=rank,
            value="" if meaning == "rank" else value,
            actor=self.actor,
        )
        return go("discord", message=f"From now on: {made}.", fragment="roles")

    def drop_mapping(self) -> Done:
        found = DiscordRoleMapping.objects.filter(pk=self.drop.cleaned_data["mapping"]).first()
        if found is None:
            raise NotFound("This mapping has been deleted already.", code="unknown_mapping")
        mappings.delete_mapping(mapping=found, actor=self.actor)
        return go("discord", message=f"No longer: {found}. Whoever holds the role keeps it.", fragment="roles")

    def sync_all(self) -> Done:
        force = self.sync.cleaned_data["force"]
        count = request_sync(user_ids=None, source="force" if force else "sync", actor=self.actor)
        if not count:
            raise BadInput("No bot is set up, or nobody is linked yet.", code="nothing_to_sync")
        return go("discord", message=f"The worker compares {count} people with Discord now.", fragment="drift")

    def approve_claim(self) -> Done:
        given = self.approve.cleaned_data
        made = claims.approve_claim(claim=_claim(self.approve), principal=self.principal, reason=given["reason"])
        return go("discord", message=f"Approved: {made}.", fragment="claims")

    def refuse_claim(self) -> Done:
        given = self.refuse.cleaned_data
        made = claims.refuse_claim(claim=_claim(self.refuse), principal=self.principal, reason=given["reason"])
        return go("discord", message=f"Refused: {made}.", fragment="claims")

    def send_again(self) -> Done:
        message = deliveries.resend(message_id=self.resend.cleaned_data["message"], actor=self.actor)
        return go("discord", message=f"{message.topic} #{message.pk} is back in the queue.", fragment="deliveries")

    def send_all_again(self) -> Done:
        count = deliveries.resend_all(actor=self.actor)
        return go("discord", message=f"{count} messages are back in the queue.", fragment="deliveries")


@page(may=officers)
def discord(request: HttpRequest) -> HttpResponse:
    """Everything an officer does about Discord. Only “Test the connection” calls Discord itself."""
    roles = selectors.roles_with_meaning()
    forms = _OfficersForms(request, roles)
    if (response := forms.run()) is not None:
        return response
    checks: list[Check] = check_connection(default_client()) if forms.test.sent else []
    if checks and all(check.state == "ok" for check in checks):
        note_step("discord", actor=forms.actor)
    config = DiscordConfig.from_settings()
    drift = drift_report()
    waiting = Claim.objects.filter(state=Claim.State.OPEN).select_related("user", "character__user", "person")
    context = {
        **forms.context(),
        "checks": checks,
        "config": config,
        "roles": roles,
        "mappings": DiscordRoleMapping.objects.select_related("rank"),
        "drift": drift,
        "read_at": dt.datetime.fromisoformat(drift["seen"]) if drift["seen"] else None,
        "claims": [(claim, claims.may_approve(claim, forms.principal)) for claim in waiting],
        "log": selectors.sync_log()[:25],
        "queue": deliveries.queue(),
        "dead": deliveries.deliveries(reader=forms.actor)[:25],
    }
    return render(request, "web/discord.html", context, status=forms.http_status)


def _offered(roles: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the roles that a mapping may give, as ``(id, words)`` for the form."""
    return [
        (role["role_id"], f"{role['name'] or role['role_id']}{' (cannot be given yet)' if role['problem'] else ''}")
        for role in roles
        if role["is_assignable"] or (not role["is_managed"] and not role["is_deleted"])
    ]


def _meanings() -> list[tuple[str, str]]:
    """Return what a role can stand for, as ``(value, words)`` for the form."""
    listed = [(f"rank:{rank.pk}", f"rank {rank}") for rank in Rank.objects.all()]
    listed += [(f"role_group:{value}", f"role group {label.lower()}") for value, label in RoleGroup.choices]
    listed += [(f"status:{value}", f"main character is {label.lower()}") for value, label in Character.Status.choices]
    return [*listed, ("trial:", "on trial"), ("linked:", "everybody who is linked")]


@page()
def my_discord(request: HttpRequest) -> HttpResponse:
    """Show my Discord account, and the characters or the imported person that I say are mine."""
    user, principal = me(request), principal_of(request)
    unlink, claim = ButtonForm(request, "unlink"), ClaimForm(request, "claim")
    withdraw = ClaimButtonForm(request, "withdraw")

    def cut() -> Done:
        unlink_discord(user=user, actor=user)
        update_session_auth_hash(request, user)  # every session of theirs has ended but this one
        return go("my-discord", message="Your Discord account is no longer linked.")

    def say_mine() -> Done:
        given = claim.cleaned_data
        character = character_by_name(given["character_name"])
        owner = character.user
        if owner is not None and owner.is_placeholder and given["whole"]:
            made = claims.claim_person(user=user, person=owner, message=given["message"])
        else:
            made = claims.claim_character(user=user, character=character, message=given["message"])
        return go("my-discord", message=f"You claim {made.character or made.person}. See below how to prove it.")

    def take_back() -> Done:
        claims.withdraw_claim(claim=_claim(withdraw), principal=principal)
        return go("my-discord", message="The claim is withdrawn.")

    forms = ((unlink, cut), (claim, say_mine), (withdraw, take_back))
    for form, action in forms:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {
        "unlink": unlink,
        "claim": claim,
        "withdraw": withdraw,
        "unlink_shown": bool(user.discord_id),
        "connect_url": _connect_url(),
        "offer_personal": not any(key.is_live and key.kind == APIKey.Kind.PERSONAL for key in keys_of(user)),
        "personal_once": ButtonForm(request, "personal").token,
        "claims": Claim.objects.filter(user=user).select_related("character", "person")[:50],
    }
    return render(request, "web/my_discord.html", context, status=max(form.http_status for form, _ in forms))


def _connect_url() -> str:
    """Return where linking begins, empty where no Discord application is set up."""
    if not DiscordConfig.from_settings().has_sign_in:
        return ""
    try:
        return f"{reverse('discord_login')}?process=connect"
    except NoReverseMatch:
        return ""
