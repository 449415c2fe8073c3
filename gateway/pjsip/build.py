"""The build, start to end: source, patches, configure, compile, link, try, cache, install.

The C libraries and the Python wrapper need nothing of each other until they are linked, so they are compiled
side by side.
`third_party` is not built: every codec and SRTP are off or come from the system.
"""

import os
import shutil
import sysconfig
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.pjsip.cache import MANIFEST, MODULE, Manifest, cache_root, locked, place, read_manifest
from gateway.pjsip.checksums import sha256_of
from gateway.pjsip.errors import BuildFailed
from gateway.pjsip.info import ask_library
from gateway.pjsip.install import install, installed, site_packages
from gateway.pjsip.options import VERSION, BuildOptions, cache_key, config_site, configure_flags
from gateway.pjsip.patches import apply_patches
from gateway.pjsip.progress import Steps
from gateway.pjsip.run import Job, count_objects, run_jobs
from gateway.pjsip.source import Source, Tell, find_source, named_source
from gateway.pjsip.toolchain import has_header, python_include, require_toolchain
from gateway.pjsip.unpack import unpack

PARTS = ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")
SWIG = Path("pjsip-apps/src/swig/python")


@dataclass(frozen=True)
class Request:
    """What the admin asked for."""

    source: Path | None = None  # None: the cache, upstream, Debian
    sha256: str | None = None  # of `source`; None: it must be one of the pinned
    force: bool = False  # build even if the cache has it
    jobs: int = len(os.sched_getaffinity(0))


def build(request: Request, options: BuildOptions | None = None) -> Manifest:
    """Make sure that this build of pjsua2 is installed for the running Python.

    Blocks for seconds if it was built before, else for a minute or more. Raises PjsipError (see `errors`).
    Can be interrupted at any time and run again.
    """
    if options is None:
        options = BuildOptions()
        if not has_tls():
            options = replace(options, tls=False)
    key = cache_key(options)
    root = cache_root()
    named = named_source(request.source, request.sha256) if request.source else None
    fresh = named is not None or request.force
    if not fresh and (manifest := installed(key, site_packages())):
        return manifest
    with locked(root):
        if not fresh and read_manifest(root / key):
            return install(root / key, site_packages())
        require_toolchain()
        with tempfile.TemporaryDirectory(prefix="building-", dir=root) as folder:
            try:
                made = make(Path(folder), named, root / "sources", options, key, request.jobs)
            except BuildFailed as error:
                raise with_kept_log(error, root) from error
            place(made, root, key)
        return install(root / key, site_packages())


def make(folder: Path, named: Source | None, store: Path, options: BuildOptions, key: str, jobs: int) -> Path:
    """All steps from source to a folder with the finished module; returns that folder, inside `folder`."""
    steps = Steps(6)
    with steps.step("Source of PJSIP") as tell:
        source = named or find_source(store, tell)
        tell(source.origin)
    with steps.step("Unpack and configure"):
        tree = unpack(source.path, folder / "source")
        apply_patches(tree, options.patches)
        configure(tree, folder, options)
    with steps.step("Write the Python wrapper"):
        run_jobs([Job("swig", swig_script(), tree / SWIG, folder / "swig.log")], {}, nothing)
    with steps.step("Compile PJSIP and the wrapper") as tell:
        compile_all(tree, folder, options, jobs, tell)
    with steps.step("Link"):
        made = link(tree, folder, options)
    with steps.step("Try the module") as tell:
        manifest = examine(made, source, options, key)
        tell(f"PJSIP {manifest.version}, {manifest.max_calls} call legs")
    return made


def configure(tree: Path, folder: Path, options: BuildOptions) -> None:
    """Write config_site.h and run PJSIP's own configure."""
    (tree / "pjlib/include/pj/config_site.h").write_text(config_site(options), encoding="ascii")
    for part in (*PARTS, "third_party"):
        (tree / part / "lib").mkdir(exist_ok=True)
    script = f"sh ./aconfigure {' '.join(configure_flags(options))}"
    env = {"CFLAGS": options.cflags, "CXXFLAGS": options.cflags, "LIBS": "-lspeexdsp"}
    run_jobs([Job("configure", script, tree, folder / "configure.log")], env, nothing)


def swig_script() -> str:
    """The command of PJSIP's own Makefile, less the documentation that it would copy into every docstring."""
    includes = " ".join(f"-I../../../../{part}/include" for part in PARTS)
    return f"swig {includes} -c++ -w312 -threads -python -o pjsua2_wrap.cpp ../pjsua2.i"


def compile_all(tree: Path, folder: Path, options: BuildOptions, jobs: int, tell: Tell) -> None:
    """Compile the static libraries, one after the other, and the wrapper beside them."""
    libraries = "\n".join(f"make -j{jobs} -C {part}/build lib" for part in PARTS)
    wrapper = (
        f"g++ {options.wrapper_cflags} $(make -s -f helper.mak cflags | grep -E '^-(D|I)')"
        f" -I{python_include()} -c pjsua2_wrap.cpp -o pjsua2_wrap.o"
    )
    work = [
        Job("compiling the Python wrapper", wrapper, tree / SWIG, folder / "wrapper.log"),
        Job("compiling PJSIP", libraries, tree, folder / "libraries.log"),
    ]
    run_jobs(work, {}, lambda: tell(f"{count_objects(tree)} files"))


def link(tree: Path, folder: Path, options: BuildOptions) -> Path:
    """Link wrapper and libraries to one extension module; return the folder that holds it and pjsua2.py."""
    made = folder / "made"
    made.mkdir()
    name = "_pjsua2" + str(sysconfig.get_config_var("EXT_SUFFIX"))
    script = (
        "g++ -shared -Wl,--as-needed -o module.so pjsua2_wrap.o $(make -s -f helper.mak ldflags)"
        " $(make -s -f helper.mak libs | sed s/^/-l/) -lspeexdsp\n"
        f"strip --strip-unneeded -o {made / name} module.so\ncp pjsua2.py {made / MODULE}"
    )
    run_jobs([Job("linking", script, tree / SWIG, folder / "link.log")], {}, nothing)
    return made


def examine(made: Path, source: Source, options: BuildOptions, key: str) -> Manifest:
    """Import the new module in a Python of its own, ask it what it is, and write the manifest.

    Raises BuildFailed if it does not load or is not what was asked for.
    """
    version, max_calls = ask_library(made)
    wanted = options.capacity.calls
    if (version, max_calls) != (VERSION, wanted):
        raise BuildFailed(
            f"it says PJSIP {version} with {max_calls} calls; {VERSION} with {wanted} was asked for"
        )
    files = tuple(sorted(file.name for file in made.iterdir() if file.name != "__pycache__"))
    digests = {name: sha256_of(made / name) for name in files}
    manifest = Manifest(
        version=version,
        max_calls=max_calls,
        ioqueue=options.ioqueue,
        source=source.origin,
        sha256=source.sha256,
        tls=options.tls,
        key=key,
        files=files,
        digests=digests,
    )
    (made / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def has_tls() -> bool:
    """Whether OpenSSL's headers are here. True where there is no compiler to ask.

    Only the cache can help then.
    """
    try:
        return has_header("openssl/ssl.h")
    except OSError:
        return True


def with_kept_log(error: BuildFailed, root: Path) -> BuildFailed:
    """The same error, its log moved out of the folder that is about to go."""
    if error.log is None:
        return error
    kept = root / "failed.log"
    shutil.copyfile(error.log, kept)
    return BuildFailed(f"{error}\nAll of it: {kept}", kept)


def nothing() -> None:
    """For steps too short to tell about."""
