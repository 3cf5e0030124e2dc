# Gunicorn with gevent's workers: a process serves as many connections at a time as it has
# greenlets, and keeps them alive. https://docs.gunicorn.org/en/stable/settings.html

bind = "0.0.0.0:8000"
worker_class = "gevent"
workers = 2

# No preload_app here: gevent patches the standard library when a worker starts, and an
# application that was imported before would keep what it has imported unpatched.

# The default of 2 s is meant for a proxy in front; with clients connecting directly,
# Gunicorn's documentation advises more.
keepalive = 5

# RFC 9112 §3 wants request lines of 8000 octets; the default is 4094, the most is 8190.
limit_request_line = 8190

# The workers' heartbeat files belong on a tmpfs, or a busy disk can stall them.
worker_tmp_dir = "/tmp"
