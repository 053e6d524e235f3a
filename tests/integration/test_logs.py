"""What is logged holds no secret, whoever logs it and however it is written there."""

import os
import subprocess
import sys
from urllib.parse import quote

from playhead.settings import Settings, secrets_of
from tests.servers.service_process import SERVICE_SOURCES

PASSWORD = 'p"w/ö:1'
URL = f"http://someone:{quote(PASSWORD, safe='')}@127.0.0.1:1/none"
KEY = "an-admin-key-nobody-may-read"
LOG = """
import logging, sys, structlog
from playhead.launch import configure_logging
from playhead.settings import load_settings, secrets_of
settings = load_settings()
configure_logging("info", secrets_of(settings))
try:
    raise ValueError(f"no way to {settings.clickhouse_url} with {sys.argv[1]}")
except ValueError as error:
    structlog.get_logger().exception("failed", url=settings.clickhouse_url, key=[settings.admin_key], why=str(error))
    logging.getLogger("a.library").exception("Bearer %s, %s", settings.admin_key, sys.argv[1])
"""


def run(*command: str) -> str:
    """Return what a command writes with these secrets in its environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SERVICE_SOURCES),
        "PLAYHEAD_CLICKHOUSE_URL": URL,
        "PLAYHEAD_ADMIN_KEY": KEY,
    }
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode()


def test_secrets_are_taken_out() -> None:
    """Keys, URLs and passwords, in structured lines, in tracebacks and in the words of libraries."""
    logged = run("-c", LOG, PASSWORD)
    assert logged.count("(secret)") >= 6
    assert not [
        secret for secret in (KEY, URL, PASSWORD, quote(PASSWORD, safe=""), r"p\"w/\u00f6:1") if secret in logged
    ]


def test_a_service_that_cannot_start_tells_no_secret() -> None:
    """Why is told, and nothing else."""
    told = run("-c", "import sys; from playhead.cli import main; sys.exit(main(['serve']))")
    assert "127.0.0.1" in told
    assert not [secret for secret in secrets_of(Settings(clickhouse_url=URL, admin_key=KEY)) if secret in told]
