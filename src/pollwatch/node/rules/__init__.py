"""Rules as people handle them: imported, listed, tested, measured against ATT&CK and against a log."""
