"""Opens and closes PAM sessions as cron does for each job; users' names arrive on the pipe that is its argument."""

import ctypes
import os
import sys
import syslog

CONVERSATION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    """``struct pam_conv``; cron's jobs are asked nothing."""

    _fields_ = (("ask", CONVERSATION), ("data", ctypes.c_void_p))


def session(user: str) -> None:
    """One job: the session opens and closes, and pam_unix writes its two lines."""
    syslog.openlog("CRON", syslog.LOG_PID, syslog.LOG_CRON)
    syslog.syslog(f"({user}) CMD (run-parts /etc/cron.hourly)")
    pam, handle = ctypes.CDLL("libpam.so.0"), ctypes.c_void_p()
    conversation = Conversation(CONVERSATION(lambda *_: 19), None)  # PAM_CONV_ERR
    if pam.pam_start(b"cron", user.encode(), ctypes.byref(conversation), ctypes.byref(handle)) == 0:
        pam.pam_open_session(handle, 0)
        pam.pam_close_session(handle, 0)
        pam.pam_end(handle, 0)


def main() -> None:
    """Fork for each name, so that each job has its own process id."""
    with open(sys.argv[1], "r+b", buffering=0) as pipe:  # noqa: PTH123 - "+": the pipe must not end with its first writer
        waiting = b""
        while chunk := pipe.read(4096):
            *names, waiting = (waiting + chunk).split(b"\n")
            for name in names:
                child = os.fork()
                if child == 0:
                    session(name.decode())
                    os._exit(0)
                os.waitpid(child, 0)


if __name__ == "__main__":
    main()
