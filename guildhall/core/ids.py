"""Kinds of ids that are the same to Python and must not be taken for each other.

A model's key is a plain `int`: it becomes one of these where it is first handed on, such as ``UserId(user.pk)``, and mypy
refuses it in the other's place from there on.
"""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
PoolId = NewType("PoolId", int)
CharacterId = NewType("CharacterId", int)
DiscordId = NewType("DiscordId", str)
"""An account's id at Discord: a number of up to 20 digits, kept as text."""
RoleId = NewType("RoleId", str)
"""A role's id at Discord."""
