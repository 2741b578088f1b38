# The application's image. The first stage has the compiler that mysqlclient needs; the second has only what it runs on.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS build

RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential default-libmysqlclient-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*

# The packages before the code: a change of the code alone finds this layer in the cache.
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements.lock \
    # Not needed once everything is installed.
    && /venv/bin/python -m pip uninstall -y --quiet setuptools pip


FROM ${PYTHON_IMAGE}

# The MySQL client library, with its plug-in for MySQL's default way to log in (caching_sha2_password).
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    # A fixed number, so that a volume or a policy can name it.
    && groupadd --gid 10001 shop \
    && useradd --uid 10001 --gid shop --no-create-home --home-dir /app --shell /usr/sbin/nologin shop

# DONTWRITEBYTECODE: the user that runs the code can't write beside it. UNBUFFERED: a log line leaves when it is written.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000

COPY --from=build /venv /venv
WORKDIR /app
# Owned by root, and so not writable by the user that runs it.
COPY . .
# Compiled now, for it can't be when it runs. The key is for this one command, which has no use for it but refuses to
# start without; it is not in the image.
RUN PYTHONDONTWRITEBYTECODE= python -m compileall -q . \
    && SECRET_KEY=for-collectstatic-only-0123456789 python manage.py collectstatic --noinput

USER shop
EXPOSE 8000

# Ready, and not only alive: the database answers too.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "from urllib.request import Request, urlopen; urlopen(Request('http://127.0.0.1:8000/health/ready', headers={'User-Agent': 'probe'}), timeout=4)"]

# exec: the server is process 1, so that it gets the SIGTERM of 'docker stop' and lets the requests under way finish.
CMD ["scripts/server"]
