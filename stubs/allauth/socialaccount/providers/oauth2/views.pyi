from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

class OAuth2LoginView:
    @classmethod
    def adapter_view(cls, adapter: type) -> Callable[..., HttpResponse]: ...
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse: ...

class OAuth2CallbackView(OAuth2LoginView): ...
