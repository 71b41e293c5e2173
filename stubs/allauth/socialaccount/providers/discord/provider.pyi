from typing import Any

from django.http import HttpRequest

from allauth.socialaccount.models import SocialLogin

from .views import DiscordOAuth2Adapter

class DiscordProvider:
    id: str
    oauth2_adapter_class: type[DiscordOAuth2Adapter]
    pkce_enabled_default: bool
    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]: ...
    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> SocialLogin: ...
