"""Django's classes that are generic to mypy alone: at run time they take no type arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile as DjangoUploadedFile
from django.forms import ModelForm as DjangoModelForm

if TYPE_CHECKING:
    ModelForm = DjangoModelForm[Any]
    TabularInline = admin.TabularInline[Any, Any]
    UploadedFile = DjangoUploadedFile[bytes]
else:
    ModelForm, TabularInline, UploadedFile = DjangoModelForm, admin.TabularInline, DjangoUploadedFile
