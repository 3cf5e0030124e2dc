def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    for key, value in sorted(environ.items()):
        yield f"{key} = {value!r}\n".encode()
