"""Prove the invariants of the contracts, and that each proof would notice the bug it is there for.

    python proofs/run.py [--only NAME] [--no-mutants] [--deep] [--jobs N]

A ``check_`` function of a proof contract must hold on every path. A ``check_reach_`` function is a witness: it must
be refuted, which shows that the assumptions it shares with its neighbours can be met. A mutant is a planted bug: the
proofs it names must be refuted. Anything else, an unknown or a timeout included, is a failure.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.output import build_abi_output, build_method_identifiers_output
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import OptimizationLevel, Settings
from vyper.exceptions import VyperException

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / "src"
CONTRACTS = Path("peersettle", "contracts")
# In which each file of mutants plants its bugs.
SUBJECTS = {
    "auction": ("Auctions",),
    "backstop": ("Backstop",),
    "margin": ("Margin", "MarginBooks", "MarginCash", "MarginHaircuts", "MarginSessions"),
    "oracle": ("OracleReporters", "Feeds"),
    "settlement": ("Settlement",),
}

TIMEOUT = 300  # seconds for one proof
DEEP_TIMEOUT = 1800
SOLVER_TIMEOUT = "120s"
# A branch that is not ruled out in this time is followed, and judged with its whole path at the end.
BRANCHING_TIMEOUT = "10ms"
# These start first, so that no long one runs alone at the end.
SLOWEST = (
    "check_a_bid_touches_nobody_else",
    "check_who_buys_passes_the_gate",
    "check_who_sells_passes_the_gate",
    "check_reach_sale_by_margin",
    "check_a_change_in_a_book_of_2",
    "check_a_change_across_words",
    "check_a_change_that_fills_a_word",
)
LOOP_BOUND = 300  # more than any loop of the contracts: settle_net's 128 entries are the most

# The prover takes a product of unknowns for any function of them until it meets a counterexample. Vyper chooses by
# products with 0 or 1 (min, max), so what those are is said to the solver at once.
SOLVER = r"""#!/bin/sh
word="(_ BitVec 256)"
head="define-fun f_evm_bvmul_256 ((x $word) (y $word)) $word"
choice="(ite (= x (_ bv0 256)) x (ite (= x (_ bv1 256)) y (ite (= y (_ bv0 256)) y (ite (= y (_ bv1 256)) x"
any="declare-fun f_evm_bvmul_256_other ($word $word) $word"
sed -E -e "s/^\(declare-fun f_evm_bvmul_256 .*/($any) ($head $choice (f_evm_bvmul_256_other x y))))))/" \
    -e "s/^\(define-fun f_evm_bvmul_256 .*/($head $choice (bvmul x y))))))/" "$1" > "$1.chosen"
exec yices-smt2 --smt2-model-format --bvconst-in-decimal "$1.chosen"
"""

PROVED, REFUTED = 0, 1
OUTCOMES = {PROVED: "holds", REFUTED: "refuted", 2: "unknown", 3: "stuck", 4: "always reverts", 5: "error"}


@dataclass(frozen=True)
class Task:
    """One proof to run, and what must come out of it."""

    name: str
    contract: str
    function: str
    root: Path
    expected: int


@dataclass(frozen=True)
class Mutant:
    """A planted bug and the proofs that must notice it."""

    name: str
    file: str
    old: str
    new: str
    proofs: tuple[str, ...]
    deep: bool
    subjects: tuple[str, ...]

    def planted(self) -> str:
        """The text of the file with the bug in it; raises ValueError where there is no longer a place for it."""
        text = (SOURCES / CONTRACTS / self.file).read_text()
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"mutant {self.name}: its `old` occurs {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Result:
    """What came out of a task."""

    task: Task
    outcome: str
    good: bool
    seconds: float
    paths: int
    detail: str = ""


def compilers(jobs: int) -> ProcessPoolExecutor:
    """Processes that compile; their syntax trees are many and live long, so garbage is looked for less often."""
    return ProcessPoolExecutor(jobs, initializer=gc.set_threshold, initargs=(100_000,))


def compile_contract(path: Path, search: tuple[Path, ...], root: Path) -> list[str]:
    """Write a contract as the prover reads it, with the product's settings; returns the proofs in it."""
    try:
        return _compile(path, search, root)
    except VyperException as error:  # carries syntax trees, which do not travel between processes
        raise ValueError(f"{path.name} does not compile\n{error}") from None


