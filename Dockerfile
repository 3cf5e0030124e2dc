# Every image of the matrix: python → base → app, base → server, and server → ours, which is a
# server with what python → toolchain → build has made of our Go code.
#
# A new server or app needs no change here: what differs between them stands in their
# server.yaml and app.yaml, and the scripts in ci/image read it.
#
# Nothing here needs BuildKit, and the classic builder is slow in two ways that shape this file.
# It runs every stage that stands before the one asked for: so what needs no Go stands before the
# toolchain, and APP and SERVER have a default that costs next to nothing for when their stage is
# only passed on the way. And it makes a layer of every step, which takes seconds on an overlay in
# user space: so what images have in common is set in their base.
#
#   docker build --target app    --build-arg APP=flask .
#   docker build --target server --build-arg SERVER=gunicorn .
#   docker build --target ours   --build-arg SERVER=prefork .


FROM debian:trixie-slim AS python
# Changed by `matrix run --refresh`, to have the mirror's newest packages.
ARG REFRESH=""
LABEL wsgi-matrix=1 wsgi-matrix.refresh=${REFRESH}
ENV GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-trimpath GOCACHE=/tmp/go-build
# The package lists stay: the stages below install from them without fetching them again.
RUN printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
        'path-exclude=/usr/share/locale/*' > /etc/dpkg/dpkg.cfg.d/wsgi-matrix \
 && export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -q \
 && apt-get upgrade -y -q \
 && apt-get install -y -q --no-install-recommends bash python3 python3-yaml \
 && apt-get clean


# What servers and apps have in common. /usr/local/bin/serve comes with a server.
FROM python AS base
ENV PATH=/opt/wsgi/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp \
    PYTHONPATH=/app:/app/.packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
ENTRYPOINT ["/usr/local/bin/serve"]
CMD ["app:app"]
COPY ci/image/ /usr/local/lib/wsgi-matrix/


FROM base AS app
# The time of every file in the build context. It stands here because the builder's cache looks at
# what files hold and not at their time, which an app can show (Last-Modified).
LABEL wsgi-matrix.files=2026-01-01
ARG APP=README.md
COPY apps/${APP} /app/
RUN python3 /usr/local/lib/wsgi-matrix/bake_app.py
USER 65534:65534


FROM base AS server
ARG SERVER=README.md
COPY servers/${SERVER} /server/
RUN python3 /usr/local/lib/wsgi-matrix/bake_server.py
USER 65534:65534


FROM python AS toolchain
COPY ci/image/suites.py /usr/local/lib/wsgi-matrix/
# Bookworm's Python is there to run our servers with the oldest one that they are built for.
RUN python3 /usr/local/lib/wsgi-matrix/suites.py trixie-backports bookworm \
 && export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -q \
 && apt-get install -y -q --no-install-recommends gcc libc6-dev pkgconf python3-dev wrk \
 && apt-get install -y -q --no-install-recommends -t trixie-backports golang-go \
 && apt-get install -y -q --no-install-recommends python3.11-minimal libpython3.11-stdlib \
 && apt-get clean


# Only what the build reads leaves this stage, so that a change to another server's
# configuration does not build ours again.
FROM python AS sources
COPY go.mod /src/
COPY servers/ /src/servers/
RUN cd /src/servers \
 && for folder in */; do test -e "$folder/main.go" || test "$folder" = internal/ || rm -r "$folder"; done \
 && find . '(' -name server.yaml -o -name '*.md' ')' -delete


# Each server is built twice: as the command, and as the shared object that python3 loads.
FROM toolchain AS build
COPY --from=sources /src /src
RUN cd /src && for main in servers/*/main.go; do \
        name=$(basename "$(dirname "$main")") \
     && CGO_ENABLED=0 go build -o "/opt/wsgi/bin/$name" "./servers/$name" \
     && CGO_ENABLED=1 go build -buildmode=c-shared -o "/opt/wsgi/lib/$name.so" "./servers/$name" \
     || exit 1; \
    done \
 && rm -rf "$GOCACHE" /opt/wsgi/lib/*.h


# What a server.yaml with `from: ours` asks for.
FROM server AS ours
COPY --from=build /opt/wsgi /opt/wsgi
