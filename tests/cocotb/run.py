"""Builds a bench with Verilator, unless these very sources are built already, and runs one test in it."""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.runner import get_results, get_runner

HERE = Path(__file__).resolve().parent
# A change of these builds anew.
FLAGS = ["-cc", "--exe", "--vpi", "--top-module", "bench", "--prefix", "Vtop", "-o", "bench", "-O3", "-Wno-fatal", "-Wno-lint"]
FLAGS += ["--output-split", "20000", "--x-assign", "fast", "--x-initial", "fast"]
# The wheel was configured without the compiler option that precompiled headers need.
MAKE = ["OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1", "CFG_CXXFLAGS_PCH_I=-include"]
# Seconds after which a build that is not used is deleted.
KEPT = 7 * 24 * 3600
# Seconds after which this process and all that it started are killed: for a build, for a run.
BUILD_LIMIT, RUN_LIMIT = 1200, 300


def build(sources, cache):
    """The directory of the program; an unfinished one never has its name."""
    key = hashlib.sha256(repr((FLAGS, MAKE, cocotb_tools.__file__)).encode())
    for source in sources:
        key.update(source.read_bytes())
    done = cache / key.hexdigest()[:32]
    if (done / "bench").exists():
        os.utime(done)
        return done
    cache.mkdir(parents=True, exist_ok=True)
    work = cache / f"{done.name}.{os.getpid()}"
    root = next(Path(p) / "verilator" for p in sys.path if (Path(p) / "verilator/bin/verilator").exists())
    env = dict(os.environ, VERILATOR_ROOT=str(root))
    libs = cocotb_tools.config.libs_dir
    link = f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"
    main = cocotb_tools.config.share_dir / "lib/verilator/verilator.cpp"
    command = ["perl", str(root / "bin/verilator"), *FLAGS, "-Mdir", str(work), "-LDFLAGS", link, str(main)]
    subprocess.run([*command, *map(str, sources)], env=env, check=True)
    subprocess.run(["make", "-s", "-j2", "-C", str(work), "-f", "Vtop.mk", *MAKE], env=env, check=True)
    for other in cache.iterdir():
        if other.stat().st_mtime < time.time() - KEPT:
            shutil.rmtree(other, ignore_errors=True)
    try:
        work.rename(done)
    except OSError:
        # Another run has built the same.
        shutil.rmtree(work, ignore_errors=True)
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="pair", help="pair: bench.v, test_pair.py; device: bench_device.v, test_device.py")
    parser.add_argument("--cores", type=Path, required=True, help="directory of the cores' files, *.v")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True, help="directory for what the run leaves")
    parser.add_argument("--test", required=True)
    arguments = parser.parse_args()
    benches = {"pair": ["bench.v", "link.v"], "device": ["bench_device.v", "link.v"]}
    sources = [*(HERE / name for name in benches[arguments.bench]), *sorted(arguments.cores.glob("*.v"))]
    signal.alarm(BUILD_LIMIT)
    program = build(sources, arguments.cache)
    signal.alarm(RUN_LIMIT)
    results = get_runner("verilator").test(
        hdl_toplevel="bench",
        hdl_toplevel_lang="verilog",
        test_module=f"test_{arguments.bench}",
        test_filter=f"{arguments.test}$",
        build_dir=program,
        test_dir=arguments.results,
        results_xml=str(arguments.results / "results.xml"),
        extra_env={"PYTHONPATH": str(HERE)},
    )
    tests, failed = get_results(results)
    print(f"{tests} run, {failed} failed")
    return 0 if (tests, failed) == (1, 0) else 1


def give_up(*_):
    print("too long", flush=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    os.setpgrp()
    signal.signal(signal.SIGALRM, give_up)
    sys.exit(main())