def _compile(path: Path, search: tuple[Path, ...], root: Path) -> list[str]:
    bundle = FilesystemInputBundle(list(search))
    settings = Settings(optimize=OptimizationLevel.GAS, evm_version="cancun", experimental_codegen=False)
    data = CompilerData(bundle.load_file(path), input_bundle=bundle, settings=settings)
    identifiers = {name: value[2:].rjust(8, "0") for name, value in build_method_identifiers_output(data).items()}
    definition = {"nodeType": "ContractDefinition", "name": path.stem, "abstract": False, "contractKind": "contract"}
    unit = {"nodeType": "SourceUnit", "absolutePath": path.name, "src": "0:0:0"}
    artifact = {
        "abi": build_abi_output(data),
        "bytecode": {"object": "0x" + data.bytecode.hex(), "linkReferences": {}, "sourceMap": ""},
        "deployedBytecode": {"object": "0x", "linkReferences": {}, "sourceMap": ""},
        "methodIdentifiers": identifiers,
        "id": 0,
        "metadata": {"compiler": {"version": "vyper"}, "output": {"devdoc": {"methods": {}}}},
        "ast": unit | {"nodes": [definition | {"src": "0:0:0", "nodes": []}]},
    }
    file = root / "out" / f"{path.stem}.sol" / f"{path.stem}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(artifact))
    return [name.partition("(")[0] for name in identifiers if name.startswith("check_")]


def compile_proofs(root: Path, pool: ProcessPoolExecutor) -> dict[str, str]:
    """Compile the contracts, the mocks and the proofs; returns which proof is in which contract."""
    subjects = [subject(name, SOURCES) for names in SUBJECTS.values() for name in names]
    paths = [*subjects, *sorted(HERE.glob("mocks/*.vy")), *sorted(HERE.glob("*.vy"))]
    jobs = {path.stem: pool.submit(compile_contract, path, (SOURCES, HERE), root) for path in paths}
    return {function: contract for contract, job in jobs.items() for function in job.result()}


def subject(name: str, sources: Path) -> Path:
    """A contract of the product or, where proofs call the inside of its modules, what here is compiled with these."""
    places = (HERE / "harnesses" / f"{name}.vy", HERE / f"{name}.vy")
    return next((place for place in places if place.exists()), sources / CONTRACTS / f"{name}.vy")


def read_mutants() -> list[Mutant]:
    """The planted bugs, in the order of their files."""
    return [
        Mutant(
            name, bug["file"], bug["old"], bug["new"], tuple(bug["proofs"]), bug.get("deep", False), SUBJECTS[path.stem]
        )
        for path in sorted(HERE.glob("mutants/*.toml"))
        for name, bug in tomllib.loads(path.read_text()).items()
    ]


def plant(mutant: Mutant, proofs: dict[str, str], clean: Path, root: Path) -> None:
    """Make in `root` what the proofs of the clean sources in `clean` become with the bug in them."""
    holders = {proofs[name] for name in mutant.proofs}
    calling = holders - set(mutant.subjects)  # these call the other subjects; a subject with proofs is its own
    sources = root / "src"
    shutil.copytree(SOURCES / CONTRACTS, sources / CONTRACTS, ignore=shutil.ignore_patterns("artifacts"))
    (sources / CONTRACTS / mutant.file).write_text(mutant.planted())
    shutil.copytree(clean / "out", root / "out")
    for name in mutant.subjects:
        if name in holders or (calling and name not in proofs.values()):
            compile_contract(subject(name, sources), (sources, HERE), root)


