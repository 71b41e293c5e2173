"""What `manage.py serve` has granian serve: the WSGI application in a few threads, live streams without any."""

from django.conf import settings
from django.db import connections

from config.database import limit_web_process
from config.wsgi import application as wsgi_application
from guildhall.core.outage import web_process
from guildhall.core.rsgi import RSGIApplication
from guildhall.ops.probe import answer

limit_web_process(connections["default"].settings_dict)
web_process.start(settings.WEB_THREADS)
application = RSGIApplication(wsgi_application, threads=settings.WEB_THREADS, without_a_thread={"/healthz": answer})
