# Build: docker build -t clearance .
# Run:   docker run --read-only --tmpfs /tmp -v clearance-data:/data -p 127.0.0.1:8321:8321 clearance

FROM python:3.11-slim AS build

# torch's own index has wheels without CUDA, which are smaller by gigabytes: give it with
# --build-arg TORCH_INDEX=URL. The version stays the pinned one; pip prefers the local build of it.
ARG TORCH_INDEX=

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/clearance && /opt/clearance/bin/pip install --upgrade pip
WORKDIR /src
COPY . .
RUN /opt/clearance/bin/pip install --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[postgres]'
# From outside the sources, so that what was installed is what runs.
WORKDIR /
RUN /opt/clearance/bin/python -m ingestion.embedding.export --model-dir /opt/clearance/models


FROM python:3.11-slim

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin clearance \
 && install -d -m 0700 -o clearance -g clearance /data
# Root's, and not writable by the service.
COPY --from=build /opt/clearance /opt/clearance

ENV PATH=/opt/clearance/bin:$PATH \
    CLEARANCE_DATA_DIR=/data \
    CLEARANCE_MODEL_DIR=/opt/clearance/models \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/livez', timeout=2)"]
CMD ["clearance", "serve", "--host", "0.0.0.0"]
