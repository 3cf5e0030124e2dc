"""Which view answers which path. /static is whitenoise's: it stands in front of these."""

from django.urls import path

from . import views

urlpatterns = [
    path("hello", views.hello, name="hello"),
    path("items/<int:id>", views.Item.as_view(), name="item"),
    path("empty", views.empty),
    path("query", views.query, name="query"),
    path("path/<path:rest>", views.path, name="path"),
    path("form", views.form),
    path("multipart", views.multipart),
    path("json", views.json_in_and_out),
    path("header", views.header),
    path("tags", views.tags),
    path("upload", views.upload),
    path("ignore", views.ignore),
    path("cookies", views.cookies),
    path("login", views.login),
    path("whoami", views.whoami),
    path("logout", views.logout),
    path("secret", views.secret),
    path("old", views.old),
    path("links", views.links),
    path("page", views.page),
    path("download", views.download),
    path("stream", views.stream),
    path("flow/<slug:token>", views.flow),
    path("flow/<slug:token>/closed", views.flow_closed),
    path("error", views.error),
    path("broken", views.broken),
]
