from typing import Any

from django.http import HttpRequest

from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken

from .provider import DiscordProvider

class DiscordOAuth2Adapter:
    @property
    def access_token_url(self) -> str: ...
    @property
    def authorize_url(self) -> str: ...
    @property
    def profile_url(self) -> str: ...
    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin: ...
    def get_provider(self) -> DiscordProvider: ...
