from django.forms import ValidationError
from django.http import HttpRequest

class DefaultAccountAdapter:
    request: HttpRequest
    def is_open_for_signup(self, request: HttpRequest) -> bool: ...
    def validation_error(self, code: str, *args: object) -> ValidationError: ...
