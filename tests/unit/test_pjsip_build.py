"""The PJSIP builder's decisions: what is trusted, what decides the cache key, what `info` reads.

No network, no compiler.
"""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.pjsip import cache, checksums, debian, info, install, options, patch, source, unpack
from gateway.pjsip.errors import BuildFailed, SourceRefused, SourceUnavailable
from gateway.pjsip.options import VERSION, BuildOptions, Capacity

VERSION_MAK = """\
export PJ_VERSION_MAJOR  := {major}
export PJ_VERSION_MINOR  := {minor}
export PJ_VERSION_REV    :=
export PJ_VERSION_SUFFIX :=
"""


def tarball(file: Path, version: str = VERSION, **extra: tarfile.TarInfo) -> Path:
    """A tiny PJSIP source with nothing but its version, and `extra` members."""
    major, minor = version.split(".")
    text = VERSION_MAK.format(major=major, minor=minor).encode()
    with tarfile.open(file, "w:xz") as tar:
        member = tarfile.TarInfo("pjproject/version.mak")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
        for more in extra.values():
            tar.addfile(more)
    return file


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


class TestNamedSource:
    def test_takes_a_tarball_with_the_checksum_that_the_admin_gives(self, tmp_path: Path) -> None:
        file = tarball(tmp_path / "p.tar.xz")
        assert source.named_source(file, sha256(file)).sha256 == sha256(file)
        assert source.named_source(file, sha256(file).upper()).sha256 == sha256(file)

    def test_takes_a_pinned_checksum_without_being_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tarball(tmp_path / "p.tar.xz")
        monkeypatch.setitem(checksums.PINNED, sha256(file), "test")
        assert source.named_source(file, None).sha256 == sha256(file)

    def test_refuses_a_tampered_tarball(self, tmp_path: Path) -> None:
        file = tarball(tmp_path / "p.tar.xz")
        promised = sha256(file)
        flip_a_byte(file)
        with pytest.raises(SourceRefused, match="was expected"):
            source.named_source(file, promised)

    def test_refuses_an_unknown_checksum_and_says_how_to_vouch_for_it(self, tmp_path: Path) -> None:
        file = tarball(tmp_path / "p.tar.xz")
        with pytest.raises(SourceRefused, match=f"--sha256 {sha256(file)}"):
            source.named_source(file, None)

    def test_refuses_a_pinned_checksum_when_the_admin_gives_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tarball(tmp_path / "p.tar.xz")
        monkeypatch.setitem(checksums.PINNED, sha256(file), "test")
        with pytest.raises(SourceRefused):
            source.named_source(file, "0" * 64)

    def test_says_which_version_it_found(self, tmp_path: Path) -> None:
        file = tarball(tmp_path / "p.tar.xz", "2.99")
        with pytest.raises(SourceUnavailable, match=r"PJSIP 2\.99"):
            source.named_source(file, sha256(file))

    def test_a_folder_cannot_be_vouched_for_by_checksum(self, tmp_path: Path) -> None:
        with pytest.raises(SourceRefused):
            source.named_source(tmp_path, "0" * 64)

    def test_says_that_there_is_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(SourceUnavailable, match="does not exist"):
            source.named_source(tmp_path / "nothing.tar", None)


class TestKeptSource:
    def keep(self, store: Path, version: str = VERSION) -> source.Source:
        store.mkdir(exist_ok=True)
        file = tarball(store / "download", version)
        return source.keep_source(store, file, sha256(file), "somewhere")

    def test_is_found_again_with_its_origin(self, tmp_path: Path) -> None:
        kept = self.keep(tmp_path / "store")
        assert source.kept_source(tmp_path / "store") == kept
        assert kept.origin == "somewhere"

    def test_is_thrown_away_when_it_was_tampered_with(self, tmp_path: Path) -> None:
        kept = self.keep(tmp_path / "store")
        flip_a_byte(kept.path)
        assert source.kept_source(tmp_path / "store") is None
        assert list((tmp_path / "store").iterdir()) == []

    def test_without_a_record_counts_for_nothing(self, tmp_path: Path) -> None:
        kept = self.keep(tmp_path / "store")
        kept.path.with_suffix(".json").unlink()
        assert source.kept_source(tmp_path / "store") is None

    def test_of_another_version_is_passed_over(self, tmp_path: Path) -> None:
        self.keep(tmp_path / "store", "2.16")
        wanted = self.keep(tmp_path / "store")
        assert source.kept_source(tmp_path / "store") == wanted


