"""Compile the contracts into the artifacts that the package ships, or check that they are fresh.

Every CamelCase file in ``src/peersettle/contracts`` is a contract that is deployed; it becomes
``artifacts/<Name>.json``. The same sources and compiler always give the same bytes.

    python tools/build_artifacts.py            write the artifacts
    python tools/build_artifacts.py --check    write nothing; fail where an artifact is stale

Both fail where a contract is larger than a chain accepts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import vyper
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.output import build_abi_output, build_method_identifiers_output
from vyper.compiler.output_bundle import OutputBundle
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import OptimizationLevel, Settings
from vyper.exceptions import VyperException

COMPILER = "0.4.3"
EVM_VERSION = "cancun"
MAX_RUNTIME_BYTES = 24_576  # EIP-170

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
CONTRACTS = SOURCES / "peersettle" / "contracts"
ARTIFACTS = CONTRACTS / "artifacts"


def contract_paths() -> list[Path]:
    """The contracts that are deployed: CamelCase files. Modules, in snake_case, are compiled into them."""
    return sorted(path for path in CONTRACTS.glob("*.vy") if path.stem[0].isupper())


def compile_contract(path: Path) -> dict[str, object]:
    """The artifact of one contract; raises ValueError where it does not compile."""
    try:
        return _compile(path)
    except (
        ValueError,
        VyperException,
    ) as error:  # carries syntax trees, which do not travel between processes
        raise ValueError(f"{path.relative_to(ROOT)} does not compile\n{error}") from None


def _compile(path: Path) -> dict[str, object]:
    bundle = FilesystemInputBundle([SOURCES])
    settings = Settings(evm_version=EVM_VERSION, experimental_codegen=False)
    data = CompilerData(bundle.load_file(path), input_bundle=bundle, settings=settings)
    optimize = data.settings.optimize or OptimizationLevel.default()  # the contract's own pragma
    return {
        "name": path.stem,
        "compiler": {
            "version": COMPILER,
            "optimize": str(optimize),
            "evm_version": EVM_VERSION,
            "codegen": "legacy",
        },
        "abi": build_abi_output(data),
        "bytecode": "0x" + data.bytecode.hex(),
        "runtime": "0x" + data.bytecode_runtime.hex(),
        "immutables": data.annotated_vyper_module._metadata["type"].immutable_section_bytes,
        "method_identifiers": build_method_identifiers_output(data),
        "source_hash": source_hash(data),
    }


def source_hash(data: CompilerData) -> str:
    """SHA-256 over the path and text of the contract and all that it imports, in the order of the paths."""
    sources = {
        source.resolved_path.relative_to(SOURCES).as_posix(): source.contents
        for source in OutputBundle(data).source_codes.values()
    }
    digest = hashlib.sha256()
    for name, text in sorted(sources.items()):
        for part in (name.encode(), text.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def render(artifact: dict[str, object]) -> str:
    """The artifact as the text of its file."""
    return json.dumps(artifact, sort_keys=True, indent=1) + "\n"


def runtime_bytes(artifact: dict[str, object]) -> int:
    """The size of the deployed code, its immutables included."""
    return len(str(artifact["runtime"])) // 2 - 1 + int(str(artifact["immutables"]))


def stale(built: dict[str, str]) -> list[str]:
    """What is wrong with the files in the artifacts folder, one sentence for each."""
    problems = []
    for name, text in built.items():
        path = ARTIFACTS / f"{name}.json"
        if not path.exists():
            problems.append(f"{path.relative_to(ROOT)} is missing")
        elif path.read_text() != text:
            problems.append(f"{path.relative_to(ROOT)} is not what its sources compile to")
    for path in leftovers(built):
        problems.append(f"{path.relative_to(ROOT)} has no contract")
    return problems


def leftovers(built: dict[str, str]) -> list[Path]:
    """Artifacts whose contract is gone."""
    return sorted(path for path in ARTIFACTS.glob("*.json") if path.stem not in built)


def write(built: dict[str, str]) -> None:
    """Bring the artifacts folder to what the sources compile to, leaving files that are right untouched."""
    ARTIFACTS.mkdir(exist_ok=True)
    for name, text in built.items():
        path = ARTIFACTS / f"{name}.json"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in leftovers(built):
        path.unlink()


def main() -> int:
    """Build or check; the exit code."""
    parser = argparse.ArgumentParser(description="Compile the contracts into artifacts.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where an artifact is stale")
    arguments = parser.parse_args()

    if vyper.__version__.split("+")[0] != COMPILER:
        print(f"error: artifacts are made by vyper {COMPILER}, not {vyper.__version__}", file=sys.stderr)
        return 1

    paths = contract_paths()
    try:
        with ProcessPoolExecutor() as pool:
            compiled = list(pool.map(compile_contract, paths))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    artifacts = {path.stem: artifact for path, artifact in zip(paths, compiled, strict=True)}

    print(f"{'contract':<24}{'runtime':>10}{'of ' + format(MAX_RUNTIME_BYTES, ','):>12}")
    for name, artifact in artifacts.items():
        size = runtime_bytes(artifact)
        print(f"{name:<24}{size:>10,}{size / MAX_RUNTIME_BYTES:>12.1%}")

    problems = [
        f"{name} is {excess:,} bytes over the limit of {MAX_RUNTIME_BYTES:,}"
        for name, artifact in artifacts.items()
        if (excess := runtime_bytes(artifact) - MAX_RUNTIME_BYTES) > 0
    ]
    built = {name: render(artifact) for name, artifact in artifacts.items()}
    if arguments.check:
        outdated = stale(built)
        problems += outdated
        if outdated:
            problems.append("run `make artifacts` and commit what it changes")
    else:
        write(built)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
