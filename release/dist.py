"""Make the sdist and the wheel, the same octets wherever and by whomever: `python -m release.dist`.

They are made of a copy of the files that belong to the project, whose modes and times are set, so
that neither stray files nor the umask get in. Times are that of the last commit, or of an unpacked
sdist, or SOURCE_DATE_EPOCH. What is left is the version of setuptools, which the wheel names.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parent.parent
OUTPUT = PROJECT / "dist"


def main() -> None:
    """Make both in dist/, and print their hashes."""
    for path in make(PROJECT, OUTPUT):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(PROJECT))


def make(project: Path, output: Path) -> list[Path]:
    """The sdist and the wheel of that project, in a folder that is emptied before."""
    os.umask(0o022)  # of what setuptools writes
    epoch = time_of(project)
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "staged"
        stage(project, staged, epoch)
        build(staged, output, epoch)
    (sdist,) = output.glob("*.tar.gz")
    (wheel,) = output.glob("*.whl")
    normalise(sdist, epoch)
    return [sdist, wheel]


def build(staged: Path, output: Path, epoch: int) -> None:
    """Run PyPA's build, with what is installed here."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", output, staged],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "Deprecat" in done.stderr:
        sys.exit(done.stdout + done.stderr)


def files_of(project: Path) -> list[str]:
    """The files that belong to it: what git has, or what an sdist says that it has."""
    if (project / ".git").exists():
        names = _git(project, "ls-files", "-z").split("\0")
        return sorted(name for name in names if name and not name.startswith("."))
    said = next(project.glob("*.egg-info/SOURCES.txt")).read_text().splitlines()
    return sorted(name for name in said if ".egg-info/" not in name)


def time_of(project: Path) -> int:
    """Unix seconds."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if (project / ".git").exists():
        return int(_git(project, "log", "-1", "--format=%ct"))
    return int((project / "setup.cfg").stat().st_mtime)


def stage(project: Path, staged: Path, epoch: int) -> None:
    """Copy the files of the project; all are readable, and of that time."""
    for name in files_of(project):
        target = staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / name, target)
        target.chmod(0o644)
        os.utime(target, (epoch, epoch))


def normalise(sdist: Path, epoch: int) -> None:
    """Write it anew: sorted, of nobody, with plain modes and one time."""
    with tarfile.open(sdist) as made:
        members = {
            member.name: made.extractfile(member) for member in made.getmembers() if member.isfile()
        }
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in sorted(members.items()):
                octets = content.read() if content else b""
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = len(octets), epoch, 0o644
                archive.addfile(info, io.BytesIO(octets))
    sdist.write_bytes(gzip.compress(written.getvalue(), mtime=epoch))


def _git(project: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", project, *words], capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
