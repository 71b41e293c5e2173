"""Events, raids and attendance for officers. Forms and actions call the services; what moved points is read-only
here."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, TabularInline

from guildhall.core.errors import GuildhallError
from guildhall.core.generics import ModelForm
from guildhall.points.models import DKPPool

from . import services
from .attendees import Attendee
from .models import (
    AttendanceCheck,
    AttendanceStatus,
    AttendanceUpload,
    Event,
    ItemPool,
    Leave,
    MemberAttendanceSummary,
    Raid,
    RaidAttendance,
    StatusShare,
    UnmatchedName,
)


class ByService(ModelAdmin):
    """Saves through a service; what it refuses is shown in its own words, and nothing is stored."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            with transaction.atomic():
                page: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
                return page
        except GuildhallError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect(request.get_full_path())

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool) -> None:
        """Do nothing more: the service has written everything already; the forms are asked only for what the log of
        changes says."""
        for formset in formsets:
            formset.save(commit=False)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            try:
                self.delete_model(request, row)
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            with transaction.atomic():
                page: HttpResponse = super().delete_view(request, object_id, extra_context)
                return page
        except GuildhallError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect("../")

    def revert_disabled(self, request: HttpRequest, obj: object = None) -> bool:
        """Return True: an old version is restored by hand, because a button would bypass the services."""
        return True


class ReadOnly(ModelAdmin):
    """Shown, never written here."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # The list must be open to those who may use its actions; the form is read-only.
        return obj is None and super().has_change_permission(request, obj)


class EventForm(ModelForm):
    """An event with its pools: its own one, the others, and where it is not attendance."""

    own_pool = forms.ModelChoiceField(DKPPool.objects.all(), label="DKP pool", required=False)
    other_pools = forms.ModelMultipleChoiceField(DKPPool.objects.all(), label="Pays into these too", required=False)
    apart = forms.ModelMultipleChoiceField(DKPPool.objects.all(), label="No attendance in", required=False)

    class Meta:
        model = Event
        fields = [
            "name", "description", "default_points", "difficulty_modifier", "item_pools", "is_active",
            "counts_for_attendance", "icon",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            links = list(self.instance.event_pools.select_related("pool"))
            self.initial["own_pool"] = links[0].pool if links else None
            self.initial["other_pools"] = [link.pool for link in links[1:]]
            self.initial["apart"] = [link.pool for link in links if link.no_attendance]

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        if Event.objects.filter(name__iexact=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("There is an event of this name already.")
        return name

    def for_service(self) -> dict[str, object]:
        """Return what `create_event` and `update_event` take."""
        values = dict(self.cleaned_data)
        own, others = values.pop("own_pool"), list(values.pop("other_pools"))
        values["pools"] = ([own] if own else []) + [pool for pool in others if pool != own]
        values["no_attendance"] = list(values.pop("apart"))
        values["item_pools"] = list(values["item_pools"])
        return values


@admin.register(Event)
class EventAdmin(SimpleHistoryAdmin, ByService):
    """Kinds of raids."""

    form = EventForm
    list_display = ["name", "default_points", "difficulty_modifier", "is_active", "counts_for_attendance"]
    list_filter = ["is_active", "counts_for_attendance", "pools"]
    search_fields = ["name", "description"]
    actions = ["activate", "deactivate"]

    def save_model(self, request: HttpRequest, obj: Event, form: Any, change: bool) -> None:
        values = form.for_service()
        if change:
            services.update_event(event=obj, actor=request.user, **{**values, "pools": values["pools"] or None})  # type: ignore[arg-type]
        else:
            obj.pk = services.create_event(actor=request.user, **values).pk  # type: ignore[arg-type]
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Event) -> None:
        services.delete_event(event=obj, actor=request.user)  # type: ignore[arg-type]

    @admin.action(description="Activate")
    def activate(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        for event in queryset:
            services.update_event(event=event, actor=request.user, is_active=True)  # type: ignore[arg-type]

    @admin.action(description="Deactivate: no new raids of it")
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        for event in queryset:
            services.update_event(event=event, actor=request.user, is_active=False)  # type: ignore[arg-type]


@admin.register(ItemPool)
class ItemPoolAdmin(SimpleHistoryAdmin, ByService):
    """Groups of items."""

    list_display = ["name", "description"]
    search_fields = ["name"]
    fields = ["name", "description", "pools"]

    def save_model(self, request: HttpRequest, obj: ItemPool, form: ModelForm, change: bool) -> None:
        saved = services.save_item_pool(
            item_pool=obj if change else None,
            name=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
            pools=list(form.cleaned_data["pools"]),
            actor=request.user,  # type: ignore[arg-type]
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: ItemPool) -> None:
        services.delete_item_pool(item_pool=obj, actor=request.user)  # type: ignore[arg-type]


class CheckInline(TabularInline):
    """A raid's checks, to look at."""

    model = AttendanceCheck
    fields = ("position", "kind", "label", "taken_at", "points")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Raid)
