"""Ranks: made, renamed, ordered, removed where unused; and one rank given to many characters at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import GuildhallError
from guildhall.core.versions import row_version
from guildhall.roster import selectors, services
from guildhall.roster.models import Rank
from guildhall.roster.services import BulkRankResult
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.roster import BulkRankForm, RankForm
from guildhall.web.pages import Done, go, me, page

FACTS = ("name", "order", "is_trial", "is_hidden", "is_default")
STEP = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One rank on the page. `held` characters have it; `is_used`: somebody has it or ever had it."""

    rank: Rank
    held: int
    is_used: bool
    change: RankForm
    remove: ButtonForm


@page("roster:write")
def rank_list(request: HttpRequest) -> HttpResponse:
    """Return every rank with its forms, and one for a new rank."""
    used = selectors.rank_uses()
    known = list(selectors.ranks())
    rows = [
        Row(
            rank,
            used[rank.pk].held,
            used[rank.pk].is_used,
            RankForm(
                request,
                f"change-{rank.pk}",
                initial={name: getattr(rank, name) for name in FACTS},
                row=rank.pk,
                version=row_version(rank, FACTS),
            ),
            ButtonForm(request, f"remove-{rank.pk}"),
        )
        for rank in known
    ]
    create = RankForm(request, "create", initial={"order": max((rank.order for rank in known), default=0) + STEP})

    def made() -> Done:
        return go(
            "ranks", message=f"The rank {services.create_rank(actor=me(request), **create.cleaned_data)} is made."
        )

    def changed(row: Row) -> Done:
        done = services.update_rank(
            rank=row.rank, actor=me(request), version=row.change.seen_version, **row.change.cleaned_data
        )
        return go("ranks", message=f"The rank {done} is changed.")

    def removed(row: Row) -> Done:
        services.delete_rank(rank=row.rank, actor=me(request))
        return go("ranks", message=f"The rank {row.rank} is removed.")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [(create, made)]
    for row in rows:
        actions.append((row.change, lambda row=row: changed(row)))  # type: ignore[misc]
        actions.append((row.remove, lambda row=row: removed(row)))  # type: ignore[misc]
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {"rows": rows, "create": create}
    return render(request, "web/ranks.html", context, status=max(form.http_status for form, _ in actions))


@page("roster:write")
def bulk_rank(request: HttpRequest) -> HttpResponse:
    """Give one rank to many characters: preview, then one press; undone as one under "Changes made together"."""
    form = BulkRankForm(request, "bulk")

    def act() -> Done:
        done = services.bulk_set_rank(
            character_ids=form.chosen(),
            rank=form.cleaned_data["rank"],
            actor=me(request),
            reason=form.cleaned_data["reason"],
            digest=form.digest,
        )
        count = sum(step.changes for step in done.steps)
        if not count:
            return go("bulk-rank", message="They all have that rank already; nothing was changed.")
        words = f"{count} {'has' if count == 1 else 'have'} the rank {form.cleaned_data['rank']} now. Undo it here."
        return go("batch", done.batch, message=words)

    if form.sent and form.pressed == "give" and (response := form.run(act)) is not None:
        return response
    preview: BulkRankResult | None = None
    if form.sent and (form.is_valid() or form.needs_preview):
        try:
            preview = services.preview_bulk_rank(character_ids=form.chosen(), rank=form.cleaned_data["rank"])
        except GuildhallError as error:
            form.refuse(error)
    context = {
        "form": form,
        "preview": preview,
        "changing": sum(step.changes for step in preview.steps) if preview else 0,
    }
    return render(request, "web/bulk_rank.html", context, status=form.http_status)
