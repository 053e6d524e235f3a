# The service with the embedded engine, or before a ClickHouse server when PLAYHEAD_CLICKHOUSE_URL is set.
FROM python:3.12-slim
WORKDIR /opt/playhead
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md ./
COPY service/playhead service/playhead
COPY clickhouse clickhouse
COPY dbt dbt
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
 && useradd --system --create-home playhead \
 && install -d -o playhead /var/lib/playhead
USER playhead
ENV PLAYHEAD_HOST=0.0.0.0 PLAYHEAD_DATA_DIR=/var/lib/playhead
VOLUME /var/lib/playhead
EXPOSE 8000
CMD ["playhead", "serve"]
