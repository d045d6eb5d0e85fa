"""``system install``, ``uninstall`` and ``load-image`` as they are typed and printed, on platform ``linux``."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Run


def test_installing_twice_changes_nothing_the_second_time(skupper: Run, data_home: Path) -> None:
    first = skupper("system install -p linux")
    assert first.status == 0
    assert f"done:  made {data_home}/namespaces for sites" in first.out
    assert "Platform linux is now configured for Skupper" in first.out
    assert "next: skupper-local site create my-site\n" in first.err
    second = skupper("system install -p linux")
    assert second.status == 0
    assert "done:" not in second.out


def test_uninstalling_refuses_while_there_are_sites_and_then_leaves_nothing(
    skupper: Run, data_home: Path
) -> None:
    skupper("system install -p linux")
    skupper("site create west -n west")
    refused = skupper("system uninstall")
    assert refused.status == 1
    assert "error [sites-active]" in refused.err
    assert "The west site is active (namespace west)" in refused.err
    done = skupper("system uninstall --force")
    assert done.status == 0
    assert "removed: namespace west" in done.out
    assert not data_home.exists()


def test_sites_of_other_platforms_stay(skupper: Run, data_home: Path) -> None:
    skupper("site create west -n west")
    assert skupper("system uninstall -p linux --force").status == 0
    assert (data_home / "namespaces" / "west").is_dir()


def test_with_nothing_installed_there_is_nothing_to_uninstall(skupper: Run, data_home: Path) -> None:
    done = skupper("system uninstall -p linux")
    assert (done.status, done.out) == (0, "There is nothing to uninstall here\n")
    assert not data_home.exists()


def test_what_a_platform_does_not_have_is_refused(skupper: Run, data_home: Path) -> None:
    for words, code in (
        ("system install -p linux --pull missing", "install-wish-invalid"),
        ("system install -p linux --archive x.tar", "install-wish-invalid"),
        ("system install -p podman --archive x.tar --pull always", "install-wish-invalid"),
        ("system install --reload-type auto", "reload-type-unsupported"),
        ("system load-image x.tar -p linux", "platform-without-images"),
        ("system install -n west", "usage"),
        ("system uninstall -p windows", "platform-not-supported"),
    ):
        ran = skupper(words)
        assert (ran.status, f"error [{code}]" in ran.err) == (2, True), (words, ran)
        assert not data_home.exists()
