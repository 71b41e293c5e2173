"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from guildhall.web.views import home, keys, roster, signin, standings, statement

app_name = "web"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", signin.sign_in, name="sign-in"),
    path("sign-in/as/<slug:username>/", signin.demo_door, name="demo-door"),
    path("sign-out/", signin.sign_out, name="sign-out"),
    path("standings/", standings.standings, name="standings"),
    path("standings/export.<slug:file_format>", standings.standings_export, name="standings-export"),
    path("roster/", roster.roster, name="roster"),
    path("roster/families/", roster.families, name="families"),
    path("characters/<int:character_id>/", roster.character, name="character"),
    path("me/", statement.mine, name="mine"),
    path("me/keys/", keys.keys, name="keys"),
    path("people/<int:user_id>/", statement.statement, name="statement"),
    path("people/<int:user_id>/export.<slug:file_format>", statement.statement_export, name="statement-export"),
    path("people/<int:user_id>/pools/<int:pool_id>/", statement.explain, name="explain"),
    path("entries/<int:entry_id>/reverse/", statement.reverse_entry, name="reverse-entry"),
]
