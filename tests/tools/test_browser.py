"""tools/browser.py: where `make test` gets a Chromium from, and what it says without one."""

import sys

import browser
import pytest

from tests.conftest import NO_CHROMIUM

SKIPPED = f"{NO_CHROMIUM}: {browser.HOW}"


class Machine:
    """A machine on which each command succeeds or fails, and which notes what is run."""

    def __init__(self, has=(), reachable=False, package=True):
        self.has, self.reachable, self.package = has, reachable, package
        self.commands: list[str] = []
        self.installed = False

    def run(self, *command, **_):
        line = " ".join(command).replace(sys.executable, "python")
        self.commands.append(line)
        if "playwright" in line:
            self.installed = self.reachable
            return self.reachable, ""
        if line.endswith("install -y -qq --no-install-recommends chromium"):
            self.installed = self.package
            return self.package, "E: no such package"
        return line != "sudo -n true" or "sudo without a password" in self.has, ""


@pytest.fixture
def on(monkeypatch, capsys):
    """Runs the program on a machine; returns (exit code, lines on stderr, commands)."""

    def main_on(machine, uid=0, **environment):
        for name in ("CI", "CHROMIUM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(browser, "run", machine.run)
        monkeypatch.setattr(browser, "starts", lambda: machine.installed)
        monkeypatch.setattr(browser.shutil, "which", lambda name: name in machine.has)
        monkeypatch.setattr(browser.os, "geteuid", lambda: uid)
        code = browser.main()
        return code, capsys.readouterr().err.splitlines(), machine.commands

    return main_on


DOWNLOAD = "python -m playwright install --only-shell chromium"
PACKAGE = (
    "env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium"
)


def test_nothing_is_installed_where_a_chromium_starts(on):
    machine = Machine()
    machine.installed = True
    assert on(machine) == (0, [], [])


def test_playwrights_own_chromium_is_downloaded_where_it_is_reachable(on):
    code, lines, commands = on(Machine(has=["apt-get"], reachable=True))
    assert (code, len(lines), commands) == (0, 1, [DOWNLOAD])


def test_package_is_installed_by_root_and_told_in_one_line(on):
    code, lines, commands = on(Machine(has=["apt-get"]))
    assert code == 0
    assert commands == [DOWNLOAD, "apt-get update -qq", PACKAGE]
    assert len([line for line in lines if "installing the package chromium" in line]) == 1


def test_package_is_installed_by_sudo_without_a_password(on):
    machine = Machine(has=["apt-get", "sudo", "sudo without a password"])
    code, _, commands = on(machine, uid=1000)
    assert code == 0
    assert commands[1:] == ["sudo -n true", "sudo -n apt-get update -qq", f"sudo -n {PACKAGE}"]


@pytest.mark.parametrize(
    ("has", "uid"), [([], 0), (["apt-get"], 1000), (["apt-get", "sudo"], 1000)]
)
def test_without_rights_nothing_is_installed_and_the_tests_are_skipped(on, has, uid):
    code, lines, commands = on(Machine(has=has), uid)
    assert code == 0
    assert not any("apt-get" in command for command in commands)
    assert lines[-1] == "setup: no Chromium starts: the tests in tests/browser will be skipped"


@pytest.mark.parametrize("machine", [Machine(), Machine(has=["apt-get"], package=False)])
def test_continuous_integration_fails_instead_of_skipping(on, machine):
    code, lines, _ = on(machine, CI="true")
    assert code == 2
    assert lines[-1].startswith("setup: no Chromium starts, and CI=true: install Chromium")


def test_a_chromium_that_is_named_but_does_not_start_is_an_error(on):
    code, lines, commands = on(Machine(reachable=True), CHROMIUM="/nowhere")
    assert (code, lines, commands) == (2, ["setup: CHROMIUM=/nowhere does not start"], [])


def test_last_line_of_a_test_run_says_how_to_run_skipped_browser_tests(pytester):
    pytester.makeconftest("from tests.conftest import pytest_unconfigure")
    pytester.makepyfile(f"import pytest\n\ndef test_page():\n    pytest.skip({SKIPPED!r})")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    assert done.ret == 0
    assert done.outlines[-1] == f"1 BROWSER TESTS WERE SKIPPED, {SKIPPED}"
