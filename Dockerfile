# The page, the REST API and the worker of MemoryOS, from this checkout.
#
#   docker build -t memoryos .
#   docker run -p 127.0.0.1:8765:8765 -e MEMORYOS_TOKEN=$(openssl rand -hex 24) -v memories:/data memoryos
FROM python:3.13-slim

WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY core ./core
COPY memoryos_integrations ./memoryos_integrations
RUN pip install --no-cache-dir '.[ui,postgres]' \
    && useradd --uid 10001 --create-home memoryos \
    && mkdir /data \
    && chown memoryos /data

USER memoryos
WORKDIR /data
VOLUME /data
ENV MEMORYOS_DB=/data/memories.db
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/api/ready', timeout=4)"]
ENTRYPOINT ["memoryos"]
# In a container the address is that of all machines, so it starts only with MEMORYOS_TOKEN.
CMD ["ui", "--host", "0.0.0.0", "--no-open"]
