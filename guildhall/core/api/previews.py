"""Previews in the API: the digest in requests, and the new preview in a refusal (`core.previews`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers

from guildhall.core.previews import MAX_LENGTH, PreviewChanged


class DigestField(serializers.CharField):
    """The `digest` of the preview that is to be carried out; anything else is refused with 409 `preview_changed`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("max_length", MAX_LENGTH)
        kwargs.setdefault(
            "help_text",
            "the digest of the preview: carry out exactly that, else 409 `preview_changed` with the new preview",
        )
        super().__init__(**kwargs)


class ShownDigestField(serializers.CharField):
    """The `digest` in a preview's answer: send it back with what you send to carry that preview out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("read_only", True)
        kwargs.setdefault("help_text", "send it back to carry out exactly this")
        super().__init__(**kwargs)


@contextmanager
def previewed_anew(preview: Callable[[], Any]) -> Iterator[None]:
    """Add the new preview, as `preview` returns its body, to a `PreviewChanged` on its way out."""
    try:
        yield
    except PreviewChanged as error:
        body = preview()
        error.figures["preview"] = body
        error.figures["digest"] = body["digest"]
        raise
