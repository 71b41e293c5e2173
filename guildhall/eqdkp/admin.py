"""Looking at imports in the admin site. Nothing is changed here: imports have their page and their command."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from guildhall.core.generics import TabularInline
from guildhall.raids.models import CalendarEvent, CalendarSignup

from .models import ImportRun, LegacyComment, LegacyLog, LegacyProblem, LegacyRecord


class ReadOnly(ModelAdmin):
    """Shown, searched and filtered, never edited."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnly):
    list_display = ("origin", "state", "is_commit", "version", "created_at", "created_by")
    list_filter = ("state", "is_commit")
    list_select_related = ("created_by",)


@admin.register(LegacyProblem)
class LegacyProblemAdmin(ReadOnly):
    list_display = ("table", "legacy_id", "code", "outcome", "detail")
    list_filter = ("table", "code", "outcome")
    search_fields = ("detail", "legacy_id")


@admin.register(LegacyRecord)
class LegacyRecordAdmin(ReadOnly):
    list_display = ("kind", "legacy_id", "object_id", "state", "source")
    list_filter = ("kind", "state")
    search_fields = ("legacy_id", "object_id")


@admin.register(LegacyLog)
class LegacyLogAdmin(ReadOnly):
    list_display = ("at", "tag", "record", "username")
    search_fields = ("tag", "record", "username")


@admin.register(LegacyComment)
class LegacyCommentAdmin(ReadOnly):
    list_display = ("written_at", "author_name", "page", "text")
    search_fields = ("author_name", "text")


class SignupInline(TabularInline):
    model = CalendarSignup
    extra = 0
    can_delete = False
    fields = ("character", "guest_name", "status", "note", "signed_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(CalendarEvent)
class CalendarEventAdmin(ReadOnly):
    """Planned raids; the pages under Calendar change them."""

    list_display = ("title", "kind", "starts_at", "is_closed", "cancelled_at", "places")
    list_filter = ("kind", "is_closed")
    inlines = [SignupInline]
