"""What a value that a visitor sent *is*: a small grammar per language that a site may be made to run.

Each module knows one language and has one function, ``kinds``: which constructs of it a decoded text holds, as words
(``union``, ``handler``, ``substitution``), or none where the text only looks like it. A text counts because it parses
as a fragment of the language in one of the places where a site may have put it, not because of the words in it.
``judge`` asks them all about one request or header; ``pollwatch.events.meaning`` makes columns of the answers.

Everything here is pure, bounded (:data:`pollwatch.events.grammar.sqltokens.MOST_TOKENS`, the decoder's length) and
never raises, whatever the text.
"""
