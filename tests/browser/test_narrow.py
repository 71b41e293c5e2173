"""A phone without JavaScript: whatever the menu leads to can be reached."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.services import create_person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scripts", [True, False])
def test_the_menu_is_there_with_and_without_scripts(live_server: Any, chromium: Any, scripts: bool) -> None:
    client = Client()
    client.force_login(create_person(display_name="Brakkus", role_group="officer"))
    context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=scripts)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/")
    button, link = page.locator("[data-menu-button]"), page.locator("#menu a", has_text="Roster").first
    assert (button.is_visible(), link.is_visible()) == (scripts, not scripts)
    if scripts:
        button.click()
    link.click()
    page.wait_for_url("**/roster/")
    context.close()
