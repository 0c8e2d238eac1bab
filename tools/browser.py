"""Set up a Chromium for tests/browser: .venv/bin/python tools/browser.py

`make test` runs this. It does nothing if a Chromium starts: the one that the variable CHROMIUM
names, Playwright's own, or the machine's. Otherwise it tries, in this order:

  1. Playwright's own Chromium, downloaded to Playwright's cache
  2. the distribution's package `chromium`, as root or with sudo that asks for no password

If neither is possible, the browser tests are skipped, and the last line of `make test` says so.
With CI=true that is an error: the exit code is 2.
"""

import os
import shutil
import sys

from setup import run, say

HOW = (
    "install Chromium (on Debian: apt-get install chromium), or give the path of one as CHROMIUM, "
    "and run make test again"
)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OWN = None  # Playwright's own Chromium, whose path Playwright knows
CONNECT_SECONDS = 10
INSTALL = "apt-get install -y -qq --no-install-recommends chromium"


def candidates():
    """Return the paths of all Chromiums to try, `OWN` among them; only CHROMIUM if it is set."""
    if os.environ.get("CHROMIUM"):
        return [os.environ["CHROMIUM"]]
    return [OWN, *(path for path in map(shutil.which, PROGRAMS) if path)]


def launch(playwright):
    """Start the first Chromium that starts; return it, or None."""
    from playwright.sync_api import Error

    for path in candidates():
        try:
            return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error:  # none there, or the machine lacks a library of it
            continue
    return None


def starts():
    """Return whether a Chromium starts."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser:
            browser.close()
    return browser is not None


def is_required():
    """Return whether a missing browser is an error: in continuous integration."""
    return os.environ.get("CI") == "true"


def download():
    """Download Playwright's own Chromium; return whether it starts."""
    say("no Chromium for tests/browser: downloading Playwright's")
    timeout = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(1000 * CONNECT_SECONDS)}
    command = (sys.executable, "-m", "playwright", "install", "--only-shell", "chromium")
    done, _ = run(*command, env={**timeout, **os.environ})
    if not done:
        say("Playwright's Chromium cannot be downloaded from here")
    return done and starts()


def install_package():
    """Install the distribution's package; return whether its Chromium starts."""
    if not shutil.which("apt-get"):
        return False
    as_root = ()
    if os.geteuid():
        as_root = ("sudo", "-n")
        if not shutil.which("sudo") or not run(*as_root, "true")[0]:
            return False
    say("installing the package chromium for tests/browser: " + " ".join((*as_root, INSTALL)))
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    run(*as_root, "apt-get", "update", "-qq")  # may fail for one of several sources
    done, output = run(*as_root, *quiet, *INSTALL.split())
    if not done:
        say("the package chromium cannot be installed: " + output)
    return done and starts()


def main():
    """Set up a Chromium; return the exit code."""
    if starts():
        return 0
    if os.environ.get("CHROMIUM"):
        say("CHROMIUM={} does not start".format(os.environ["CHROMIUM"]))
        return 2
    if download() or install_package():
        return 0
    if is_required():
        say("no Chromium starts, and CI=true: " + HOW)
        return 2
    say("no Chromium starts: the tests in tests/browser will be skipped")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
