"""Make the sdist and the wheel, make them again of the unpacked sdist in other surroundings, and
try them: `python -m release.check`. What is wrong ends it with a word."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

from release.dist import PROJECT, files_of, make

AGAIN = "from pathlib import Path; from release.dist import make; make(Path(), Path('dist'))"


def main() -> None:
    """See above."""
    with tempfile.TemporaryDirectory() as folder:
        sdist, wheel = make(PROJECT, Path(folder) / "first")
        check_contents(sdist, wheel)
        check_metadata(wheel)
        check_again(sdist, wheel, Path(folder) / "some where" / "else")
        version = check_install(wheel, Path(folder) / "venv")
    print(f"{sdist.name} and {wheel.name}: the same from both folders; installed, '{version}'")


def check_contents(sdist: Path, wheel: Path) -> None:
    """The sdist has all files of the project and no other, the wheel those of the package."""
    files = set(files_of(PROJECT))
    with tarfile.open(sdist) as archive:
        packed = {member.name.partition("/")[2] for member in archive.getmembers()}
    with zipfile.ZipFile(wheel) as archive:
        wheeled = set(archive.namelist())
    same("sdist", {name for name in packed if ".egg-info/" not in name} - {"PKG-INFO"}, files)
    package = {name for name in files if name.startswith("boxis_gateway/")}
    same("wheel", {name for name in wheeled if ".dist-info/" not in name}, package)


def same(what: str, found: set[str], expected: set[str]) -> None:
    """Stop unless the names are the same."""
    if found != expected:
        lacks, besides = sorted(expected - found), sorted(found - expected)
        sys.exit(f"The {what} lacks {lacks or 'nothing'} and has {besides or 'nothing'} besides.")


def check_metadata(wheel: Path) -> None:
    """It is what the package index takes. Raises what packaging says of the first fault."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
    if not (metadata.description and metadata.description_content_type == "text/markdown"):
        sys.exit("The README is not in the metadata.")


def check_again(sdist: Path, wheel: Path, folder: Path) -> None:
    """The same comes of the unpacked sdist, under another umask and in another zone."""
    folder.mkdir(parents=True)
    os.umask(0o077)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    surroundings = {**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", AGAIN], cwd=unpacked, env=surroundings, check=True)
    for path in (sdist, wheel):
        if (unpacked / "dist" / path.name).read_bytes() != path.read_bytes():
            sys.exit(f"{path.name} is not the same when it is made again.")


def check_install(wheel: Path, folder: Path) -> str:
    """What the installed program says its version is."""
    venv.create(folder, with_pip=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-input", wheel]
    subprocess.run(pip, stderr=subprocess.DEVNULL, check=True)
    program = [folder / "bin/boxis-gateway", "--version"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
