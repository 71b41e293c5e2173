"""Every path. An app's API brings its own; the paths are those of PRD 5.2."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from guildhall.accounts.password_change import password_change
from guildhall.core.api.docs import DocsView, SchemaView
from guildhall.core.api.errors import api_not_found
from guildhall.core.api.root import RootView

urlpatterns = [
    # In place of the admin's own, which checks the old password without the throttle.
    path("admin/password_change/", admin.site.admin_view(password_change)),
    path("admin/", admin.site.urls),
    # There is one sign-in page and one page for one's Discord account; allauth's own would be a second of each.
    path("accounts/login/", RedirectView.as_view(pattern_name="web:sign-in", query_string=True)),
    path("accounts/3rdparty/", RedirectView.as_view(pattern_name="web:my-discord")),
    path("accounts/", include("allauth.urls")),
    path("api/", RootView.as_view(), name="api-root"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="api-docs"),
    path("api/", include("guildhall.accounts.api.urls")),
    path("api/", include("guildhall.roster.api.urls")),
    path("api/", include("guildhall.points.api.urls")),
    path("api/", include("guildhall.raids.api.urls")),
    path("api/", include("guildhall.loot.api.urls")),
    path("api/", include("guildhall.recruitment.api.urls")),
    path("api/", include("guildhall.auctions.api.urls")),
    path("", include("guildhall.ops.urls")),
    path("", include("guildhall.eqdkp.compat.urls")),
    path("api/", include("guildhall.discord.api.urls")),
]

urlpatterns += [path("", include("guildhall.web.urls"))]

# Last: what no app has answered under /api/ is a JSON 404, never a page.
urlpatterns += [re_path(r"^api/", api_not_found)]

handler400 = "guildhall.web.views.errors.bad_request"
handler403 = "guildhall.web.views.errors.forbidden"
handler404 = "guildhall.web.views.errors.not_found"
handler500 = "guildhall.web.views.errors.server_error"
