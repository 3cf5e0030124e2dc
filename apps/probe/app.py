"""The probe: what a WSGI server owes its application and its client, seen from the inside.

`app` finds the route of a path and calls it with the environ and start_response as they came. No
framework and no help stands between a route and the server: a route may do what no application
should. Each module beside this one holds the routes of one part of the contract.
"""

import environ_routes
import input_routes
import lifecycle_routes
import record
import response_routes
import setup_routes
import wire_routes

ROUTES = {}
for module in (environ_routes, input_routes, lifecycle_routes, response_routes, setup_routes, wire_routes, record):
    for path, route in module.ROUTES.items():
        assert path not in ROUTES, f"two routes for {path}"
        ROUTES[path] = route


def app(environ, start_response, /):  # C2: called by position, or not at all
    path = environ.get("PATH_INFO", "") or "/"
    route = ROUTES.get("/" + path.split("/", 2)[1])
    if route is None:
        return record.text(start_response, "no such route\n", "404 Not Found")
    return route(environ, start_response)
