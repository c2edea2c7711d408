"""Reports of a case: HTML, Markdown, ATT&CK Navigator."""
