"""What every form of a page is: a Django form that is sent once and shows each refusal beside its field.

Invariants: a view reads what was sent through the `cleaned_data` of a form, never from the request
(`web/tests/test_forms.py`); `PageForm.run` validates, does the action once (`core.idempotency`) and puts a service's refusal
beside the field that is to blame; what was typed stays in the fields.

In templates: ``{% form_head form %}`` inside the form, ``{% field form "name" %}`` for each field.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

from guildhall.core.errors import BadInput, Conflict, GuildhallError
from guildhall.core.form_fields import TextField, ValuesField
from guildhall.core.idempotency import Outcome, run_idempotently
from guildhall.core.previews import PreviewChanged, Shown, what_changed
from guildhall.core.versions import StaleEdit
from guildhall.web.pages import LEVELS, LONGEST_TOKEN, TOKEN, Done, me

_SEVERAL = (forms.MultipleChoiceField, ValuesField, forms.FileField)


class PageForm(forms.Form):
    """A form of a page. `name` tells several forms of one page apart; with `row` the same form stands once for each row.
    A form that begins with what is stored has the `version` of that, which its use case takes as `seen_version`.

    Class attributes:
        blames: fields by the name that a service has for them, where it is another one.
    """

    blames: Mapping[str, str] = {}

    def __init__(
        self,
        request: HttpRequest,
        name: str = "",
        *,
        initial: Mapping[str, object] | None = None,
        row: Any = "",
        version: str = "",
    ) -> None:
        self.request, self.form_name = request, name
        self.token = secrets.token_urlsafe(18)
        self._version = version
        self.error: GuildhallError | None = None
        self.sent = request.method == "POST" and request.POST.get("form", "") == name
        super().__init__(
            request.POST if self.sent else None,
            request.FILES if self.sent else None,
            initial=dict(initial or {}),
            auto_id=f"id_{'-'.join(part for part in (name, str(row)) if part)}_%s" if name or row else "id_%s",
        )
        self.prepare()

    def prepare(self) -> None:
        """Say what depends on the moment: the rows to choose from. Called when the form is made."""

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc] # as Django calls it
        for name, field in self.fields.items():
            if not isinstance(field, _SEVERAL) and len(self._sent_values(name)) > 1:
                self.add_error(name, ValidationError("This was sent more than once; send it once.", code="repeated"))

    def _sent_values(self, name: str) -> list[Any]:
        return self.data.getlist(name) if isinstance(self.data, QueryDict) else []

    def hidden(self, name: str) -> str:
        """Return a hidden value of the page's own machinery (the key, the digest); empty where none was sent."""
        return str(self.data.get(name, "")).replace("\x00", "").strip() if self.sent else ""

    @property
    def pressed(self) -> str:
        """Return which button of several was pressed."""
        return self.hidden("step")

    @property
    def digest(self) -> str:
        """Return the digest of the preview that this form carries (`{% previewed %}`), for the use case that carries it out.

        Raises:
            Conflict: ``not_previewed`` where it carries none.
        """
        if not (found := self.hidden("digest")):
            raise Conflict(
                "Nothing was stored: this was not previewed yet. Look at the preview and confirm that.",
                code="not_previewed",
            )
        return found

    @property
    def seen_version(self) -> str:
        """Return the version of what was shown when this form was opened, for the use case that changes it.

        Raises:
            Conflict: ``not_seen`` where it carries none.
        """
        if not (found := self.hidden("version")):
            raise Conflict(
                "Nothing was stored: this form does not say what it was opened on. Open the page again.",
                code="not_seen",
            )
        return found

    @property
    def version(self) -> str:
        """Return the version of the row that is edited, as the fields show it (`core.versions`); empty where it has none.

        A form that was refused keeps the one that it was opened on, so that the next try is judged by that; unless it was
        refused for it, and says what is there now.
        """
        if isinstance(self.error, StaleEdit):
            return str(self.error.figures["version"])
        return self.hidden("version") if self.sent and self._version else self._version

    @property
    def needs_preview(self) -> bool:
        """Return whether the form was refused because what it asks for is not what was previewed: preview it anew."""
        return self.error is not None and self.error.code in ("not_previewed", "preview_changed")

    def what_changed(self, shown: Shown) -> str:
        """Return one sentence on what is different in `shown` from the preview that this form carries; empty if unknown."""
        if not isinstance(self.error, PreviewChanged):
            return ""
        try:
            before = json.loads(self.hidden("shown"))
        except (ValueError, RecursionError):
            return ""
        return what_changed(before, shown) if isinstance(before, dict) else ""

    def refuse(self, error: GuildhallError) -> None:
        """Show a service's refusal, beside the field that is to blame where there is one."""
        self.error = error
        for fault in error.faults:
            name = self.blames.get(fault.attr or "", fault.attr)
            self.add_error(name if name in self.fields else None, ValidationError(fault.detail, code=fault.code))

    def run(self, action: Callable[[], Done]) -> HttpResponse | None:
        """Do `action` once and go where it says; None where a field is wrong or a service refused."""
        key = self.hidden(TOKEN)
        if not key or len(key) > LONGEST_TOKEN:
            text = "This form is incomplete: its key is missing. Open the page again and send the form from there."
            self.errors  # noqa: B018 - validates, so that there is where to put it
            self.refuse(BadInput(text, code="form_without_key"))
        if not self.is_valid():
            return None

        def remembered() -> Outcome:
            done = action()
            return Outcome({"url": done.url, "message": done.message, "level": done.level, "undo": done.undo})

        try:
            owner = f"web:{me(self.request).pk}"
            outcome = run_idempotently(owner=owner, key=key, request_hash="form", action=remembered)
        except GuildhallError as error:
            self.refuse(error)
            return None
        answer = outcome.body or {}
        if outcome.is_repeated:
            words = f"That was done already, and counts once: {answer.get('message', '')}"
            messages.info(self.request, words, extra_tags=answer.get("undo", ""))
        else:
            level = LEVELS[answer["level"]]
            messages.add_message(self.request, level, answer["message"], extra_tags=answer.get("undo", ""))
        return HttpResponseRedirect(answer.get("url") or "/")

    @property
    def wrong(self) -> list[BoundField]:
        """Return the fields that were refused, in their order."""
        return [self[name] for name in self.fields if name in self.errors] if self.sent else []

    @property
    def http_status(self) -> int:
        """Return the status of the page that shows this form again."""
        if self.error is not None:
            return self.error.status
        return 400 if self.sent and self.errors else 200


class ButtonForm(PageForm):
    """A form that is a button alone."""


class ReasonForm(PageForm):
    """A form that asks why."""

    reason = TextField("Why", required="Say why: the reason is shown beside every reversal.", max_length=300)
