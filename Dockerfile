# mammoscope without root, on a read-only file system. Research use; not a medical device.
#   docker build -t mammoscope .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD:/data" mammoscope detect /data/study --out /data/results
# Not built by the project's own checks, which have no container engine: tests/test_container.py checks its form.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/mammoscope \
    && /opt/mammoscope/bin/pip install --no-cache-dir --constraint constraints.txt ".[dicom,view]"

FROM python:3.12-slim
LABEL org.opencontainers.image.title="mammoscope" \
      org.opencontainers.image.description="An open second reader for mammograms. Research use; not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin mammoscope \
    && install -d -o mammoscope -g mammoscope -m 0700 /spool /data /results
COPY --from=build /opt/mammoscope /opt/mammoscope
ENV PATH="/opt/mammoscope/bin:$PATH" PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME ["/spool", "/results"]
EXPOSE 11112
# Of a command that ends by itself; compose.yaml asks the node and the viewer how they are.
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s --retries=3 \
    CMD ["mammoscope", "models", "verify"]
ENTRYPOINT ["mammoscope"]
CMD ["--help"]
