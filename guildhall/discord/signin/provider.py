"""allauth's Discord provider, pointed at the addresses that the settings name, with PKCE (S256) always on.

allauth finds this module because the app is installed; `allauth.socialaccount.providers.discord` itself is not,
so there is one provider called ``discord`` and its paths are those of PRD 5.2.1.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.discord.provider import DiscordProvider
from allauth.socialaccount.providers.discord.views import DiscordOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from guildhall.discord.client import DiscordConfig


class GuildhallDiscordAdapter(DiscordOAuth2Adapter):
    """The OAuth2 conversation with Discord, or with whatever the settings put in its place."""

    @property
    def access_token_url(self) -> str:
        return DiscordConfig.from_settings().token_url

    @property
    def authorize_url(self) -> str:
        return DiscordConfig.from_settings().authorize_url

    @property
    def profile_url(self) -> str:
        return f"{DiscordConfig.from_settings().api_base}/users/@me"

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: object) -> Any:
        """Read who consented.

        Raises:
            OAuth2Error: Discord did not say.
        """
        with get_adapter().get_requests_session() as session:
            response = session.get(
                self.profile_url, headers={"Authorization": f"Bearer {token.token}"}, timeout=(3.05, 10)
            )
            if response.status_code != 200:
                raise OAuth2Error(f"Discord answered {response.status_code} when asked who signs in")
            profile = response.json()
        return self.get_provider().sociallogin_from_response(request, profile)


class GuildhallDiscordProvider(DiscordProvider):
    """Discord, with PKCE."""

    oauth2_adapter_class = GuildhallDiscordAdapter
    pkce_enabled_default = True

    def extract_email_addresses(self, data: dict[str, object]) -> list[object]:
        """None: an address at Discord is not an identity here; `signing_in` stores it on the person."""
        return []


provider_classes = [GuildhallDiscordProvider]
