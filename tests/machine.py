"""What is to be found on this machine: users, groups, processes."""

import grp
import os
import pwd
import subprocess

from checks import Skip

ROOT = os.geteuid() == 0


def environment(**variables):
    """That of the dispatchers under test."""
    # A directory that can't be searched would turn each ENOENT of exec into EACCES.
    path = ":".join(directory for directory in os.get_exec_path() if os.access(directory, os.X_OK))
    return {**os.environb, b"PATH": os.fsencode(path),
            **{name.encode(): value for name, value in variables.items()}}


def user_name(number):
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number):
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def unused_id():
    """An id with an entry in neither database."""
    used = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    return next(number for number in range(54321, 60000) if number not in used)


def other_user():
    """A user that isn't ours, preferably one with supplementary groups."""
    listed = {name for group in grp.getgrall() for name in group.gr_mem}
    others = [entry for entry in pwd.getpwall() if entry.pw_uid not in (0, os.geteuid())]
    others.sort(key=lambda entry: entry.pw_name not in listed)
    if not others:
        raise Skip("there is no other user")
    return others[0]


def other_group():
    for entry in grp.getgrall():
        if entry.gr_gid not in (0, os.getegid(), *os.getgroups()):
            return entry
    raise Skip("there is no other group")


def process_is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def mounting(directory, script):
    """What stands before a command that sees what SCRIPT mounts in DIRECTORY; nobody else does."""
    unshare = ["unshare", "--mount"] if ROOT else ["unshare", "--map-root-user", "--mount"]
    prefix = [*unshare, "sh", "-c", f'(cd "$1" && {script}) && shift && exec "$@"', "sh", directory]
    try:
        trial = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        raise Skip("there is no unshare") from None
    if trial.returncode != 0:
        raise Skip("may not mount: " + trial.stderr.decode(errors="replace").strip())
    return prefix


def only_root():
    if not ROOT:
        raise Skip("needs root")


def only_ordinary_user():
    if ROOT:
        raise Skip("root may do it")


def read(path):
    with open(path, "rb") as file:
        return file.read()