class RaidAdmin(SimpleHistoryAdmin, ByService):
    """Raids. Attendance is awarded on the raid's page or through the API; a raid with history is reversed, not
    deleted."""

    list_display = ["name", "event", "started_at", "leader", "points", "reversed_at"]
    list_filter = ["event", ("reversed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["event", "leader"]
    search_fields = ["name", "notes"]
    date_hierarchy = "started_at"
    fields = ["event", "name", "started_at", "ended_at", "leader", "notes", "points"]
    raw_id_fields = ["leader"]
    inlines = [CheckInline]
    actions = ["undo"]

    def get_form(self, request: HttpRequest, obj: Raid | None = None, change: bool = False, **kwargs: object) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if "points" in form.base_fields and obj is None:
            form.base_fields["points"].required = False
            form.base_fields["points"].initial = None
            form.base_fields["points"].help_text = "Empty: the event's default points times its difficulty."
        return form

    def save_model(self, request: HttpRequest, obj: Raid, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in self.fields}
        if change:
            changed = {name: values[name] for name in form.changed_data}
            services.update_raid(raid=Raid(pk=obj.pk), actor=request.user, **changed)  # type: ignore[arg-type]
        else:
            obj.pk = services.create_raid(actor=request.user, **values).pk  # type: ignore[arg-type]
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Raid) -> None:
        services.delete_raid(raid=obj, actor=request.user)  # type: ignore[arg-type]

    @admin.action(description="Reverse every point of the raid")
    def undo(self, request: HttpRequest, queryset: QuerySet[Raid]) -> None:
        done = 0
        for raid in queryset:
            try:
                services.reverse_raid(raid=raid, reason="reversed in the admin", actor=request.user)  # type: ignore[arg-type]
                done += 1
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)
        if done:
            self.message_user(request, f"{done} reversed.")


def _mark(status: str, label: str) -> Any:
    """Return an action that gives the selected people a status; the difference is paid or taken."""

    @admin.action(description=f"Mark as {label}: pay the difference")
    def mark(modeladmin: RaidAttendanceAdmin, request: HttpRequest, queryset: object) -> None:
        modeladmin.amend(request, queryset, status)

    mark.__name__ = f"mark_{status}"
    return mark


