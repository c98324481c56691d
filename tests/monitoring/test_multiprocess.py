"""Folder of the metrics that processes share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from boxis_gateway.monitoring.multiprocess import VARIABLE, metrics_folder

HOLD = """
import os, sys
from boxis_gateway.monitoring.multiprocess import VARIABLE, metrics_folder
with metrics_folder():
    print(os.environ[VARIABLE], flush=True)
    sys.stdin.read()
"""


def holder() -> tuple[subprocess.Popen[str], Path]:
    """A process with a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_the_next_server_removes_the_folder_of_a_killed_one() -> None:
    killed, left = holder()
    living, used = holder()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert left.is_dir()
    before = os.environ.get(VARIABLE)
    with metrics_folder():
        own = Path(os.environ[VARIABLE])
        assert not left.exists()
        assert used.is_dir()
    assert not own.exists()
    living.communicate()
    assert not used.exists()
    if before is None:
        del os.environ[VARIABLE]
