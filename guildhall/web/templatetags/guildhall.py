"""How the pages write points, times, people and forms: each in one place."""

from __future__ import annotations

import datetime as dt
import functools
import json
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms, template
from django.contrib.messages.storage.base import Message
from django.forms.boundfield import BoundField
from django.forms.utils import flatatt
from django.forms.widgets import CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.middleware.csrf import get_token
from django.template import Context
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode, url
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession
from guildhall.core import clock
from guildhall.core.form_fields import MomentField
from guildhall.core.guild import guild_time_zone
from guildhall.core.previews import Shown
from guildhall.loot.models import LootDistribution
from guildhall.raids.models import Raid
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm
from guildhall.web.kept_pages import makes_for_all, mark, show_own_part, zone_of
from guildhall.web.sources import address

register = template.Library()


class _Address(URLNode):
    """Django's `url`; the address of a page of ours with one number in it is put together of its parts."""

    def render(self, context: Context) -> str:
        if len(self.args) == 1 and not self.kwargs and self.asvar is None:
            number, name = self.args[0].resolve(context), self.view_name.resolve(context)
            if type(number) is int and number >= 0 and isinstance(name, str) and name.startswith("web:"):
                return address(name, number)
        return super().render(context)


@register.tag("url")
def address_tag(parser: Parser, token: Token) -> URLNode:
    """Return Django's ``{% url %}`` as `_Address`."""
    node = url(parser, token)
    return _Address(node.view_name, node.args, node.kwargs, node.asvar)


MOST_STACKED = 5
"""How many choices stand below one another; more of them stand side by side."""


@register.filter
def points(amount: Decimal | None) -> str:
    """Return ``1,234.50``, with a real minus sign; a dash for nothing."""
    if amount is None:
        return "–"
    return f"{amount:,.2f}".replace("-", "−")


@register.filter
def signed(amount: Decimal | None) -> SafeString:
    """Return a change: ``+10.00`` or ``−5.00``, coloured and readable without colour."""
    if amount is None:
        return mark_safe("–")
    kind = "plus" if amount > 0 else "minus" if amount < 0 else "zero"
    text = f"{amount:+,.2f}".replace("-", "−") if amount else "0.00"
    return mark_safe(f'<span class="amount {kind}">{text}</span>')  # noqa: S308 - digits and our own words


@register.filter
def percent(value: Decimal | None) -> str:
    """Return ``87 %``, ``14.97 %``: as exact as it is kept, for 14.97 is not 15; a dash where nobody knows."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    return f"{text.rstrip('0').rstrip('.')} %"


@register.filter
def when(moment: dt.datetime | None) -> SafeString:
    """Return a moment in the guild's time zone, with the exact one behind it."""
    return _time(moment, "%-d %b %Y, %H:%M", "when")


@register.filter
def day(moment: dt.datetime | None) -> SafeString:
    """Return the day of a moment in the guild's time zone."""
    return _time(moment, "%-d %b %Y", "day")


@register.filter
def hour(moment: dt.datetime | None) -> SafeString:
    """Return the time of day of a moment in the guild's time zone."""
    return _time(moment, "%H:%M", "hour")


def _time(moment: dt.datetime | None, shape: str, name: str) -> SafeString:
    """Return a moment in the guild's time zone; the page's script writes it in the reader's own, by the name of its shape."""
    if moment is None:
        return mark_safe("–")
    return _written_time(moment, moment.isoformat(timespec="seconds"), shape, name, timezone.get_current_timezone())


@functools.lru_cache(maxsize=2000)
def _written_time(moment: dt.datetime, exact: str, shape: str, name: str, zone: dt.tzinfo) -> SafeString:
    local = moment.astimezone(zone)
    return format_html(
        '<time datetime="{}" data-shape="{}" title="{}">{}</time>',
        exact,
        name,
        local.strftime("%A %-d %B %Y, %H:%M:%S %Z"),
        local.strftime(shape),
    )


