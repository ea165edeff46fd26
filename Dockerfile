# syntax=docker/dockerfile:1

# The version that the tests run on.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/crm-api
COPY requirements.prod.lock ./
# Wheels alone, so that no compiler is needed, and none but those of the lock.
RUN /opt/crm-api/bin/pip install --require-hashes --only-binary :all: -r requirements.prod.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/crm-api/bin/pip install --no-deps . \
    && /opt/crm-api/bin/python -m compileall -q /opt/crm-api/lib \
    && /opt/crm-api/bin/pip uninstall --yes pip setuptools

FROM ${PYTHON_IMAGE}
# For scripts that the fonts of the product do not draw, such as Tibetan (docs/documents.md); 42 MB.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-noto-core \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 crm \
    && useradd --system --uid 10001 --gid crm --home-dir /data --shell /usr/sbin/nologin crm \
    && install -d -o crm -g crm -m 0700 /data
COPY --from=build /opt/crm-api /opt/crm-api
# `crm-api migrate` looks for them in the working directory.
WORKDIR /app
COPY migrations ./migrations
ENV PATH=/opt/crm-api/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CRM_HOST=0.0.0.0 \
    CRM_PORT=8000 \
    CRM_DATA_DIR=/data \
    CRM_FONT_DIR=/usr/share/fonts/truetype/noto
USER crm
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['CRM_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["crm-api"]
CMD ["serve"]
