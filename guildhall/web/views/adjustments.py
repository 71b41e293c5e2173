"""Giving and taking points: one person or many, with what each would have afterwards shown first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import User
from guildhall.accounts.selectors import people
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.money import ZERO
from guildhall.points import selectors as points
from guildhall.points import services
from guildhall.points.models import DKPPool
from guildhall.roster.selectors import match_names
from guildhall.web.pages import Done, Form, as_number, go, me, page


@dataclass(frozen=True, slots=True)
class Step:
    """What an adjustment would do to one person."""

    person: User
    before: Decimal
    after: Decimal


def _people(form: Form) -> list[int]:
    """Those ticked, and those whose characters' or own names were typed.

    Raises:
        BadInput: ``unknown_character`` naming who is not known, with suggestions.
    """
    ids = form.numbers("people")
    names = [name.strip() for name in re.split(r"[\n,;]+", form.text("names")) if name.strip()]
    if not names:
        return ids
    by_name = {str(person).casefold(): person.pk for person in people()}
    unknown = []
    for name, match in match_names(names[:1000]).items():
        found = match.character.user_id if match.character else by_name.get(name.casefold())
        if found is None:
            hint = f" (did you mean {', '.join(match.suggestions)}?)" if match.suggestions else ""
            unknown.append(f"{name[:40]}{hint}")
        else:
            ids.append(found)
    if unknown:
        raise BadInput(
            f"Nobody is known by {'; '.join(unknown[:10])}. Correct the names and send it again.",
            code="unknown_character",
            attr="names",
        )
    return ids


def _preview(form: Form, pool: DKPPool) -> list[Step]:
    ids = sorted(set(_people(form)))
    amount = services.check_amount(form.text("amount"), pool=pool)
    if not ids:
        raise BadInput("Name at least one person.", code="required", attr="people")
    balances = points.balances_in(pool=pool, user_ids=ids)
    found = [person for person in people() if person.pk in set(ids)]
    return [Step(person, before := balances.get(person.pk, ZERO), before + amount) for person in found]


@page("points:write")
def adjust(request: HttpRequest) -> HttpResponse:
    """The form for one or for many; “Preview” shows the effect, “Post it” does it."""
    form = Form(request, "adjust", initial={"people": request.GET.get("user", ""), "pool": request.GET.get("pool", "")})
    steps: list[Step] = []
    pool: DKPPool | None = None

    def act() -> Done:
        made = services.adjust_points(
            user_ids=_people(form),
            pool=points.pool_or_default(form.number("pool", what="a pool")),
            amount=form.text("amount"),
            reason=form.text("reason"),
            notes=form.text("notes"),
            character_name=form.text("character_name"),
            occurred_at=form.moment("occurred_at"),
            actor=me(request),
        )
        if len(made) == 1:
            return go("statement", made[0].user_id, message=f"Posted {made[0].amount} in {made[0].pool}.")
        return go("adjust", message=f"Posted {made[0].amount} to {len(made)} people in {made[0].pool}.")

    if form.sent and form.text("step") == "preview":
        try:
            pool = points.pool_or_default(form.number("pool", what="a pool"))
            steps = _preview(form, pool)
        except GuildhallError as error:
            form.error = error
    elif form.sent and (response := form.run(act)) is not None:
        return response
    chosen = form.many("people") if form.sent else [request.GET.get("user", "")]
    context = {
        "form": form,
        "steps": steps,
        "preview_pool": pool,
        "pools": [row for row in points.pools() if row.is_active],
        "people": people(include_inactive=False),
        "chosen": {as_number(value, attr="user", what="a person") for value in chosen if value.isdecimal()},
    }
    return render(request, "web/adjust.html", context, status=form.status)