class TestDebian:
    URIS = (
        "Need to get 13.2 MB of source archives.\n"
        "'http://mirror/pool/a_1.dsc' a_1.dsc 5389 SHA256:" + "1" * 64 + "\n"
        "'http://mirror/pool/a_1%2bdfsg.orig-Xpjproject.tar.xz' a_1+dfsg.orig-Xpjproject.tar.xz 67755 SHA256:"
        + "2" * 64
        + "\n"
    )

    def test_finds_the_component_and_its_signed_checksum(self) -> None:
        found = debian.parse_component(self.URIS)
        assert (found.name, found.sha256) == ("a_1+dfsg.orig-Xpjproject.tar.xz", "2" * 64)

    def test_refuses_an_index_without_sha256(self) -> None:
        with pytest.raises(SourceRefused, match="MD5Sum"):
            debian.parse_component(self.URIS.replace("SHA256:2", "MD5Sum:2"))

    def test_says_when_the_package_has_no_such_component(self) -> None:
        with pytest.raises(SourceUnavailable):
            debian.parse_component("'http://mirror/pool/a_1.dsc' a_1.dsc 5389 SHA256:" + "1" * 64)

    def test_uses_the_mirror_of_debian_proper_once(self) -> None:
        rows = [
            "Debian\tDebian-Security\ts",
            "Debian\tDebian\tm",
            "Other\tOther\to",
            "Debian\tDebian\tm",
            "bad",
        ]
        assert debian.parse_mirrors("\n".join(rows)) == ["m"]

    @pytest.mark.parametrize(
        "line",
        [
            "W: GPG error: http://mirror forky InRelease: signatures couldn't be verified: NO_PUBKEY 1",
            "E: The repository 'http://mirror forky InRelease' is not signed.",
            "E: Failed to fetch store:/var/x  Hash Sum mismatch",
            "W: http://mirror: Signature by key 1 uses weak algorithm",
        ],
    )
    def test_refuses_whenever_apt_doubts_the_archive_even_if_it_ends_with_0(self, line: str) -> None:
        with pytest.raises(SourceRefused):
            debian.judge(0, f"Get:1 something\n{line}\n", "forky")

    def test_goes_on_to_the_next_place_when_the_mirror_is_away(self) -> None:
        with pytest.raises(SourceUnavailable, match="Could not resolve"):
            debian.judge(100, "E: Failed to fetch http://mirror Could not resolve 'mirror'", "forky")

    def test_a_harmless_warning_is_harmless(self) -> None:
        debian.judge(0, "W: Download is performed unsandboxed as root", "forky")


class TestUnpack:
    def test_gives_the_top_of_the_tree(self, tmp_path: Path) -> None:
        tree = unpack.unpack(tarball(tmp_path / "p.tar.xz"), tmp_path / "out")
        assert unpack.parse_version((tree / "version.mak").read_text()) == VERSION

    @pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
    def test_refuses_paths_that_lead_out(self, tmp_path: Path, name: str) -> None:
        file = tarball(tmp_path / "p.tar.xz", more=tarfile.TarInfo(name))
        with pytest.raises(SourceRefused):
            unpack.unpack(file, tmp_path / "out")

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a/../../../x"])
    def test_refuses_links_that_lead_out(self, tmp_path: Path, target: str) -> None:
        link = tarfile.TarInfo("pjproject/link")
        link.type, link.linkname = tarfile.SYMTYPE, target
        with pytest.raises(SourceRefused):
            unpack.unpack(tarball(tmp_path / "p.tar.xz", more=link), tmp_path / "out")

    def test_refuses_devices(self, tmp_path: Path) -> None:
        device = tarfile.TarInfo("pjproject/device")
        device.type = tarfile.CHRTYPE
        with pytest.raises(SourceRefused):
            unpack.unpack(tarball(tmp_path / "p.tar.xz", more=device), tmp_path / "out")


