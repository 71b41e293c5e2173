"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from guildhall.web.views import (
    adjustments,
    auctions,
    discord,
    home,
    keys,
    officers,
    pools,
    recruitment,
    roster,
    rules,
    signin,
    standings,
    statement,
)

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
    path("officers/adjust/", adjustments.adjust, name="adjust"),
    path("officers/rules/", rules.rules, name="rules"),
    path("officers/rules/<int:rule_id>/", rules.rule, name="rule"),
    path("officers/rules/runs/<int:run_id>/undo/", rules.undo_run, name="undo-run"),
    path("officers/pools/", pools.pools, name="pools"),
    path("officers/pools/<int:pool_id>/", pools.pool, name="pool"),
    path("officers/people/", officers.people, name="people"),
    path("officers/people/<int:user_id>/", officers.person, name="person"),
    path("officers/discord/", discord.discord, name="discord"),
    path("me/discord/", discord.my_discord, name="my-discord"),
    path("officers/audit/", officers.audit, name="audit"),
    path("apply/", recruitment.apply, name="apply"),
    path("apply/follow/", recruitment.follow, name="follow"),
    path("auctions/", auctions.auctions, name="auctions"),
    path("auctions/<str:bid_session_id>/", auctions.auction, name="auction"),
    path("recruitment/", recruitment.recruitment, name="recruitment"),
    path("recruitment/<int:application_id>/", recruitment.application, name="application"),
]