@register.filter
def ago(moment: dt.datetime | None) -> SafeString:
    """Return ``3 hours ago``, ``in 47 hours``, ``in 2 days``, with the exact moment behind it."""
    if moment is None:
        return mark_safe("–")
    seconds = (clock.now() - moment).total_seconds()
    size = abs(seconds)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        # What is still to come is told in hours for two days: a vote of 48 hours does not end "in 1 day".
        if size >= (2 * length if seconds < 0 and unit == "day" else length):
            number = int(size // length)
            words = f"{number} {unit}{'s' if number > 1 else ''}"
            break
    else:
        words = "a moment"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        timezone.localtime(moment).strftime("%A %-d %B %Y, %H:%M %Z"),
        f"{words} ago" if seconds >= 0 else f"in {words}",
    )


@register.filter
def for_input(moment: object) -> str:
    """Return a moment as a `datetime-local` field wants it; what was typed stays as typed."""
    if isinstance(moment, dt.datetime):
        return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")
    return str(moment or "")


@register.filter
def person(user: User | None) -> SafeString:
    """Return a person, linked to their statement; “the system” for nobody."""
    if user is None:
        return mark_safe('<span class="quiet">the system</span>')
    return format_html('<a href="{}">{}</a>', address("web:statement", user.pk), str(user))


@register.filter
def character(row: Character | None) -> SafeString:
    """Return a character, linked to its page, with its class as a mark."""
    if row is None:
        return mark_safe("–")
    return format_html('<a href="{}">{}</a>', address("web:character", row.pk), row.name)


@register.simple_tag(takes_context=True)
def own_part(context: template.Context, name: str, number: int) -> SafeString:
    """Return a part of the page that is the reader's own (`web.kept_pages.own_part`)."""
    return mark_safe(show_own_part(context["request"], name, number))  # noqa: S308 - made by a template


@register.filter
def get(mapping: Mapping[object, object] | None, key: object) -> object:
    """Return ``mapping[key]``, nothing where it is not there."""
    return mapping.get(key) if mapping else None


@register.simple_tag(takes_context=True)
def form_hidden(context: template.Context, form: PageForm) -> SafeString:
    """Return what every form opens with: the CSRF token and its key."""
    version = format_html('<input type="hidden" name="version" value="{}">', form.version) if form.version else ""
    return format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="once" value="{}"><input type="hidden" name="form" value="{}">{}',
        get_token(context["request"]),
        form.token,
        form.form_name,
        version,
    )


@register.simple_tag(takes_context=True)
def confirmation(context: template.Context, message: Message) -> SafeString:
    """Return what is said to the reader, and the button that takes back what was done, where one press does."""
    undo = ""
    if message.extra_tags:
        undo = format_html(
            '<form method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
            '<input type="hidden" name="once" value="{}"><input type="hidden" name="form" value="undo">'
            '<input type="hidden" name="what" value="{}"><button class="small second">Undo</button></form>',
            reverse("web:undo"),
            get_token(context["request"]),
            secrets.token_urlsafe(18),
            message.extra_tags,
        )
    return format_html('<div class="message {}" role="status">{} {}</div>', message.level_tag, message.message, undo)


@register.simple_tag(takes_context=True)
def form_head(context: template.Context, form: PageForm) -> SafeString:
    """Return what every form opens with, and what was refused."""
    return form_hidden(context, form) + form_errors(form)


@register.simple_tag
def form_errors(form: Any) -> SafeString:
    """Return what was refused: what is about no field, and the fields that are to be corrected."""
    if not hasattr(form, "wrong"):
        return (
            mark_safe("")
            if form.error is None
            else format_html('<p class="refusal" role="alert">{}</p>', form.error.detail)
        )
    if not form.sent or not form.errors:
        return mark_safe("")
    texts = format_html_join("", "<p>{}</p>", ((text,) for text in form.non_field_errors()))
    if form.wrong:
        faults = ((one.id_for_label or one.auto_id, one.label, " ".join(one.errors)) for one in form.wrong)
        lines = format_html_join("", '<li><a href="#{}">{}</a>: {}</li>', faults)
        texts += format_html("<p>Nothing was stored. Please correct:</p><ul>{}</ul>", lines)
    return format_html('<div class="refusal" role="alert">{}</div>', texts)


def _attributes(form: PageForm, bound: BoundField, attrs: dict[str, str | bool]) -> dict[str, str | bool]:
    found = {name.replace("_", "-"): value for name, value in attrs.items()}
    if isinstance(bound.field.widget, Select | CheckboxSelectMultiple) and not bound.field.required:
        found.setdefault("required", False)
    if form.wrong and form.wrong[0].name == bound.name:
        found["autofocus"] = True
    return found