def prove(task: Task, shim: Path) -> Result:
    """Run one proof in a process of its own."""
    deep = is_deep(task.function)
    report = task.root / f"{task.function}.json"
    command = [str(Path(sys.executable).with_name("halmos")), "--storage-layout", "generic", "--no-status"]
    command += ["--loop", str(LOOP_BOUND), "--solver-threads", "1", "--solver-command", str(shim / "solve")]
    command += ["--solver-timeout-branching", BRANCHING_TIMEOUT, "--solver-timeout-assertion", SOLVER_TIMEOUT]
    command += ["--contract", task.contract, "--match-test", rf"^{task.function}\(", "--json-output", str(report)]
    if task.expected == REFUTED:
        command.append("--early-exit")
    path = os.pathsep.join([str(shim), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    limit = DEEP_TIMEOUT if deep else TIMEOUT
    environment = os.environ | {"PATH": path}
    pipe = subprocess.PIPE
    start = time.monotonic()
    with subprocess.Popen(
        command, cwd=task.root, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            said, warned = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and its solvers
            return Result(task, "timeout", False, time.monotonic() - start, 0)
    seconds = time.monotonic() - start
    try:
        [[test]] = json.loads(report.read_text())["test_results"].values()
    except (OSError, ValueError, KeyError):
        return Result(task, "error", False, seconds, 0, (said + warned)[-2000:])
    outcome = OUTCOMES.get(test["exitcode"], "error")
    if test["num_bounded_loops"]:
        outcome = "loop cut off"
    good = outcome == OUTCOMES[task.expected]
    detail = "" if good else plain(said)
    return Result(task, outcome, good, seconds, (test["num_paths"] or [0])[0], detail)


def plain(text: str) -> str:
    """What the prover said, without colours and without warnings about its own tables."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    return "\n".join(line for line in lines if "unknown deployed bytecode" not in line)[-4000:]


def is_deep(function: str) -> bool:
    """Whether a proof takes too long to be run every time."""
    return function.startswith("check_deep_")


def tasks(
    arguments: argparse.Namespace, clean: Path, proofs: dict[str, str], pool: ProcessPoolExecutor
) -> Iterator[Task]:
    """The proofs, then the mutants, each as soon as it is compiled."""

    def wanted(*names: str) -> bool:
        return arguments.only is None or any(arguments.only in name for name in names)

    for function, contract in proofs.items():
        if wanted(function) and (arguments.deep or not is_deep(function)):
            expected = REFUTED if function.startswith("check_reach_") else PROVED
            yield Task(function, contract, function, clean, expected)
    if arguments.no_mutants:
        return
    chosen = [
        mutant
        for mutant in read_mutants()
        if (arguments.deep or not mutant.deep) and wanted(mutant.name, *mutant.proofs)
    ]
    for mutant in chosen:
        mutant.planted()
        if unknown := set(mutant.proofs) - set(proofs):
            raise ValueError(f"mutant {mutant.name}: there is no proof {', '.join(sorted(unknown))}")
    print(f"planting {len(chosen)} bugs", flush=True)
    roots = [clean.parent / mutant.name for mutant in chosen]
    jobs = [pool.submit(plant, mutant, proofs, clean, root) for mutant, root in zip(chosen, roots, strict=True)]
    for mutant, root, job in zip(chosen, roots, jobs, strict=True):
        job.result()
        for function in mutant.proofs:
            if wanted(mutant.name, function):
                yield Task(f"{mutant.name} / {function}", proofs[function], function, root, REFUTED)


def show(result: Result) -> None:
    """One line of the table, and under it what went wrong."""
    mark = "ok" if result.good else "FAILED"
    columns = f"{result.task.name:<92}{result.outcome:>15}{result.seconds:>8.1f}{result.paths:>7}"
    print(f"{columns}  {mark}", flush=True)
    if result.detail:
        print(result.detail, flush=True)


def run(todo: Iterable[Task], jobs: int, work: Callable[[Task], Result]) -> list[Result]:
    """Run all tasks, showing each as it ends."""
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for job in as_completed([pool.submit(work, task) for task in todo]):
            results.append(job.result())
            show(results[-1])
    return results


def main() -> int:
    """Run what was asked for; the exit code."""
    parser = argparse.ArgumentParser(description="Prove the invariants of the contracts.")
    parser.add_argument("--only", metavar="NAME", help="only proofs and mutants with this in their names")
    parser.add_argument("--no-mutants", action="store_true", help="leave out the planted bugs")
    parser.add_argument("--deep", action="store_true", help="also the proofs that take long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, metavar="N", help="how many at a time")
    arguments = parser.parse_args()

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proofs-") as folder, compilers(arguments.jobs) as pool:
        shim = Path(folder, "bin")
        shim.mkdir()
        (shim / "forge").write_text("#!/bin/sh\n")  # the prover asks forge to build; it is built already
        (shim / "forge").chmod(0o755)
        (shim / "solve").write_text(SOLVER)
        (shim / "solve").chmod(0o755)
        clean = Path(folder, "clean")
        print("compiling", flush=True)
        try:
            proofs = compile_proofs(clean, pool)
            todo = sorted(tasks(arguments, clean, proofs, pool), key=lambda task: task.function not in SLOWEST)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        if not todo:
            print(f"error: nothing is named {arguments.only}", file=sys.stderr)
            return 1
        print(f"{'property':<92}{'result':>15}{'seconds':>8}{'paths':>7}", flush=True)
        results = run(todo, arguments.jobs, lambda task: prove(task, shim))
    failed = sum(not result.good for result in results)
    print(f"{len(results) - failed} passed, {failed} failed in {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
