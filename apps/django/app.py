"""What Django's `startproject` calls wsgi.py: the project as a WSGI application.

The common scenario of every app in the matrix stands in project/views.py.
"""

import os

from django.core.handlers.wsgi import LimitedStream, WSGIRequest
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
LONGEST_BODY = 64 * 1024 * 1024


class Request(WSGIRequest):
    """A request whose body may have come in chunks.

    Such a body has no CONTENT_LENGTH, unless the server has read it ahead; Django then takes
    it for empty, even if the server says that the input ends by itself (wsgi.input_terminated).
    https://code.djangoproject.com/ticket/35838
    """

    def __init__(self, environ):
        super().__init__(environ)
        if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
            self._stream = LimitedStream(environ["wsgi.input"], LONGEST_BODY)


app = get_wsgi_application()
app.request_class = Request
