"""The base of serializers that stand for no model."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Serializer(serializers.Serializer[Any]):
    """A body that is taken, or an answer as it is described."""