@register.simple_tag
def field(
    form: PageForm, name: str, label: str | None = None, hint: str = "", css: str = "", **attrs: str | bool
) -> SafeString:
    """Return a field with its label, and beside it what is wrong with it.

    Args:
        label: other words than the form has for it.
        hint: what stands below it.
        css: classes of the box around it.
        attrs: attributes of the field, with ``_`` for ``-``; ``hidden_label=True`` for a label that is only read out.
    """
    bound = form[name]
    words: object = bound.label if label is None else label
    if attrs.pop("hidden_label", False):
        words = format_html('<span class="visually-hidden">{}</span>', words)
    found = _attributes(form, bound, attrs)
    help_id = f"{bound.auto_id}_helptext"  # where Django's `aria-describedby` looks for it; errors are at `…_error`
    text = hint or bound.help_text
    if not text and isinstance(bound.field, MomentField):
        text = f"guild time ({guild_time_zone()})"
    small = format_html('<small id="{}">{}</small>', help_id, text) if text else ""
    widget = bound.field.widget
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        ticks = format_html_join(
            "",
            '<label class="tick">{} <span>{}</span></label>',
            ((one.tag(), one.choice_label) for one in bound.subwidgets),
        )
        if len(bound.field.choices if hasattr(bound.field, "choices") else ()) > MOST_STACKED:
            ticks = format_html('<div class="fields">{}</div>', ticks)
        group: dict[str, object] = {}
        if bound.errors:
            group = {"aria-invalid": "true", "aria-describedby": f"{bound.auto_id}_error"}
        box = format_html(
            '<fieldset id="{}"{}><legend>{}</legend>{}{}</fieldset>', bound.auto_id, flatatt(group), words, small, ticks
        )
    elif isinstance(widget, CheckboxInput):
        if bound.help_text:
            words = format_html('<b>{}</b> <span class="quiet" id="{}">{}</span>', words, help_id, bound.help_text)
        box = format_html('<label class="tick">{} <span>{}</span></label>', bound.as_widget(attrs=found), words)
    else:
        box = format_html("<label>{} {}{}</label>", words, bound.as_widget(attrs=found), small)
    return format_html('<div class="field{}">{}{}</div>', f" {css}" if css else "", box, field_errors(bound))


@register.simple_tag
def item_field(form: PageForm, name: str) -> SafeString:
    """Return a field for an item's name: names appear as one types, and below it what is known of the one that was typed.
    The page has a ``<datalist id="item-names">`` for it."""
    hint = f"{form[name].auto_id}_hint"
    box = field(
        form, name, list="item-names", autocomplete="off",
        hx_get=reverse("web:item-suggest"), hx_trigger="input changed delay:250ms", hx_target=f"#{hint}",
        hx_vals=json.dumps({"field": form[name].auto_id, "from": name}),
    )  # fmt: skip
    return format_html('{}<div id="{}" class="small" aria-live="polite"></div>', box, hint)


@register.simple_tag
def field_errors(bound: BoundField) -> SafeString:
    """Return what is wrong with a field, to stand beside it."""
    if not bound.errors:
        return mark_safe("")
    return format_html('<p class="field-error" id="{}_error">{}</p>', bound.auto_id, " ".join(map(str, bound.errors)))


@register.simple_tag
def previewed(form: PageForm, shown: Shown) -> SafeString:
    """Ties a form to the preview that it shows: its digest, and what to say where something has changed since.

    The button that carries it out has the attribute ``data-previewed``: the page's script disables it as soon as a field
    is changed. Fields that are no part of the preview (a reason) have ``data-unpreviewed``.
    """
    note = ""
    if words := form.what_changed(shown):
        note = format_html('<p class="message warning" role="status">Since the preview before: {}.</p>', words)
    return format_html(
        '<input type="hidden" name="digest" value="{}"><input type="hidden" name="shown" value="{}">{}'
        '<p class="message warning" role="status" data-stale hidden>Something was entered differently since this preview. '
        "Preview it again before you confirm it.</p>",
        shown.digest,
        json.dumps(shown.marks()),
        note,
    )


