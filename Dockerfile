# One image for web and worker. PostgreSQL and the broker are services of their own: see compose.yaml.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 EVALSITE_DATA_DIR=/data
WORKDIR /app

COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

COPY . .
# /data holds static files and the beat's clock only; everything that must last is in PostgreSQL.
RUN useradd --create-home evalsite && mkdir /data && chown evalsite /data
USER evalsite
RUN EVALSITE_ENV=local python manage.py collectstatic --noinput && rm -f /data/secret_key

EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "evalsite.wsgi:application"]
