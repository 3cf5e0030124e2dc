from framework import Framework

app = Framework()


@app.route("/hello")
def hello(request):
    name = request.query.get("name", ["world"])[0]
    return 200, f"Hello, {name}!\n"
