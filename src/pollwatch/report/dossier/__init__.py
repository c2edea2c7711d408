"""The dossier of a case: a neutral document, made once, and drawn as PDF (typst) and as HTML.

``material`` is what is known, gathered beforehand; ``contents`` turns it into a document of ``blocks``, chapter by
chapter; ``pdf`` and ``page`` draw that. Both say the same, since neither writes a sentence of its own.
"""