@admin.register(RaidAttendance)
class RaidAttendanceAdmin(ReadOnly):
    """Who was where. The actions amend; the rows themselves are read-only."""

    list_display = ["character_name", "user", "raid", "attendance_check", "status", "points", "reversed_at"]
    list_filter = ["status", ("reversed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "attendance_check__raid"]
    search_fields = ["character_name", "user__display_name", "attendance_check__raid__name"]
    actions = [*(_mark(value, label) for value, label in AttendanceStatus.choices), "take_off"]

    @admin.display(ordering="attendance_check__raid")
    def raid(self, row: RaidAttendance) -> str:
        return str(row.attendance_check.raid)

    def amend(self, request: HttpRequest, queryset: Any, status: str) -> None:
        """Give the selected people a status, check by check."""
        by_check: dict[Any, list[Attendee]] = defaultdict(list)
        for row in (
            queryset.filter(reversed_at=None).exclude(credited_user=None).select_related("attendance_check__raid")
        ):
            by_check[row.attendance_check].append(
                Attendee(row.character_name, status=status, points=row.given_points, character_id=row.character_id)
            )
        changed = 0
        for check, attendees in by_check.items():
            try:
                done = services.amend_attendance(
                    raid=check.raid,
                    check=check,
                    attendees=attendees,
                    partial=True,
                    actor=request.user,  # type: ignore[arg-type]
                    reason="marked in the admin",
                )
                changed += len(done.of("changed"))
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)
        self.message_user(request, f"{changed} changed.")

    @admin.action(description="Take off: reverse what they earned")
    def take_off(self, request: HttpRequest, queryset: QuerySet[RaidAttendance]) -> None:
        done = 0
        for row in queryset:
            try:
                services.remove_attendee(attendance=row, actor=request.user, reason="taken off in the admin")  # type: ignore[arg-type]
                done += 1
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)
        if done:
            self.message_user(request, f"{done} taken off.")


@admin.register(UnmatchedName)
class UnmatchedNameAdmin(ByService):
    """Names that nobody knew: choose the character and save, and they are paid."""

    list_display = ["name", "raid", "status", "suggestions", "resolution", "character"]
    list_filter = ["resolution"]
    list_select_related = ["raid", "character"]
    search_fields = ["name", "raid__name"]
    fields = ["name", "raid", "attendance_check", "status", "raw", "suggestions", "resolution", "character"]
    readonly_fields = ["name", "raid", "attendance_check", "status", "raw", "suggestions", "resolution"]
    raw_id_fields = ["character"]
    actions = ["ignore"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: UnmatchedName, form: ModelForm, change: bool) -> None:
        if form.cleaned_data.get("character"):
            services.resolve_unmatched(
                unmatched=obj,
                character=form.cleaned_data["character"],
                actor=request.user,  # type: ignore[arg-type]
            )

    @admin.action(description="Let pass: these are nobody of ours")
    def ignore(self, request: HttpRequest, queryset: QuerySet[UnmatchedName]) -> None:
        for name in queryset:
            try:
                services.resolve_unmatched(unmatched=name, ignore=True, actor=request.user)  # type: ignore[arg-type]
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)


@admin.register(StatusShare)
class StatusShareAdmin(SimpleHistoryAdmin, ByService):
    """What each status earns."""

    list_display = ["status", "pool", "percent"]
    fields = ["status", "pool", "percent"]

    def save_model(self, request: HttpRequest, obj: StatusShare, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in self.fields}
        if change and {"status", "pool"} & set(form.changed_data):
            services.forget_status_share(share=StatusShare.objects.get(pk=obj.pk), actor=request.user)  # type: ignore[arg-type]
        obj.pk = services.set_status_share(**values, actor=request.user).pk  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: StatusShare) -> None:
        services.forget_status_share(share=obj, actor=request.user)  # type: ignore[arg-type]


@admin.register(AttendanceUpload)
class AttendanceUploadAdmin(ReadOnly):
    """What was committed."""

    list_display = ["raid", "attendance_check", "format", "file_name", "taken_at", "created_by", "created_at"]
    list_select_related = ["raid", "attendance_check", "created_by"]


@admin.register(Leave)
class LeaveAdmin(ReadOnly):
    """Who is away from when to when; set on the person's page."""

    list_display = ["user", "starts_on", "ends_on", "reason", "created_by", "created_at", "ended_at"]
    list_select_related = ["user", "created_by"]
    search_fields = ["user__display_name"]


@admin.register(MemberAttendanceSummary)
class MemberAttendanceSummaryAdmin(ReadOnly):
    """Attendance as last computed."""

    list_display = ["user", "percentage_30d", "percentage_60d", "percentage_90d", "percentage_lifetime", "computed_at"]
    list_select_related = ["user"]
    search_fields = ["user__display_name"]
