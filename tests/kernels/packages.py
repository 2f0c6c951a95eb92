# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels as Debian builds them, from the archive that this machine's apt uses, also of releases that it
does not follow: apt is asked with a list of sources, package lists and a cache of our own, which leaves
the machine's as they are. Signatures are checked as always.

A kernel stays in the cache: to ask the archive for newer ones, remove it there."""
import os
import pathlib
import re
import subprocess
import tempfile

# The name of a kernel → the release that has it. Debian keeps to one kernel version in a release,
# but for sid, which has the newest.
RELEASES = {"6.1": "bookworm", "6.12": "trixie", "newest": "sid"}
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    pass


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home, "heaptap", "kernels")


def tell(*argv, **how):
    finished = subprocess.run([str(arg) for arg in argv], capture_output=True, check=False, **how)
    if finished.returncode:
        text = finished.stderr.decode(errors="replace").strip()
        raise Unavailable(f"{argv[0]} ended with {finished.returncode}: {text[-500:]}")
    return finished.stdout.decode(errors="replace")


def machine_release():
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if fields.get("ID") != "debian":
        raise Unavailable("kernels are taken from Debian's archive, and this machine is not Debian")
    return fields["VERSION_CODENAME"]


def mirror():
    """Where this machine's apt gets its own release from."""
    targets = tell("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
                   f"Release: {machine_release()}", "Component: main")
    if not targets:
        raise Unavailable("apt has no source of this machine's release")
    return targets.split()[0]


class Archive:
    """One release of Debian, as apt sees it."""

    def __init__(self, release, directory):
        self.directory = directory
        for name in ("lists/partial", "archives/partial"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        sources = directory / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {release} main\n")
        self.options = [f"-o{key}={value}" for key, value in {
            "Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": directory / "lists", "Dir::State::status": "/dev/null",
            "Dir::Cache": directory, "APT::Architecture": "amd64", "APT::Architectures": "amd64",
            "APT::Sandbox::User": "root", "Acquire::Languages": "none", "Acquire::Retries": "3",
            "APT::Update::Error-Mode": "any",
        }.items()]
        tell("apt-get", *self.options, "-q", "update")

    def dependency(self, package, name):
        """The package of this form that a package depends on, or None."""
        found = re.search(rf"Depends: ({name})$", tell("apt-cache", *self.options, "depends", package),
                          re.MULTILINE)
        return found and found[1]

    def download(self, package):
        tell("apt-get", *self.options, "-q", "download", package, cwd=self.directory)
        return next(self.directory.glob(f"{package}_*.deb"))


def extract(deb, vmlinuz):
    """/boot/vmlinuz-VERSION, or since 2026 /usr/lib/modules/VERSION/vmlinuz, out of a package."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as packed, \
            open(vmlinuz, "wb") as file:
        subprocess.run(["tar", "-xO", "--wildcards", "*/vmlinuz*"], stdin=packed.stdout, stdout=file,
                       stderr=subprocess.DEVNULL, check=False)
    if not vmlinuz.stat().st_size:
        raise Unavailable(f"no vmlinuz in {deb.name}")


def fetch(release, vmlinuz):
    vmlinuz.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=vmlinuz.parent) as directory:
        archive = Archive(release, pathlib.Path(directory))
        image = archive.dependency("linux-image-amd64", r"linux-image-[0-9]\S*-amd64")
        if not image:
            raise Unavailable(f"linux-image-amd64 of {release} depends on no kernel")
        deb = archive.download(archive.dependency(image, r"linux-binary-\S+") or image)
        extracted = pathlib.Path(directory, "vmlinuz")
        extract(deb, extracted)
        extracted.rename(vmlinuz)


def kernel(name):
    """The path of the vmlinuz."""
    vmlinuz = cache() / f"vmlinuz-{name}"
    if not vmlinuz.exists():
        fetch(RELEASES[name], vmlinuz)
    return vmlinuz
