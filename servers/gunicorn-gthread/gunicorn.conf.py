# Gunicorn with threaded workers: a process serves as many requests at a time as it has
# threads, and keeps connections alive. https://docs.gunicorn.org/en/stable/settings.html

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = 2
threads = 8

# The default of 2 s is meant for a proxy in front; with clients connecting directly,
# Gunicorn's documentation advises more.
keepalive = 5

# Import the application once, before the fork: it starts sooner, the workers share
# its memory, and an application that cannot be imported ends Gunicorn at once.
preload_app = True

# RFC 9112 §3 wants request lines of 8000 octets; the default is 4094, the most is 8190.
limit_request_line = 8190

# The workers' heartbeat files belong on a tmpfs, or a busy disk can stall them.
worker_tmp_dir = "/tmp"
