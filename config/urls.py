"""Every path. A room's API brings its own; the paths are those of PRD 5.2."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from guildhall.core.api.errors import api_not_found

urlpatterns = [
    path("admin/", admin.site.urls),
    # There is one sign-in page and one page for one's Discord account; allauth's own would be a second of each.
    path("accounts/login/", RedirectView.as_view(pattern_name="web:sign-in", query_string=True)),
    path("accounts/3rdparty/", RedirectView.as_view(pattern_name="web:my-discord")),
    path("accounts/", include("allauth.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # In two parts, the page and its script: no script stands in a page here (core/middleware.py).
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="web/api_docs.html"),
        name="api-docs",
    ),
    path("api/", include("guildhall.accounts.api.urls")),
    path("api/", include("guildhall.roster.api.urls")),
    path("api/", include("guildhall.points.api.urls")),
    path("api/", include("guildhall.raids.api.urls")),
    path("api/", include("guildhall.loot.api.urls")),
    path("api/", include("guildhall.recruitment.api.urls")),
    path("api/", include("guildhall.auctions.api.urls")),
    path("", include("guildhall.ops.urls")),
    path("", include("guildhall.eqdkp.compat.urls")),
    path("api/", include("guildhall.eqdkp.api.urls")),
    path("api/", include("guildhall.discord.api.urls")),
]

urlpatterns += [path("", include("guildhall.web.urls"))]

# Last: what no room has answered under /api/ is a JSON 404, never a page.
urlpatterns += [re_path(r"^api/", api_not_found)]

handler400 = "guildhall.web.views.errors.bad_request"
handler403 = "guildhall.web.views.errors.forbidden"
handler404 = "guildhall.web.views.errors.not_found"
handler500 = "guildhall.web.views.errors.server_error"
