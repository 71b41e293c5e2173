from __future__ import annotations

from django.apps import AppConfig


class SignInConfig(AppConfig):
    """django-allauth's Discord provider, with its addresses taken from our settings."""

    name = "guildhall.discord.signin"
    label = "discord_signin"
    verbose_name = "Discord sign-in"
