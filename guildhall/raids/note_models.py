"""How the guild's notes mark alts; `models` has it under its own name too."""

from __future__ import annotations

from django.db import models

from .parsers.notes import USUAL


def usual_patterns() -> list[str]:
    """Return the ways of marking alts that are read until officers choose others."""
    return list(USUAL)


class NoteRules(models.Model):
    """How public notes name the main of an alt: one row, changed by `services.note_rules`; without it the usual ways."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    patterns = models.JSONField(
        default=usual_patterns, blank=True, help_text="keys of `parsers.notes.PATTERNS`, none to read no note"
    )

    class Meta:
        verbose_name = "how notes mark alts"
        verbose_name_plural = "how notes mark alts"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_note_rules")]

    def __str__(self) -> str:
        return "How notes mark alts"
