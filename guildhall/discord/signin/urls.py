from __future__ import annotations

from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from .provider import GuildhallDiscordProvider

urlpatterns = default_urlpatterns(GuildhallDiscordProvider)
