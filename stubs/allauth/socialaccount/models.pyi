import datetime as dt
from typing import Any, ClassVar

from django.db import models

from guildhall.accounts.models import User

class SocialApp(models.Model):
    objects: ClassVar[models.Manager[SocialApp]]
    provider: str
    name: str
    client_id: str
    secret: str
    settings: dict[str, Any]

class SocialAccount(models.Model):
    objects: ClassVar[models.Manager[SocialAccount]]
    user: User
    provider: str
    uid: str
    extra_data: dict[str, Any]

class SocialToken(models.Model):
    objects: ClassVar[models.Manager[SocialToken]]
    token: str
    token_secret: str
    expires_at: dt.datetime | None

class SocialLogin:
    account: SocialAccount
    user: User
    token: SocialToken | None
    state: dict[str, Any]
    @property
    def is_existing(self) -> bool: ...
