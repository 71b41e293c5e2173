"""The version stands in one place, and everything that shows it reads it there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from guildhall import __version__

ROOT = Path(__file__).resolve().parent.parent


def test_no_other_file_states_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    files = [
        ROOT / "manage.py",
        *ROOT.glob("config/*.py"),
        *ROOT.glob("guildhall/**/*.html"),
        *ROOT.glob("guildhall/core/**/*.py"),
    ]
    assert [str(path) for path in files if f'"{__version__}"' in path.read_text()] == []


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert first is not None
    assert first[1] == __version__


def test_this_version_has_release_notes() -> None:
    assert (ROOT / f"docs/releases/{__version__}.md").is_file()


def test_manage_py_prints_it() -> None:
    printed = subprocess.run(
        [sys.executable, "manage.py", "version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout.startswith(f"Guildhall {__version__} (Django ")


@pytest.mark.django_db
def test_the_api_and_the_pages_show_it(client: Client, django_user_model: Any) -> None:
    assert client.get("/api/").json()["version"] == __version__
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == __version__
    assert f"Guildhall {__version__}" not in client.get("/sign-in/").content.decode()
    client.force_login(django_user_model.objects.create_user("somebody"))
    assert f"Guildhall {__version__}" in client.get("/", follow=True).content.decode()
