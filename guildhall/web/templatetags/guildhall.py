"""How the pages write points, times, people and forms: each in one place."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from django import template
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from guildhall.core import clock

register = template.Library()


@register.filter
def points(amount: Decimal | None) -> str:
    """``1,234.50``, with a real minus sign; a dash for nothing."""
    if amount is None:
        return "–"
    return f"{amount:,.2f}".replace("-", "−")


@register.filter
def signed(amount: Decimal | None) -> SafeString:
    """A change: ``+10.00`` or ``−5.00``, coloured and readable without colour."""
    if amount is None:
        return mark_safe("–")
    kind = "plus" if amount > 0 else "minus" if amount < 0 else "zero"
    text = f"{amount:+,.2f}".replace("-", "−") if amount else "0.00"
    return format_html('<span class="amount {}">{}</span>', kind, text)


@register.filter
def percent(value: Decimal | None) -> str:
    """``87 %``, ``14.97 %``: as exact as it is kept, for 14.97 is not 15; a dash where nobody knows."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    return f"{text.rstrip('0').rstrip('.')} %"


@register.filter
def when(moment: dt.datetime | None) -> SafeString:
    """A moment in the guild's time zone, with the exact one behind it."""
    return _time(moment, "%-d %b %Y, %H:%M")


@register.filter
def day(moment: dt.datetime | None) -> SafeString:
    """The day of a moment in the guild's time zone."""
    return _time(moment, "%-d %b %Y")


@register.filter
def hour(moment: dt.datetime | None) -> SafeString:
    """The time of day of a moment in the guild's time zone."""
    return _time(moment, "%H:%M")


def _time(moment: dt.datetime | None, shape: str) -> SafeString:
    if moment is None:
        return mark_safe("–")
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        local.strftime("%A %-d %B %Y, %H:%M:%S %Z"),
        local.strftime(shape),
    )


@register.filter
def ago(moment: dt.datetime | None) -> SafeString:
    """``3 hours ago``, ``in 47 hours``, ``in 2 days``, with the exact moment behind it."""
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
def for_input(moment: Any) -> str:
    """A moment as a `datetime-local` field wants it; what was typed stays as typed."""
    if isinstance(moment, dt.datetime):
        return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")
    return str(moment or "")


@register.filter
def person(user: Any) -> SafeString:
    """A person, linked to their statement; “the system” for nobody."""
    if user is None:
        return mark_safe('<span class="quiet">the system</span>')
    return format_html('<a href="{}">{}</a>', reverse("web:statement", args=[user.pk]), str(user))


@register.filter
def character(row: Any) -> SafeString:
    """A character, linked to its page, with its class as a mark."""
    if row is None:
        return mark_safe("–")
    return format_html('<a href="{}">{}</a>', reverse("web:character", args=[row.pk]), row.name)


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """``mapping[key]``, nothing where it is not there."""
    return mapping.get(key) if mapping else None


@register.simple_tag(takes_context=True)
def form_head(context: Any, form: Any) -> SafeString:
    """What every form opens with: the CSRF token, its key, and what was refused."""
    hidden = format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="once" value="{}"><input type="hidden" name="form" value="{}">',
        get_token(context["request"]),
        form.token,
        form.name,
    )
    if form.error is None:
        return hidden
    return hidden + format_html('<p class="refusal" role="alert">{}</p>', form.error.detail)


@register.simple_tag
def field_error(form: Any, name: str) -> SafeString:
    """Marks the field that is to blame: put it inside the field's tag."""
    if form.error is not None and form.error.attr == name:
        return mark_safe('aria-invalid="true" autofocus')
    return mark_safe("")


@register.inclusion_tag("web/parts/pages.html", takes_context=True)
def page_links(context: Any, page: Any) -> dict[str, Any]:
    """The way through a long list."""
    return {"request": context["request"], "page": page}


@register.inclusion_tag("web/parts/sort.html", takes_context=True)
def sort_link(context: Any, label: str, name: str, default: str = "") -> dict[str, Any]:
    """A column's heading that sorts by it, and turns the order around when it does already.

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


CLASS_CODES = {
    "Warrior": "WAR", "Cleric": "CLR", "Paladin": "PAL", "Ranger": "RNG", "Shadow Knight": "SHD", "Druid": "DRU",
    "Monk": "MNK", "Bard": "BRD", "Rogue": "ROG", "Shaman": "SHM", "Necromancer": "NEC", "Wizard": "WIZ",
    "Magician": "MAG", "Enchanter": "ENC", "Beastlord": "BST", "Berserker": "BER",
}  # fmt: skip


@register.filter
def class_mark(name: str | None) -> SafeString:
    """A class as the three letters that players use, the full name behind it."""
    if not name:
        return mark_safe('<span class="quiet">–</span>')
    code = CLASS_CODES.get(name, name[:3].upper())
    return format_html('<abbr class="class class-{}" title="{}">{}</abbr>', code.lower(), name, code)


@register.filter
def pretty(data: Any) -> str:
    """JSON as a person reads it."""
    return json.dumps(data, indent=1, ensure_ascii=False, default=str)


@register.filter
def target_value(raid: Any) -> str:
    """What the import form calls a raid."""
    return f"raid:{raid.pk}"


@register.filter
def unlocal(number: float) -> str:
    """A number as SVG wants it, whatever the language."""
    return f"{number:g}"


@register.filter
def last_date(prices: Any) -> str:
    """The day of the oldest of the prices."""
    return timezone.localtime(prices[-1].awarded_at).strftime("%-d %b %Y") if prices else ""
