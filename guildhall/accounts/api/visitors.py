"""`/api/guild/visitor-access/`, and how a view is opened to strangers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts import visitors
from guildhall.accounts.models import Section, VisitorAccess
from guildhall.core.api.columns import filters_of
from guildhall.core.api.export import Table
from guildhall.core.api.views import APIView
from guildhall.core.errors import NotAuthenticated

from .permissions import principal

#: Query parameters of every list.
COMMON_PARAMS = ("page", "page_size", "format", "ordering", "search")


class VisitorReadable:
    """For a view whose GET is open to strangers while its section is.

    What is not in `visitor_fields` is blank in their answers. They filter and order by the columns that they are shown and by
    `visitor_params`; anything else is refused, for a filter or an order by what is not shown would give it away. Put it before
    the other bases.
    """

    visitor_section: str | None = None
    #: Actions of a view set; an `APIView` has none.
    visitor_actions: Collection[str | None] = ("list", "retrieve", None)
    #: Names of fields, at any depth of the answer, that strangers get.
    visitor_fields: Collection[str] = ()
    visitor_params: Collection[str] = ()
    #: Of `visitor_fields`, those by which strangers neither filter nor order.
    visitor_unsearched: Collection[str] = ()
    #: In place of `search_fields`, where those look into what strangers are not shown.
    visitor_search_fields: Collection[str] | None = None

    def may_open_to_visitors(self, method: str) -> bool:
        """Return whether `method` here is open to strangers while the section is."""
        return method in SAFE_METHODS and getattr(self, "action", None) in self.visitor_actions

    def opens_to_visitor(self, request: Request) -> bool:
        """Return whether a stranger may read here now; asked by `ScopePermission`."""
        return self.may_open_to_visitors(request.method or "") and visitors.visitor_may_use(
            request, self.visitor_section
        )

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if not visitors.is_visitor(request):
            return
        searched = set(self.visitor_fields) - set(self.visitor_unsearched)
        columns = [name for name, (column, _) in filters_of(self).items() if column in searched]
        known = dict.fromkeys((*COMMON_PARAMS, *self.visitor_params, *columns))
        for name in request.query_params:
            if name not in known:
                raise NotAuthenticated(f"Sign in to use {name[:40]}. Without it there are: {', '.join(known)}.")
        for part in request.query_params.get("ordering", "").split(","):
            name = part.strip().lstrip("-")
            column = getattr(self, "column_aliases", {}).get(name, name).partition("__")[0]
            if name and column not in searched:
                raise NotAuthenticated(f"Sign in to order by {name[:40]}.")
        if self.visitor_search_fields is not None:
            self.search_fields = list(self.visitor_search_fields)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        reads = request.method in ("GET", "HEAD")  # OPTIONS says nothing of the guild, and the same to everybody
        if reads and response.status_code == 200 and isinstance(response, Response) and visitors.is_visitor(request):
            response.data = self.for_visitor(response.data)
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]

    def for_visitor(self, data: Any) -> Any:
        """Return `data` of an answer as strangers get it."""
        if isinstance(data, Table):
            columns = [name for name in data.columns if name in self.visitor_fields]
            return Table(data.name, columns, data.rows)
        if isinstance(data, Mapping) and "results" in data:
            return {**data, "results": shown(data["results"], self.visitor_fields)}
        return shown(data, self.visitor_fields)


def shown(data: Any, fields: Collection[str]) -> Any:
    """Return `data` with every field that is not in `fields` blank: text empty, lists empty, anything else null.

    A name that is a number is an id (amounts by pool) and stands for its value.
    """
    if isinstance(data, Mapping):
        return {
            name: shown(value, fields) if name in fields or name.isdecimal() else _blank(value)
            for name, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [shown(item, fields) for item in data]
    return data


def _blank(value: Any) -> object:
    if isinstance(value, str):
        return ""
    if isinstance(value, list | tuple):
        return []
    return {} if isinstance(value, Mapping) else None


class VisitorAccessSerializer(serializers.ModelSerializer[VisitorAccess]):
    """What strangers may see, section by section. A section that is left out stays as it is."""

    class Meta:
        model = VisitorAccess
        fields = Section.values


class VisitorAccessView(APIView):
    """What people who are not signed in may see. Whoever is signed in may read the setting; `roster:write` changes it."""

    required_scopes = {"GET": None, "PATCH": "roster:write"}

    @extend_schema(responses=VisitorAccessSerializer)
    def get(self, request: Request) -> Response:
        """Return which sections are open to strangers."""
        return Response(VisitorAccessSerializer(visitors.visitor_access()).data)

    @extend_schema(
        request=VisitorAccessSerializer(partial=True),
        responses=VisitorAccessSerializer,
        examples=[
            OpenApiExample("open the standings", {"standings": True}, request_only=True),
            OpenApiExample(
                "as it is then", {**dict.fromkeys(Section.values, False), "standings": True}, response_only=True
            ),
        ],
    )
    def patch(self, request: Request) -> Response:
        """Open or close sections."""
        given = VisitorAccessSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = visitors.edit_visitor_access(actor=principal(request).user, **given.validated_data)
        return Response(VisitorAccessSerializer(changed).data)
