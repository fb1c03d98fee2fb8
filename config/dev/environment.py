"""What must be on the machine: system packages, `.venv` by hash, Chromium for the tests. Standard library only."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from config.dev.steps import PYTHON, ROOT, VAR, VENV, Stop, run, step

UV_VERSION = "0.13.9"
OLDEST_PYTHON = (3, 11)
LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def browser() -> str:
    """Return the path of Chromium, or nothing."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


def _missing_packages(*, with_browser: bool) -> list[str]:
    missing = [package for library, package in LIBRARIES.items() if not _has_library(library)]
    if with_browser and not browser():
        missing.append("chromium")
    if not PYTHON.exists() and not _has_ensurepip():
        missing.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    return missing


def _has_ensurepip() -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def install_system_packages(*, with_browser: bool) -> None:
    """Install the shared libraries (and Chromium) that are missing, or say the line that does."""
    missing = _missing_packages(with_browser=with_browser)
    if not missing:
        return
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Stop(f"Some system packages are missing. Install them and start again:\n\n    sudo {line}\n")
    with step(f"install {', '.join(missing)}"):
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=env, quiet=True)
        run(*line.replace("apt-get", "apt-get -qq", 1).split(), env=env, quiet=True)


def _fingerprint(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{sys.version}\n{UV_VERSION}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def index_settings() -> dict[str, str]:
    """
    Let uv use the package indexes that this machine's pip uses; uv does not read pip's settings.

    Several indexes are looked at alike, as pip does: the hashes decide what may be installed.
    """
    wanted = {"index_url": "UV_DEFAULT_INDEX", "extra_index_url": "UV_INDEX", "find_links": "UV_FIND_LINKS"}
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for line in run(VENV / "bin" / "pip", "config", "list", quiet=True).splitlines():
        name, _, value = line.partition("=")
        variable = wanted.get(name.rpartition(".")[2].replace("-", "_"))
        if variable and variable not in os.environ:
            found[variable] = value.strip("'")
    return found


def install_python_packages(kind: str) -> None:
    """Make `.venv` hold exactly `requirements.txt`, or `requirements-dev.txt`, by their hashes."""
    if sys.version_info < OLDEST_PYTHON:
        raise Stop(f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}.")
    stamps = {name: VENV / f".trimtab-{name}" for name in ("main", "dev")}
    files = {"main": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
    wanted = {name: _fingerprint([files["main"], files[name]]) for name in files}
    # The packages of `dev` hold all of `main`, so either stamp will do for `main`.
    for name in ("dev",) if kind == "dev" else ("dev", "main"):
        if PYTHON.exists() and stamps[name].exists() and stamps[name].read_text() == wanted[name]:
            return
    with step("python environment"):
        if not PYTHON.exists():
            run(sys.executable, "-m", "venv", VENV, quiet=True)
        uv = VENV / "bin" / "uv"
        if not uv.exists():
            run(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"uv=={UV_VERSION}", quiet=True)
        install = (uv, "pip", "install", "--python", PYTHON, "--require-hashes", "--compile-bytecode")
        run(*install, "-r", files[kind], env=index_settings(), quiet=True)
        stamps[kind].write_text(wanted[kind])


def prepare(*, for_tests: bool) -> None:
    """Make everything that the commands below stand on."""
    install_system_packages(with_browser=for_tests)
    install_python_packages("dev" if for_tests else "main")
    (VAR / "log").mkdir(parents=True, exist_ok=True)
