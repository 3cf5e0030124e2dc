# Gunicorn behind nginx, on a Unix socket. https://docs.gunicorn.org/en/stable/deploy.html

bind = "unix:/tmp/gunicorn.sock"
worker_class = "sync"
workers = 2
# Whoever reloads needs the master: PID 1 is the supervise script.
pidfile = "/tmp/gunicorn.pid"

# Import the application once, before the fork: it starts sooner, the workers share
# its memory, and an application that cannot be imported ends Gunicorn at once.
preload_app = True

# RFC 9112 §3 wants request lines of 8000 octets; the default is 4094, the most is 8190.
limit_request_line = 8190

# On a Unix socket Gunicorn trusts whoever sends these, and nginx sets the first alone: a client
# could send the two others that are in the default.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}

# The workers' heartbeat files belong on a tmpfs, or a busy disk can stall them.
worker_tmp_dir = "/tmp"


def when_ready(server):
    """Tell the supervise script that the application is loaded."""
    with open("/tmp/gunicorn.ready", "w") as ready:
        ready.write("r")
