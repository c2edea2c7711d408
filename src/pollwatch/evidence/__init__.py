"""The tamper-evident log that a rival can check. Knows only bytes: nothing of logs, incidents or elections."""
