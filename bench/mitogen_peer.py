"""What the bench compares with, done with Mitogen:

    mitogen_peer.py CONFIG HOST connect
    mitogen_peer.py CONFIG HOST put SOURCE TARGET
"""

import os
import sys

import mitogen.master
import mitogen.service
import mitogen.utils


def fetch(near, source, target):
    """At the far side: get SOURCE of the near side."""
    with open(target, "wb") as out:
        fine, _ = mitogen.service.FileService.get(near, source, out)
    return fine


def main(router):
    config, host, what = sys.argv[1:4]
    far = router.ssh(hostname=host, ssh_args=["-F", config], python_path="/usr/bin/python3")
    if what == "connect":
        return far.call(os.system, "true") == 0
    source, target = sys.argv[4:]
    service = mitogen.service.FileService(router)
    service.register(source)
    pool = mitogen.service.Pool(router, services=[service])
    fine = far.call(fetch, router.myself(), source, target)
    pool.stop()
    return fine


if __name__ == "__main__":
    sys.exit(0 if mitogen.utils.run_with_router(main) else 1)
