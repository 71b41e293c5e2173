"""Addresses that are put together of their parts are those that Django makes, of every page with one number in it."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, get_resolver, reverse, set_script_prefix

from guildhall.accounts.models import User
from guildhall.web.sources import address, page_url

NAMES = [
    f"web:{name}"
    for name, (possibilities, *_) in (
        (name, found[0])
        for name, found in get_resolver("guildhall.web.urls").reverse_dict.lists()
        if isinstance(name, str)
    )
    if [len(arguments) for _, arguments in possibilities] == [1]
]


def numbered() -> list[str]:
    """The pages whose one argument may be a number."""
    found = []
    for name in NAMES:
        try:
            reverse(name, args=[7])
        except NoReverseMatch:
            continue
        found.append(name)
    return found


def test_they_are_djangos() -> None:
    assert len(numbered()) > 20
    for name in numbered():
        for number in (0, 7, 10**12):
            assert address(name, number) == reverse(name, args=[number]) == page_url(name, number)
            assert Template("{% load guildhall %}{% url name number %}").render(
                Context({"name": name, "number": number})
            ) == reverse(name, args=[number])


def test_what_is_no_address_is_none() -> None:
    url = Template("{% load guildhall %}{% url 'web:raid' number %}")
    for wrong in (-1, "x", 1.5):
        with pytest.raises(NoReverseMatch):
            url.render(Context({"number": wrong}))
    with pytest.raises(NoReverseMatch):
        address("web:nothing-of-the-kind", 1)
    assert page_url("web:nothing-of-the-kind", 1) == ""


def test_a_site_below_a_prefix_has_it_in_its_addresses() -> None:
    set_script_prefix("/guild/")
    try:
        assert address("web:raid", 7) == reverse("web:raid", args=[7]) == "/guild/raids/7/"
    finally:
        set_script_prefix("/")
    assert address("web:raid", 7) == "/raids/7/"


@pytest.mark.django_db
@pytest.mark.every_database
def test_a_person_is_got_by_their_key_as_ever() -> None:
    made = User.objects.create_user("aeli", display_name="Aeli")
    assert User.objects.get(pk=made.pk) == made
    assert User.objects.get(pk=str(made.pk)) == User.objects.get(username="aeli") == made
    for wrong in (made.pk + 1, 2**70):
        with pytest.raises(User.DoesNotExist):
            User.objects.get(pk=wrong)
