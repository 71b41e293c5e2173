"""The guild's name and time zone: as the environment says, until officers store others (`core/guild.py`)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.core import guild, kept
from guildhall.core.errors import BadInput
from guildhall.core.models import AuditEvent, GuildSettings

pytestmark = pytest.mark.django_db


def test_the_environment_counts_until_something_is_stored(
    settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.GUILD_NAME, settings.GUILD_TIME_ZONE = "Torch", "America/New_York"
    assert (guild.guild_name(), guild.guild_zone().key) == ("Torch", "America/New_York")
    before = kept.build()
    with django_capture_on_commit_callbacks(execute=True):
        guild.edit_guild(actor=None, name=" Ember ", time_zone="europe/berlin")
    assert (guild.guild_name(), guild.guild_time_zone()) == ("Ember", "Europe/Berlin")
    assert kept.build() != before
    assert AuditEvent.objects.filter(action="core.edit_guild").count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        guild.edit_guild(actor=None, name="")
    assert guild.guild_name() == "Torch"


def test_asking_costs_a_query_once_in_a_while(settings: Any) -> None:
    settings.GUILD_SETTINGS_SECONDS = 60
    GuildSettings.objects.create(name="Ember")
    guild.forget()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert [guild.guild_name() for _ in range(5)] == ["Ember"] * 5
    assert len(asked) == 1
    settings.GUILD_SETTINGS_SECONDS = 0
    guild.forget()
    assert guild.guild_name() == "Ember"
    GuildSettings.objects.update(name="Ash")  # by another process
    assert guild.guild_name() == "Ash"


@pytest.mark.parametrize("zone", ["Norrath/Freeport", "../etc/passwd"])
def test_what_is_no_time_zone_is_refused_in_words(zone: str) -> None:
    with pytest.raises(BadInput, match="by a large city"):
        guild.edit_guild(actor=None, time_zone=zone)


def test_a_step_is_done_left_out_and_opened_again() -> None:
    guild.mark_step(name="discord", state="left", actor=None)
    assert guild.stored_settings().steps["discord"]["state"] == "left"
    guild.mark_step(name="discord", state="left", actor=None)
    assert AuditEvent.objects.filter(action="core.mark_step").count() == 1
    guild.mark_step(name="discord", state="", actor=None)
    assert guild.stored_settings().steps == {}
