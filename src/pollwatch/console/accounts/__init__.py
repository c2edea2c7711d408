"""Who may come in: accounts, what they prove themselves with, sessions, tokens, and the trail of what they did.

::

    tables      what is kept in the case's database
    account     people and their roles
    passwords   argon2id, and which passwords are refused
    totp        six digits from a telephone (RFC 6238), and recovery codes
    passkeys    WebAuthn
    oidc        sign-in at somebody else's identity provider
    throttle    how often one may try, per account and whence
    links       one-time links: the first account, new accounts, forgotten passwords
    sessions    who is signed in, where
    tokens      for programs
    trail       what everybody did
    desk        all of it together: the flows that pages and commands call
    gate        ASGI: finds out who is looking, and refuses forms that are not our own

Of secrets only hashes are kept, but for TOTP, whose secret both sides must know.
"""
