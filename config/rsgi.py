"""What `manage.py serve` has granian serve: the WSGI application in a few threads, live streams without any."""

from django.conf import settings

from config.wsgi import application as wsgi_application
from guildhall.core.rsgi import RSGIApplication

application = RSGIApplication(wsgi_application, threads=settings.WEB_THREADS)
