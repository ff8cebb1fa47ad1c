"""Check the files of a release: what wheels and sdist contain, their metadata, the stable ABI.

Run: python tools/check_dists.py [--list] dist/*   (needs twine and abi3audit installed)
"""

import argparse
import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

# Where a build happens: none of these belongs into a file that is installed elsewhere.
BUILD_PATHS = re.compile(rb"/(home|root|tmp|Users|project|work|github)/[\w./-]+|[A-Z]:\\\\?[UuDa]")
NOT_INSTALLED = re.compile(r"(^|/)(tests?|docs|native|__pycache__)/|\.(pyc|cpp|h|a|o|cmake|txt)$")
LARGEST = 4_000_000  # bytes of a wheel


def wheel_faults(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong in a wheel."""
    distribution, version, _, abi, platform = name.removesuffix(".whl").split("-")
    info = f"{distribution}-{version}.dist-info"
    for path, content in files.items():
        if not path.startswith(("bptt/", f"{info}/")) or ".." in path.split("/"):
            yield f"{path} lies outside bptt/ and {info}/"
        elif not path.startswith(info) and NOT_INSTALLED.search(path):
            yield f"{path} does not belong into an installed package"
        if found := BUILD_PATHS.search(content if path.endswith((".so", ".pyd", ".pyi")) else b""):
            yield f"{path} holds the path {found[0].decode()}"
    for needed in ("bptt/__init__.py", "bptt/py.typed", f"{info}/licenses/LICENSE"):
        if not files.get(needed) and needed not in files:
            yield f"{needed} is missing"
    metadata = files.get(f"{info}/METADATA", b"").decode()
    if "\nLicense-Expression: MIT\n" not in metadata:
        yield "METADATA does not name the license"
    engines = [path for path in files if re.fullmatch(r"bptt/engine/_native.*\.(so|pyd)", path)]
    if len(engines) != (platform != "any"):
        yield f"there are {len(engines)} native engines; the platform is {platform}"
    if abi == "abi3" and not all(re.search(r"_native(\.abi3\.so|\.pyd)$", e) for e in engines):
        yield f"{engines} are not named as modules of the stable ABI"
    if platform.startswith("linux"):
        yield f"{platform} is refused by PyPI: run auditwheel"
    yield from record_faults(files, f"{info}/RECORD")


def record_faults(files: Mapping[str, bytes], record: str) -> Iterator[str]:
    """Yield a sentence for each file that RECORD does not list with its digest."""
    listed = dict(line.split(",")[:2] for line in files.get(record, b"").decode().splitlines())
    for path in files.keys() - {record}:
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[path]).digest()).rstrip(b"=")
        if listed.get(path) != f"sha256={digest.decode()}":
            yield f"RECORD does not hold the digest of {path}"


def sdist_faults(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong in a source distribution."""
    root = name.removesuffix(".tar.gz")
    needed = "pyproject.toml LICENSE README.md CHANGELOG.md PKG-INFO native/CMakeLists.txt"
    for path in [*needed.split(), "src/bptt/__init__.py", "tests/__init__.py"]:
        if f"{root}/{path}" not in files:
            yield f"{path} is missing"
    for path in files:
        if not path.startswith(f"{root}/") or re.search(
            r"/(\.git|\.ci|\.venv|build|dist|shared|__pycache__)/|\.(so|pyd|whl)$", path
        ):
            yield f"{path} does not belong into the source"


def contents(path: Path) -> dict[str, bytes]:
    """Read all files of an archive."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            names = (name for name in wheel.namelist() if not name.endswith("/"))  # folders
            return {name: wheel.read(name) for name in names}
    with tarfile.open(path) as sdist:
        members = [member for member in sdist if member.isfile()]
        return {m.name: file.read() for m in members if (file := sdist.extractfile(m))}


def faults(path: Path, shown: bool) -> list[str]:
    """Return what is wrong with an archive, and print what it contains."""
    files = contents(path)
    check = wheel_faults if path.suffix == ".whl" else sdist_faults
    found = list(check(path.name, files))
    if path.suffix == ".whl" and path.stat().st_size > LARGEST:
        found.append(f"it has {path.stat().st_size:,} bytes; the limit is {LARGEST:,}")
    unpacked = sum(map(len, files.values()))
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(files)} files, {unpacked:,} unpacked")
    for name in sorted(files) if shown else ():
        print(f"    {len(files[name]):>9,} {name}")
    return [f"{path.name}: {fault}" for fault in found]


def main() -> None:
    """Check all files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the contents")
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    found = [fault for path in given.files for fault in faults(path, given.list)]
    python = [sys.executable, "-m"]
    abi3 = [path for path in given.files if "-abi3-" in path.name]
    commands = [["twine", "check", "--strict", *given.files]]
    commands += [["abi3audit", "--strict", "--summary", *abi3]] if abi3 else []
    for command in commands:
        if subprocess.run([*python, *map(str, command)]).returncode:
            found.append(f"{command[0]} refuses")
    sys.exit("\n".join(found) if found else None)


if __name__ == "__main__":
    main()
