from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.core import clock
from guildhall.core.errors import GuildhallError
from guildhall.core.money import ZERO, show_points
from guildhall.points.models import PointRule
from guildhall.points.services import period_key, preview_rule, run_due_rules, run_rule


class Command(BaseCommand):
    """Run point rules by hand or from a timer of one's own (PRD 3.8.2): bonuses, penalties, decay, caps."""

    help = (
        "Show what the named point rules would do now, person by person; with --commit run them for the present period. "
        "With --due run every automatic rule whose period has begun, as the worker does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="RULE", help="the rule's name")
        parser.add_argument("--commit", action="store_true", help="run them; without it nothing is changed")
        parser.add_argument("--due", action="store_true", help="every automatic rule whose period has begun")

    def handle(self, *args: object, **options: Any) -> None:
        if options["due"]:
            for run in run_due_rules():
                self.stdout.write(f"{run}: {run.people} people, {show_points(run.total)} points")
            return
        if not options["names"]:
            known = ", ".join(PointRule.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"Name a rule, or say --due. The rules: {known}.")
        for name in options["names"]:
            rule = PointRule.objects.select_related("pool").filter(name__iexact=name).first()
            if rule is None:
                raise CommandError(f"There is no rule called {name}.")
            self._one(rule, commit=options["commit"])

    def _one(self, rule: PointRule, *, commit: bool) -> None:
        if commit:
            try:
                run = run_rule(rule=rule, actor=None)
            except GuildhallError as refusal:
                raise CommandError(refusal.detail) from refusal
            self.stdout.write(f"{rule} run for {run.period_key}: {run.people} people, {show_points(run.total)} points.")
            return
        steps = preview_rule(rule=rule)
        for step in steps:
            self.stdout.write(f"{step.display_name}: {step.before} -> {step.after} ({step.change:+})")
        total = show_points(sum((step.change for step in steps), ZERO))
        period = period_key(rule.period, clock.now())
        self.stdout.write(
            f"{rule} {rule.as_text()}: {len(steps)} people, {total} points for {period}. Nothing was changed."
        )
