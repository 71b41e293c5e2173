"""How allauth's sign-in becomes one of our people.

Invariant: a Discord id leads to exactly one person. Whoever was brought in under that id by a bot or an officer is
found, not made again; whoever was merged is the person they were merged into; nobody's e-mail address ever decides.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, AuthProcess
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import resolve_url

from guildhall.core.errors import GuildhallError
from guildhall.discord.client import DiscordConfig
from guildhall.discord.linking.profile import Profile
from guildhall.discord.linking.services import link_discord, sign_in_with_discord
from guildhall.discord.tokens import TokenPair, keep_tokens

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """No account is made with a password: people come through Discord, or are brought in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SocialAdapter(DefaultSocialAccountAdapter):
    """Sign-in and linking through Discord."""

    def list_apps(self, request: HttpRequest, provider: object = None, client_id: object = None) -> list[SocialApp]:
        """Return the one application that the environment names; none while it is not set."""
        config = DiscordConfig.from_settings()
        if provider not in (None, "discord") or not config.has_sign_in:
            return []
        app = SocialApp(provider="discord", name="Discord", client_id=config.client_id, secret=config.client_secret)
        app.settings = {"oauth_pkce_enabled": True}
        return [app]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find or create the person that Discord reports, update the profile and store the tokens."""
        profile = Profile.from_json(sociallogin.account.extra_data)
        try:
            if sociallogin.state.get("process") == AuthProcess.CONNECT and request.user.is_authenticated:
                link_discord(user=request.user, profile=profile, actor=request.user)
                person = request.user
            else:
                person = sign_in_with_discord(profile=profile)
        except GuildhallError as error:
            messages.error(request, error.detail)
            target = "/" if request.user.is_authenticated else settings.LOGIN_URL
            raise ImmediateHttpResponse(HttpResponseRedirect(resolve_url(target))) from error
        token = sociallogin.token
        if token is not None:
            keep_tokens(user=person, tokens=TokenPair(token.token, token.token_secret, token.expires_at))
        # What was linked here under this id before (a merge, an unlink) must not lead allauth elsewhere.
        SocialAccount.objects.filter(provider="discord", uid=profile.id).exclude(user=person).delete()
        if sociallogin.state.get("process") != AuthProcess.CONNECT and (
            not sociallogin.is_existing or sociallogin.user.pk != person.pk
        ):
            account = SocialAccount.objects.filter(provider="discord", uid=profile.id, user=person).first()
            if account is None:
                account = sociallogin.account
                account.pk, account.user = None, person
                account.save()
            sociallogin.account = account
            sociallogin.user = person

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: object,
        error: object = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Discord, or the person, said no: back to where they pressed the button, with a word why.

        Raises:
            ImmediateHttpResponse: always; allauth's own error pages are never shown.
        """
        state = (extra_context or {}).get("state")
        if error == AuthError.CANCELLED:
            messages.info(request, "You did not agree at Discord, so nothing was done. You can try again at any time.")
        else:
            log.warning("a Discord sign-in failed: %s", exception or request.GET.get("error") or "no such state")
            messages.error(request, _why(exception, state, request.GET.get("error", "")))
        target = "web:my-discord" if request.user.is_authenticated else settings.LOGIN_URL
        wanted = (state or {}).get("next") if not request.user.is_authenticated else None
        query = f"?{urlencode({'next': wanted})}" if wanted else ""
        raise ImmediateHttpResponse(HttpResponseRedirect(resolve_url(target) + query))

    def validate_disconnect(self, account: SocialAccount, accounts: object) -> None:
        """Unlinking goes through our own page, which keeps the record; allauth's is closed."""
        raise self.validation_error("no_password")

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: object) -> str:
        return "/"


def _why(exception: Exception | None, state: dict[str, object] | None, said: str) -> str:
    """Return what went wrong between us and Discord, for the person who wanted in."""
    if state is None:
        return (
            "This sign-in was not begun in this browser, or it took longer than ten minutes. Nothing was done; "
            "press “Continue with Discord” once more."
        )
    if isinstance(exception, requests.RequestException):
        return "Discord does not answer at the moment. Nothing was done; try again in a minute."
    if said:
        return f"Discord refused the sign-in ({said[:60]}). Tell an officer: the Discord settings need a look."
    return (
        "Discord did not confirm who you are. Try once more; if it stays so, tell an officer: the Discord settings "
        "need a look."
    )