@register.simple_tag
def field_error(form: forms.BaseForm, name: str) -> SafeString:
    """Mark a field that a template writes itself: put it inside the field's tag, and `field_errors` beside it."""
    if not form[name].errors:
        return mark_safe("")
    return format_html('aria-invalid="true" aria-describedby="{}_error"', form[name].auto_id)


@register.inclusion_tag("web/parts/pages.html", takes_context=True)
def page_links(context: template.Context, page: object) -> dict[str, object]:
    """Return the way through a long list."""
    return {"request": context["request"], "page": page}


@register.inclusion_tag("web/parts/sort.html", takes_context=True)
def sort_link(context: template.Context, label: str, name: str, default: str = "") -> dict[str, object]:
    """Return a column's heading that sorts by it, and turns the order around when it does already.

    `name` with a leading ``-`` sorts downwards at first.
    """
    current = context["request"].GET.get("sort", default)
    plain = name.lstrip("-")
    active = current.lstrip("-") == plain
    if active:
        target = plain if current.startswith("-") else f"-{plain}"
    else:
        target = name
    arrow = ("▾" if current.startswith("-") else "▴") if active else ""
    order = ("descending" if current.startswith("-") else "ascending") if active else ""
    return {"request": context["request"], "label": label, "target": target, "arrow": arrow, "order": order}


@register.filter
def after_colon(text: str) -> str:
    """Return a reason as it stands at the end of a sentence; nothing where none was given."""
    return f": {text}" if text else ""


MODES = {"open": "open bids", "sealed": "sealed bids", "second_price": "sealed bids, second price", "roll": "rolls"}


@register.filter
def bid_mode(session: BidSession) -> str:
    """Return how an item is bid for, in words that cannot be taken for whether the auction runs."""
    return MODES[session.mode]


CLASS_CODES = {
    "Warrior": "WAR", "Cleric": "CLR", "Paladin": "PAL", "Ranger": "RNG", "Shadow Knight": "SHD", "Druid": "DRU",
    "Monk": "MNK", "Bard": "BRD", "Rogue": "ROG", "Shaman": "SHM", "Necromancer": "NEC", "Wizard": "WIZ",
    "Magician": "MAG", "Enchanter": "ENC", "Beastlord": "BST", "Berserker": "BER",
}  # fmt: skip


@register.filter
def class_mark(name: str | None) -> SafeString:
    """Return a class as the three letters that players use, the full name behind it."""
    return _class_mark(str(name)) if name else mark_safe('<span class="quiet">–</span>')


@functools.lru_cache(maxsize=200)
def _class_mark(name: str) -> SafeString:
    code = CLASS_CODES.get(name, name[:3].upper())
    return format_html('<abbr class="class class-{}" title="{}">{}</abbr>', code.lower(), name, code)


@register.filter
def pretty(data: object) -> str:
    """Return JSON as a person reads it."""
    return json.dumps(data, indent=1, ensure_ascii=False, default=str)


@register.filter
def target_value(raid: Raid) -> str:
    """Return what the import form calls a raid."""
    return f"raid:{raid.pk}"


@register.filter
def unlocal(number: float) -> str:
    """Return a number as SVG wants it, whatever the language."""
    return f"{number:g}"


@register.filter
def last_date(prices: Sequence[LootDistribution]) -> str:
    """Return the day of the oldest of the prices."""
    return timezone.localtime(prices[-1].awarded_at).strftime("%-d %b %Y") if prices else ""


@register.simple_tag(takes_context=True)
def of_me(context: Context, what: str) -> str:
    """Return the reader's ``name``, their time ``zone``, or the address of their ``statement``."""
    request = context["request"]
    if makes_for_all(request):
        return mark(what)
    if what == "name":
        return str(request.user)
    if what == "zone":
        return zone_of(request.user)
    return reverse("web:statement", args=[request.user.pk])


@register.simple_tag(takes_context=True)
def mine(context: Context, user_id: int | None) -> str:
    """Return the class of a row that is the reader's own, as an attribute."""
    request = context["request"]
    if user_id is None:
        return ""
    if makes_for_all(request):
        return mark(f"mine-{user_id}")
    return mark_safe(' class="mine"') if request.user.pk == user_id else ""
