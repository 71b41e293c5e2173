from typing import Any

from django.db import models

FORMFIELD_OVERRIDES: dict[type[models.Field[Any, Any]], dict[str, Any]]
