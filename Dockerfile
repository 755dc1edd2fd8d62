# Build: docker build -t clearance .
# Run:   docker run --read-only --tmpfs /tmp -v clearance-data:/data -p 127.0.0.1:8321:8321 clearance

# One Python for both stages: the virtual environment of the first runs in the second. Name it by
# digest (--build-arg PYTHON=python@sha256:...) where images must be reproducible to the byte.
ARG PYTHON=python:3.11-slim
FROM ${PYTHON} AS build

# torch's own index has wheels without CUDA, which are smaller by gigabytes: give it with
# --build-arg TORCH_INDEX=URL. The version stays the pinned one; pip prefers the local build of it.
ARG TORCH_INDEX=
# What the services of deploy/ need besides the defaults. Bulk embedding adds bulk.
ARG EXTRAS=objects,otel,parquet,postgres,queue,redis

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/clearance
WORKDIR /src
COPY . .
RUN /opt/clearance/bin/pip install --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[$EXTRAS]"
# From outside the sources, so that what was installed is what runs. Each step fails the build if
# the image could not start later, without a network.
WORKDIR /
RUN /opt/clearance/bin/python -m ingestion.embedding.export --model-dir /opt/clearance/models \
 && /opt/clearance/bin/clearance --help > /dev/null


FROM ${PYTHON}

LABEL org.opencontainers.image.title="Clearance" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin clearance \
 && install -d -m 0700 -o clearance -g clearance /data
# Root's, and not writable by the service.
COPY --from=build /opt/clearance /opt/clearance

# TMPDIR is the one place besides /data that is written to, and both may be mounted.
ENV PATH=/opt/clearance/bin:$PATH \
    HOME=/tmp \
    TMPDIR=/tmp \
    CLEARANCE_DATA_DIR=/data \
    CLEARANCE_MODEL_DIR=/opt/clearance/models \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8321
# Whether it lives. Whether it can answer is /readyz, which an orchestrator asks before it sends
# anybody here; a service that waits for its index must not be killed for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/livez', timeout=2)"]
CMD ["clearance", "serve", "--host", "0.0.0.0"]
