"""Sessions in a signed cookie: whoever has no key can read it, and cannot change it."""

import base64
import hmac
import json

# A real application reads its key from its environment, and keeps it to itself.
KEY = b"not a secret: the golden responses are public"


def dump(data):
    payload = base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    return f"{payload}.{signature(payload)}"


def load(cookie):
    """What was dumped; an empty session for anything else."""
    payload, _, claimed = cookie.partition(".")
    if not hmac.compare_digest(claimed.encode(), signature(payload).encode()):
        return {}
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def signature(payload):
    return hmac.new(KEY, payload.encode(), "sha256").hexdigest()[:32]
