"""Turns the `env` of a server.yaml or app.yaml into shell."""


def exports(env):
    """Lines that set each variable, unless the container was given another value."""
    return "".join(f'export {key}="${{{key}-{quoted(value)}}}"\n' for key, value in env.items())


def quoted(value):
    """The value, fit to stand as a default inside double quotes."""
    return "".join("\\" + c if c in '\\"$`}' else c for c in str(value))