class TestCacheKey:
    BASE = BuildOptions()

    @pytest.mark.parametrize(
        "changed",
        [
            replace(BASE, capacity=Capacity(calls=8192)),
            replace(BASE, capacity=Capacity(ioqueue_handles=1024)),
            replace(BASE, tls=False),
            replace(BASE, cflags="-O0"),
            replace(BASE, patches=()),
        ],
    )
    def test_changes_with_the_configuration(self, changed: BuildOptions) -> None:
        assert options.cache_key(changed) != options.cache_key(self.BASE)

    def test_changes_with_python_and_pjsip(self) -> None:
        key = options.cache_key(self.BASE)
        assert options.cache_key(self.BASE, abi="cpython-313-x86_64-linux-gnu") != key
        assert options.cache_key(self.BASE, version="2.18") != key

    def test_is_the_same_for_the_same(self) -> None:
        assert options.cache_key(BuildOptions()) == options.cache_key(self.BASE)

    def test_configuration_holds_what_the_design_asks_for(self) -> None:
        lines = options.config_site(self.BASE).splitlines()
        for wanted in ("PJSUA_MAX_CALLS 4096", "PJ_IOQUEUE_MAX_HANDLES 16384", "PJSUA_MAX_CALL_MEDIA 6"):
            assert f"#define {wanted}" in lines
        assert "--enable-epoll" in options.configure_flags(self.BASE)
        assert "--disable-ssl" in options.configure_flags(replace(self.BASE, tls=False))


class TestPatches:
    PATCH = patch.Patch("f.h", "old", "new", "because")

    def test_changes_the_one_place(self) -> None:
        assert patch.patch_text("an old line", self.PATCH) == "an new line"

    @pytest.mark.parametrize("text", ["nothing", "old and old"])
    def test_refuses_a_source_that_does_not_look_as_expected(self, text: str) -> None:
        with pytest.raises(BuildFailed):
            patch.patch_text(text, self.PATCH)


def put_build(folder: Path, text: str = "module", key: str = "k") -> cache.Manifest:
    """A finished build as the cache holds it."""
    folder.mkdir(exist_ok=True)
    (folder / "pjsua2.py").write_text(text)
    made = cache.Manifest(
        version="2.17",
        max_calls=4096,
        ioqueue="epoll",
        source="Debian forky, a.tar.xz",
        sha256="2" * 64,
        tls=True,
        key=key,
        files=("pjsua2.py",),
        digests={"pjsua2.py": sha256(folder / "pjsua2.py")},
    )
    (folder / cache.MANIFEST).write_text(made.to_json())
    return made


class TestInstall:
    @pytest.fixture(autouse=True)
    def no_wheel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(install, "has_ready_wheel", lambda: False)

    def test_copies_module_and_manifest(self, tmp_path: Path) -> None:
        (tmp_path / "site").mkdir()
        made = put_build(tmp_path / "built")
        assert install.install(tmp_path / "built", tmp_path / "site") == made
        assert install.installed("k", tmp_path / "site") == made
        assert install.installed("another", tmp_path / "site") is None

    def test_refuses_a_cached_module_that_changed_since_it_was_built(self, tmp_path: Path) -> None:
        (tmp_path / "site").mkdir()
        put_build(tmp_path / "built")
        (tmp_path / "built" / "pjsua2.py").write_text("import evil")
        with pytest.raises(SourceRefused):
            install.install(tmp_path / "built", tmp_path / "site")
        assert not (tmp_path / "site" / cache.MANIFEST).exists()

    def test_a_build_with_a_missing_file_is_no_build(self, tmp_path: Path) -> None:
        put_build(tmp_path / "built")
        (tmp_path / "built" / "pjsua2.py").unlink()
        assert cache.read_manifest(tmp_path / "built") is None

    @pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"version": "2.17"})])
    def test_a_broken_manifest_is_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / cache.MANIFEST).write_text(text)
        assert cache.read_manifest(tmp_path) is None


class TestInfo:
    def test_comes_from_the_manifest_without_loading_the_library(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_build(tmp_path / "built", "raise SystemExit('loaded')")
        monkeypatch.setattr(info, "module_folder", lambda: tmp_path / "built")
        found = info.pjsip_info()
        assert found == info.PjsipInfo("2.17", 4096, "epoll", "Debian forky, a.tar.xz", "2" * 64, False)

    def test_a_module_without_manifest_is_asked_and_counts_as_the_wheel(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class EpConfig:
            class uaConfig:  # noqa: N801  # PJSUA2's name
                maxCalls = 4  # noqa: N815

        module = type("pjsua2", (), {"EpConfig": EpConfig})
        monkeypatch.setitem(__import__("sys").modules, "pjsua2", module)
        monkeypatch.setattr(info, "module_folder", lambda: tmp_path)
        found = info.pjsip_info()
        assert (found.max_calls, found.is_ready_wheel) == (4, True)

    def test_says_what_to_do_when_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(info, "module_folder", lambda: None)
        with pytest.raises(Exception, match="gateway pjsip build"):
            info.pjsip_info()
