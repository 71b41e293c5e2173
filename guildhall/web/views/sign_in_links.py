"""Getting in without Discord: invitations that officers make, joining by one, and a new password by e-mail or by a link."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from guildhall.accounts import services as accounts
from guildhall.accounts import throttle
from guildhall.accounts.models import PermissionGroup, SignInLink, User
from guildhall.accounts.reset_mail import ask_for_reset_mail
from guildhall.accounts.services.sign_in_links import links
from guildhall.core import mail
from guildhall.core.errors import GuildhallError, NotFound, TooManyRequests
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.sign_in_links import (
    FirstPasswordForm,
    ForgottenForm,
    InvitationForm,
    JoinForm,
    NewPasswordForm,
    RevokeLinkForm,
)
from guildhall.web.pages import Done, go, me, officers, page, paginate
from guildhall.web.setup_steps import note_step
from guildhall.web.views.signin import BACKEND

SHOWN = "shown_link"
ASKED = "If that name or address is known here and has an e-mail address, a link is on its way; it works for an hour."


@never_cache
@page("roster:write", may=officers)
def invitations(request: HttpRequest) -> HttpResponse:
    """Return the links that officers made, each with who used it; forms to make and to revoke one. A new one is shown once."""
    make, revoke = InvitationForm(request, "make"), RevokeLinkForm(request, "revoke")
    make.offer(PermissionGroup.objects.filter(for_role=""))
    actor = me(request)

    def made() -> Done:
        given = dict(make.cleaned_data)
        user, uses = given.pop("person"), given.pop("uses")
        if user is not None:
            link, token = accounts.make_sign_in_link(user=user, actor=actor, **given)
        else:
            link, token = accounts.make_invitation(actor=actor, most_uses=uses, **given)
        note_step("people", actor=actor)
        return _show_once(request, link, token)

    def revoked() -> Done:
        link = SignInLink.objects.filter(pk=revoke.cleaned_data["link"]).first()
        if link is None:
            raise NotFound("There is no such link.", code="unknown_link")
        accounts.revoke_link(link=link, actor=actor)
        return go("invitations", message="The link opens nothing any more. Who came in by it stays.")

    for form, action in ((make, made), (revoke, revoked)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {
        "make": make,
        "revoke": revoke,
        "page": paginate(request, links()),
        "shown": request.session.pop(SHOWN, None) if request.method == "GET" else None,
    }
    return render(request, "web/invitations.html", context, status=max(make.http_status, revoke.http_status))


def _show_once(request: HttpRequest, link: SignInLink, token: str) -> Done:
    """Keep the address of a new link in the session until the next page has shown it."""
    whom = str(link.user) if link.user else ""
    request.session[SHOWN] = {
        "url": request.build_absolute_uri(accounts.link_path(token, kind=link.kind)),
        "whom": whom,
    }
    return go("invitations", message="The link is made. Copy it now; it is not shown again.")


class PersonLink:
    """The button that makes a link for one person: a part of the page about them."""

    def __init__(self, request: HttpRequest, person: User) -> None:
        self.request, self.person = request, person
        self.form = ButtonForm(request, "link")
        self.actions: list[tuple[PageForm, Callable[[], Done]]] = [(self.form, self.make)]

    def context(self) -> dict[str, object]:
        """Return what the page shows of it."""
        return {"link": self.form, "has_password": self.person.has_usable_password()}

    def make(self) -> Done:
        """Make the link, and show it on the page of all links."""
        link, token = accounts.make_sign_in_link(user=self.person, actor=me(self.request))
        return _show_once(self.request, link, token)


def _found(request: HttpRequest, token: str, *, invitation: bool) -> SignInLink:
    link = accounts.find_link(token)
    if link is None or (link.user_id is None) != invitation:
        throttle.failed(request, throttle.Tried.SIGN_IN_LINK)
        raise NotFound(
            "There is no such link. Check that you have all of it, or ask an officer for a new one.",
            code="unknown_link",
        )
    return link


def _closed(request: HttpRequest, link: SignInLink) -> HttpResponse | None:
    """Return the page that says why a link opens nothing any more; None where it is good."""
    if (closed := accounts.why_closed(link)) is None:
        return None
    context = {"heading": "This link is over", "detail": closed.detail, "status": 410}
    return render(request, "web/refused.html", context, status=410)


def _use(request: HttpRequest, form: PageForm, token: str) -> HttpResponse | None:
    """Set name and password, sign in and go home; None where the form is shown again."""
    if not form.is_valid():
        return None
    given = form.cleaned_data
    chosen = accounts.Credentials(given.get("username", ""), given["password"], given.get("display_name", ""))
    try:
        user = accounts.use_link(token=token, chosen=chosen)
    except GuildhallError as error:
        form.refuse(error)
        return None
    login(request, user, backend=BACKEND)
    throttle.remember_place(request, user)
    messages.success(request, f"You are in. Next time sign in as {user.username} with the password that you chose.")
    return HttpResponseRedirect(reverse("web:home"))


@never_cache
@sensitive_post_parameters("password", "again")
@page(public=True)
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Come in by an invitation: choose a name and a password."""
    link = _found(request, token, invitation=True)
    if (closed := _closed(request, link)) is not None:
        return closed
    form = JoinForm(request, "join")
    if form.sent and not request.user.is_authenticated and (response := _use(request, form, token)) is not None:
        return response
    context = {"form": form, "link": link, "is_in": request.user.is_authenticated}
    return render(request, "web/join.html", context, status=form.http_status)


@never_cache
@sensitive_post_parameters("password", "again")
@page(public=True)
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """Set a new password by the link that an officer or an e-mail gave; a first one with the name to sign in with."""
    link = _found(request, token, invitation=False)
    if (closed := _closed(request, link)) is not None:
        return closed
    person = link.user
    assert person is not None
    has_password = person.has_usable_password()
    form: PageForm = (
        NewPasswordForm(request, "reset")
        if has_password
        else FirstPasswordForm(request, "reset", initial={"username": person.username})
    )
    if form.sent and (response := _use(request, form, token)) is not None:
        return response
    context = {"form": form, "person": person, "has_password": has_password}
    return render(request, "web/reset.html", context, status=form.http_status)


@never_cache
@page(public=True)
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for an e-mail to set a new password; without a mail server, say whom to ask. The answer tells nothing of who is known."""
    form, is_asked = ForgottenForm(request, "forgotten"), False
    has_mail = mail.is_set_up()
    if form.sent and has_mail and form.is_valid():
        try:
            throttle.asks_for_mail(request)
            ask_for_reset_mail(name=form.cleaned_data["name"])
            is_asked = True
        except TooManyRequests as error:
            form.refuse(error)
    context = {"form": form, "has_mail": has_mail, "asked": ASKED if is_asked else ""}
    response = render(request, "web/forgotten.html", context, status=form.http_status)
    if isinstance(form.error, TooManyRequests):
        response["Retry-After"] = str(form.error.retry_after)
    return response
